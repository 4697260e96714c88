// A tenant on shared stores that are clusters of several servers, on the real engine; each cluster loses a server meanwhile.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { servers } from "../../providers/clients/servers.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { initStack, pulumi } from "../support/pulumi.ts";
import { qdrantCluster } from "./qdrant.ts";
import { closeWorld, openWorld } from "./world.ts";

const id = "clustered";

beforeAll(openWorld);
afterAll(closeWorld);

it("up gives the tenant its place in all clusters, and verifies it", async () => {
  await initStack(id, { id, network: ["10.90.0.0/16"], qdrantShards: 3, qdrantReplicas: 2, qdrantVectorSize: 2 });
  const { code, all } = await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]);
  expect(all).not.toContain("error:");
  expect(code).toBe(0);
});

describe("Qdrant", () => qdrantCluster(id));

it("destroy leaves nothing in any cluster", async () => {
  const { code, all } = await pulumi(["destroy", "--stack", id, "--yes", "--skip-preview"], {
    TENANT_CONFIRM_DESTROY: id,
  });
  expect(all).not.toContain("error:");
  expect(code).toBe(0);
  expect(await tracesOf(tenantNames(id), servers(), { keys: true })).toEqual([]);
});
