// A tenant on shared stores that are clusters of several servers, on the real engine; each cluster loses a server meanwhile.
import { Cluster } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { servers } from "../../providers/clients/servers.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { initStack, pulumi, run } from "../support/pulumi.ts";
import { postgresqlPair } from "./postgresql.ts";
import { qdrantCluster } from "./qdrant.ts";
import { until } from "../support/redis-lab.ts";
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

describe("Qdrant", () => qdrantCluster(id));
describe("PostgreSQL", () => postgresqlPair(id));

it("Redis loses a master and MinIO a node: the tenant goes on, and the administrator is told of the node", async () => {
  const names = tenantNames(id);
  const { addresses, url } = servers().redis;
  const client = new Cluster([...addresses], {
    redisOptions: { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) },
  });
  client.on("error", () => undefined);
  const keys = Array.from({ length: 20 }, (_, index) => `${names.keyPrefix}cache:${index}`);
  await Promise.all(keys.map((key) => client.set(key, "kept")));
  // One copy more than the master's own, before it goes.
  await Promise.all(client.nodes("master").map((node) => node.wait(1, 10_000)));
  await kill("redis");
  await kill("minio");
  await until("a replica has taken over", async () => {
    const found = await Promise.all(keys.map((key) => client.get(key)));
    return found.every((value) => value === "kept");
  });
  client.disconnect();
  const incomplete = await run(process.execPath, ["cli/tenant.ts", "verify", id]);
  expect(incomplete.code).not.toBe(0);
  expect(incomplete.all).toContain("1 of 6 Redis nodes cannot be used");
  await revive("redis");
  await revive("minio");
  await until("verification passes again", async () => {
    const { code } = await run(process.execPath, ["cli/tenant.ts", "verify", id]);
    return code === 0;
  });
});

it("destroy leaves nothing in any cluster", async () => {
  // Its state says where PostgreSQL's primary was.
  const { code, all } = await run(process.execPath, ["cli/tenant.ts", "deprovision", id, "--confirm", id]);
  expect(all).not.toContain("error:");
  expect(code).toBe(0);
  expect(await tracesOf(tenantNames(id), servers(), { keys: true })).toEqual([]);
});
