// A master and a replica that a sentinel watches: a failover changes nothing for a tenant.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { verifyTenant, type Report } from "../../cli/verify/index.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { tenantCommands } from "../../providers/clients/redis-commands.ts";
import { topologyOf } from "../../providers/clients/redis-nodes.ts";
import { servers } from "../../providers/clients/servers.ts";
import { provider } from "../../providers/redis-acl-user.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { freePort, redisLab, until, type LabServer } from "../support/redis-lab.ts";
import { expectRefused, refusal } from "../support/redis-tenant.ts";

const lab = redisLab();
const master = "main";
let attacker: Deployed;
let victim: Deployed;
let nodes: [LabServer, LabServer];
let sentinel: LabServer;
let state: Awaited<ReturnType<typeof provider.create>>["outs"] & object;

const inputsOf = ({ names, credentials }: Deployed) => ({
  user: names.redisUser,
  prefix: names.keyPrefix,
  passwordHash: createHash("sha256").update(credentials.redis_password).digest("hex"),
  commands: [...tenantCommands],
  enabled: true,
});
const onNode = <T>(node: { port: number }, work: (client: Redis) => Promise<T>): Promise<T> => {
  const as = { user: attacker.names.redisUser, password: attacker.credentials.redis_password };
  return withRedis(servers(), work, as, { host: "127.0.0.1", port: node.port });
};
const currentMaster = async (): Promise<number> => {
  const topology = await topologyOf(servers());
  return topology.nodes.find(({ role }) => role === "master")?.port ?? 0;
};
const follows = (node: LabServer): Promise<boolean> =>
  node.admin(async (client) => (await client.info("replication")).includes("master_link_status:up"));

beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
  const first = await lab.server([]);
  const second = await lab.server([`replicaof 127.0.0.1 ${first.port}`]);
  nodes = [first, second];
  await until("the replica follows", () => follows(second));
  sentinel = await lab.sentinel([
    `sentinel monitor ${master} 127.0.0.1 ${first.port} 1`,
    `sentinel auth-user ${master} ${lab.user}`,
    `sentinel auth-pass ${master} ${lab.password}`,
    `sentinel down-after-milliseconds ${master} 2000`,
    `sentinel failover-timeout ${master} 5000`,
  ]);
  await until("the sentinel knows the replica", () =>
    sentinel.admin(async (client) => ((await client.call("SENTINEL", "REPLICAS", master)) as unknown[]).length === 1),
  );
  // The first of the sentinels is down: the next one is asked.
  process.env["REDIS_URL"] = `redis+sentinel://${lab.at([{ port: await freePort() }, sentinel])}/${master}`;
  const canary = tenantNames("canary");
  await provider.create({ ...inputsOf(victim), user: canary.redisUser, prefix: canary.keyPrefix });
  state = (await provider.create(inputsOf(attacker))).outs as typeof state;
});
afterAll(() => lab.close());

it("finds the master and its replica by the sentinels", async () => {
  expect(await topologyOf(servers())).toEqual({
    cluster: false,
    nodes: [
      { host: "127.0.0.1", port: nodes[0].port, role: "master" },
      { host: "127.0.0.1", port: nodes[1].port, role: "replica" },
    ],
  });
  for (const node of nodes) expect(node.savedUsers()).toContain(`user ${attacker.names.redisUser} on `);
});

it("says which master no sentinel knows, and which sentinels do not answer", async () => {
  const { REDIS_URL: url = "" } = process.env;
  const wrong = servers({ ...process.env, REDIS_URL: url.replace(/main$/, "other") }, () => undefined);
  await expect(topologyOf(wrong)).rejects.toThrow(
    new RegExp(`ECONNREFUSED.*; the sentinel at 127\\.0\\.0\\.1:${sentinel.port}, asked for other: .*No such master`),
  );
});

/** Redis's checks of the attacker's verification: the other stores are as they were. */
const verified = async (): Promise<Report["checks"]> => {
  // The sentinels that answer: one that is down is not protected, it is not there.
  const url = `redis+sentinel://${lab.at([sentinel])}/${master}`;
  const report = await verifyTenant(attacker.id, {
    servers: servers({ ...process.env, REDIS_URL: url }, () => undefined),
  });
  return report.checks.filter(({ store }) => store === "redis");
};

