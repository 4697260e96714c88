// A tenant on shared stores that are clusters of several servers, on the real engine; each cluster loses a server meanwhile.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { canaryId, tenantNames } from "../../components/names.ts";
import { servers } from "../../providers/clients/servers.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { initStack, pulumi, run } from "../support/pulumi.ts";
import { lostInTheMiddle } from "./losses.ts";
import { minioAnswers } from "./minio.ts";
import { postgresqlPair } from "./postgresql.ts";
import { qdrantCluster } from "./qdrant.ts";
import { until } from "../support/redis-lab.ts";
import { clusterClient } from "./redis.ts";
import { closeWorld, kill, openWorld, revive } from "./world.ts";

const id = "clustered";

beforeAll(openWorld);
afterAll(closeWorld);

it("up gives the tenant its place in all clusters, and verifies it", async () => {
  await initStack(id, { id, network: ["10.90.0.0/16"], qdrantShards: 3, qdrantReplicas: 2, qdrantVectorSize: 2 });
  const { code, all } = await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]);
  expect(all).not.toContain("error:");
  expect(code).toBe(0);
});

it("every MinIO node lets it into its own bucket and into no other", async () => {
  expect(await minioAnswers(id)).toEqual(Array(4).fill("OK"));
  expect(await minioAnswers(id, canaryId)).toEqual(Array(4).fill("AccessDenied"));
});

describe("Qdrant", () => qdrantCluster(id));
describe("PostgreSQL", () => postgresqlPair(id));

it("Redis loses a master and MinIO a node: the tenant goes on, and the administrator is told of the node", async () => {
  const keys = Array.from({ length: 20 }, (_, index) => `${tenantNames(id).keyPrefix}cache:${index}`);
  await clusterClient(async (client) => {
    await Promise.all(keys.map((key) => client.set(key, "kept")));
    // One copy more than the master's own, before it goes.
    await Promise.all(client.nodes("master").map((node) => node.wait(1, 10_000)));
    await kill("redis");
    await kill("minio");
    await until("a replica has taken over", async () => {
      const found = await Promise.all(keys.map((key) => client.get(key)));
      return found.every((value) => value === "kept");
    });
  });
  const incomplete = await run(process.execPath, ["cli/tenant.ts", "verify", id]);
  expect(incomplete.code).not.toBe(0);
  expect(incomplete.all).toContain("1 of 6 Redis nodes cannot be used");
  await revive("redis");
  await revive("minio");
  const verified = async (): Promise<boolean> =>
    (await run(process.execPath, ["cli/tenant.ts", "verify", id])).code === 0;
  await until("verification passes again", verified, 120);
});

it("destroy leaves nothing in any cluster", async () => {
  // Its state says where PostgreSQL's primary was.
  const { code, all } = await run(process.execPath, ["cli/tenant.ts", "deprovision", id, "--confirm", id]);
  expect(all).not.toContain("error:");
  expect(code).toBe(0);
  expect(await tracesOf(tenantNames(id), servers(), { keys: true })).toEqual([]);
});

describe("in the middle of a run", lostInTheMiddle);
