// A tenant whose stack names a Redis Cluster: provisioned, verified, guarded and destroyed by the real engine.
import { Cluster } from "ioredis";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import type { Connection } from "../../cli/connection.ts";
import type { Report } from "../../cli/verify/index.ts";
import { tenantCommands } from "../../providers/clients/redis-commands.ts";
import { parseRedisUrl } from "../../providers/clients/redis-url.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { provider } from "../../providers/redis-acl-user.ts";
import { platformUp } from "../support/platform.ts";
import { initStack, planned, printed, pulumi, removeStack, run, setConfig } from "../support/pulumi.ts";
import { makeCluster, type ClusterNode } from "../support/redis-cluster.ts";
import { redisLab, type LabServer } from "../support/redis-lab.ts";

const lab = redisLab();
// The audit log outlives a tenant: an id of its own for each run.
const id = `cluster${Date.now().toString(36)}`;
const names = tenantNames(id);
const keys = Array.from({ length: 40 }, (_, index) => `${names.keyPrefix}key:${index}`);
let masters: ClusterNode[];
let all: ClusterNode[];

const hasUser = (node: LabServer): Promise<boolean> =>
  node.admin(async (client) => (await client.call("ACL", "GETUSER", names.redisUser)) !== null);
const keysOn = (node: LabServer): Promise<string[]> => node.admin((client) => client.keys(`${names.keyPrefix}*`));
const tenant = (...args: string[]) => run(process.execPath, ["cli/tenant.ts", ...args]);

/** The tenant that every tenant is verified against: the platform stack made it on the other Redis only. */
async function makeCanary(url: string): Promise<void> {
  const other = process.env["REDIS_URL"];
  const { redisUser: user, keyPrefix: prefix } = tenantNames("canary");
  process.env["REDIS_URL"] = url;
  try {
    await provider.create({ user, prefix, passwordHash: "c".repeat(64), commands: [...tenantCommands], enabled: true });
  } finally {
    process.env["REDIS_URL"] = other;
  }
}

beforeAll(async () => {
  const made = await makeCluster(lab);
  masters = made.masters;
  all = [...masters, made.replica];
  const url = `redis://${lab.at(masters)}`;
  await makeCanary(url);
  await platformUp();
  await initStack(id, { id, network: ["10.78.0.0/16"] });
  await setConfig(id, "redisUrl", url, "--secret");
});
afterAll(async () => {
  await pulumi(["destroy", "--stack", id, "--yes"], { TENANT_CONFIRM_DESTROY: id });
  await removeStack(id);
  await lab.close();
});

it("up makes the user on every node of the cluster, and nowhere else", async () => {
  const { code, all: output } = await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]);
  expect(output).not.toContain("error:");
  expect(code).toBe(0);
  expect(await Promise.all(all.map(hasUser))).toEqual([true, true, true, true]);
  expect(await withRedis(servers(), (client) => client.call("ACL", "GETUSER", names.redisUser))).toBeNull();
  expect(await planned(id)).toEqual([]);
});

it("verify asks every node", async () => {
  const { code, stdout, stderr } = await tenant("verify", id, "--json");
  expect(stderr).not.toContain("redis");
  expect(code).toBe(0);
  const { checks } = JSON.parse(stdout) as Report;
  const details = Object.fromEntries(
    checks.flatMap(({ store, test, detail }) => (store === "redis" ? [[test, detail]] : [])),
  );
  expect(details["cross_tenant_prefix"]).toBe("SET, GET, DEL: NOPERM on each of 4 nodes");
  expect(details["dangerous_commands"]).toMatch(/^\d+ commands: NOPERM on each of 4 nodes$/);
});

it("verify fails when one node lets the tenant do more", async () => {
  const replica = all[3] as ClusterNode;
  const set = (...rules: string[]) =>
    replica.admin((client) => client.call("ACL", "SETUSER", names.redisUser, ...rules));
  await set("+keys");
  const { code, stdout } = await tenant("verify", id, "--json");
  await set("-keys");
  expect(code).toBe(1);
  const failed = (JSON.parse(stdout) as Report).checks.filter(({ pass }) => !pass);
  expect(failed).toMatchObject([{ store: "redis", test: "dangerous_commands", result: "ALLOWED" }]);
  expect(failed[0]?.detail).toContain(`KEYS on 127.0.0.1:${replica.port} (replica)`);
});

it("the tenant's credentials name the cluster, and open it for an ordinary client", async () => {
  const { stdout } = await tenant("credentials", id, "--format", "json");
  const { redis } = JSON.parse(stdout) as Connection;
  const { addresses, url } = parseRedisUrl(redis.url);
  expect(addresses.map(({ port }) => port)).toEqual(masters.map(({ port }) => port));
  expect([url.username, url.password]).toEqual([redis.user, redis.password]);
  const client = new Cluster([...addresses], {
    redisOptions: { username: redis.user, password: redis.password, enableReadyCheck: false },
    enableReadyCheck: false,
    keyPrefix: redis.key_prefix,
  });
  await Promise.all(keys.map((key) => client.set(key.slice(redis.key_prefix.length), "1")));
  client.disconnect();
  const found = await Promise.all(masters.map(keysOn));
  for (const some of found) expect(some.length).toBeGreaterThan(0);
  expect(found.flat().sort()).toEqual([...keys].sort());
});

it("the guard counts the keys of all masters", async () => {
  const { code, all: output } = await pulumi(["destroy", "--stack", id, "--yes", "--skip-preview"]);
  expect(code).not.toBe(0);
  expect(output).toContain("40 keys");
  expect((await Promise.all(masters.map(keysOn))).flat()).toHaveLength(40);
});

it("destroy leaves nothing on any node", async () => {
  const { code, all: output } = await pulumi(["destroy", "--stack", id, "--yes", "--skip-preview"], {
    TENANT_CONFIRM_DESTROY: id,
  });
  expect(output).not.toContain("error:");
  expect(code).toBe(0);
  expect(await Promise.all(all.map(hasUser))).toEqual([false, false, false, false]);
  expect((await Promise.all(masters.map(keysOn))).flat()).toEqual([]);
  for (const node of all) expect(node.savedUsers()).not.toContain(names.redisUser);
  expect(printed.join("\n")).not.toContain(lab.password);
});