describe("the sentinel", () => {
  it("knows no tenant, and answers nobody without a name", async () => {
    const as = { user: attacker.names.redisUser, password: attacker.credentials.redis_password };
    const at = { host: "127.0.0.1", port: sentinel.port };
    await expect(withRedis(servers(), (client) => client.ping(), as, at)).rejects.toThrow(/WRONGPASS/);
    const checks = await verified();
    expect(checks.filter(({ pass }) => !pass)).toEqual([]);
    expect(checks.find(({ test }) => test === "unauthenticated_access")?.detail).toContain(
      "AUTH at sentinel 127.0.0.1",
    );
    expect(checks.find(({ test }) => test === "cross_tenant_prefix")?.detail).toContain("NOPERM on each of 2 nodes");
  });

  it("fails the verification when it answers anybody", async () => {
    await sentinel.admin((client) => client.call("ACL", "SETUSER", "default", "on", "nopass", "+ping"));
    const failed = (await verified()).filter(({ pass }) => !pass);
    await sentinel.admin((client) => client.call("ACL", "SETUSER", "default", "reset"));
    expect(failed).toMatchObject([{ test: "unauthenticated_access", result: "ALLOWED" }]);
  });
});

it("a script that changes everybody's JSON is noticed by the verification, on the node where it ran", async () => {
  await onNode(nodes[0], (client) => client.eval("return cjson.encode_number_precision(3)", 0));
  const failed = (await verified()).filter(({ pass }) => !pass);
  await nodes[0].admin((client) => client.script("FLUSH"));
  expect(failed).toMatchObject([{ test: "script_settings", result: "FAILED" }]);
  expect(failed[0]?.detail).toContain(
    `cjson.encode_number_precision for everybody's scripts on 127.0.0.1:${nodes[0].port}`,
  );
  expect((await verified()).filter(({ pass }) => !pass)).toEqual([]);
});

it("after a failover the tenant works on the new master, and other prefixes are still refused", async () => {
  const key = `${attacker.names.keyPrefix}kept`;
  await onNode(nodes[0], (client) => client.set(key, "1"));
  await until("the value is on the replica", async () => (await onNode(nodes[1], (client) => client.get(key))) === "1");
  await sentinel.admin((client) => client.call("SENTINEL", "FAILOVER", master));
  await until("the sentinel names the other one", async () => (await currentMaster()) === nodes[1].port);
  await until("the former master follows", () => follows(nodes[0]));
  await onNode(nodes[1], async (client) => {
    expect(await client.get(key)).toBe("1");
    expect(await client.incr(key)).toBe(2);
    await expectRefused(client, ["GET", `${victim.names.keyPrefix}x`], refusal.key);
    await expectRefused(client, ["KEYS", "*"], refusal.command);
  });
  expect((await provider.read(attacker.names.redisUser, state)).props).toEqual(state);
});

it("a node that is restarted knows the user, and refuses the others' keys", async () => {
  await nodes[0].stop();
  await nodes[0].start();
  await onNode(nodes[0], (client) => expectRefused(client, ["GET", `${victim.names.keyPrefix}x`], refusal.key));
  await until("it follows again", () => follows(nodes[0]));
  expect((await provider.read(attacker.names.redisUser, state)).props).toEqual(state);
});

it("a replica that is down is named, and nothing is changed", async () => {
  await nodes[0].stop();
  const before = nodes[1].savedUsers();
  await expect(provider.delete(attacker.names.redisUser, state)).rejects.toThrow(
    new RegExp(
      `1 of 2 Redis nodes cannot be used, .*127\\.0\\.0\\.1:${nodes[0].port}: .*ECONNREFUSED.*SENTINEL RESET ${master}`,
    ),
  );
  expect(nodes[1].savedUsers()).toBe(before);
  await nodes[0].start();
});

it("delete removes the keys by the master, and the user from both", async () => {
  await provider.delete(attacker.names.redisUser, state);
  for (const node of nodes) {
    expect(node.savedUsers()).not.toContain(attacker.names.redisUser);
    await until("the keys are gone", () =>
      node.admin(async (client) => (await client.keys(`${attacker.names.keyPrefix}*`)).length === 0),
    );
  }
});
