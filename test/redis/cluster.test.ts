// A Redis Cluster of three masters and a replica: the tenant's user is on every node, its keys on every master, and both go.
import { createHash } from "node:crypto";
import { Cluster, type Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { tenantCommands } from "../../providers/clients/redis-commands.ts";
import { countKeys } from "../../providers/clients/redis-keys.ts";
import { withRedisNodes } from "../../providers/clients/redis-nodes.ts";
import { servers } from "../../providers/clients/servers.ts";
import { provider } from "../../providers/redis-acl-user.ts";
import { provider as passwords } from "../../providers/redis-password.ts";
import { clusterNode, follow, join, makeCluster, type ClusterNode } from "../support/redis-cluster.ts";
import { redisLab, type LabServer } from "../support/redis-lab.ts";
import { expectRefused, refusal } from "../support/redis-tenant.ts";

const lab = redisLab();
const names = tenantNames("clustered");
const { redisUser: user, keyPrefix: prefix } = names;
const passwordOf = (text: string) => ({ password: text, hash: createHash("sha256").update(text).digest("hex") });
const [first, second] = [passwordOf("first-password"), passwordOf("second-password")];
const inputs = (hash = first.hash) => ({
  user,
  prefix,
  passwordHash: hash,
  commands: [...tenantCommands],
  enabled: true,
});

let masters: ClusterNode[];
let replica: ClusterNode;
let all: ClusterNode[];
let state: Awaited<ReturnType<typeof provider.create>>["outs"] & object;

beforeAll(async () => {
  ({ masters, replica } = await makeCluster(lab));
  all = [...masters, replica];
  process.env["REDIS_URL"] = `redis://${lab.at(masters)}`;
  state = (await provider.create(inputs())).outs as typeof state;
});
afterAll(() => lab.close());

const onNode = <T>(node: LabServer, work: (client: Redis) => Promise<T>, password = first.password): Promise<T> =>
  withRedis(servers(), work, { user, password }, { host: "127.0.0.1", port: node.port });
const hasUser = async (node: LabServer): Promise<boolean> =>
  (await node.admin((client) => client.call("ACL", "GETUSER", user))) !== null;
const keysOn = (node: LabServer): Promise<number> =>
  node.admin(async (client) => (await client.keys(`${prefix}*`)).length);

/** An ordinary cluster client of the tenant. */
async function asTenant<T>(work: (client: Cluster) => Promise<T>): Promise<T> {
  const client = new Cluster([{ host: "127.0.0.1", port: masters[0]?.port ?? 0 }], {
    redisOptions: { username: user, password: first.password, enableReadyCheck: false },
    enableReadyCheck: false,
    lazyConnect: true,
  });
  try {
    await client.connect();
    return await work(client);
  } finally {
    client.disconnect();
  }
}

describe("the user", () => {
  it("is on every node, in memory and on disk", async () => {
    expect(await Promise.all(all.map(hasUser))).toEqual([true, true, true, true]);
    for (const node of all) expect(node.savedUsers()).toContain(`user ${user} on `);
  });

  it("works by an ordinary cluster client, with keys on every master", async () => {
    await asTenant(async (client) => {
      await Promise.all(Array.from({ length: 60 }, (_, index) => client.set(`${prefix}key:${index}`, index)));
      expect(await client.get(`${prefix}key:7`)).toBe("7");
      expect(await client.eval("return redis.call('INCR', KEYS[1])", 1, `${prefix}key:7`)).toBe(8);
    });
    for (const node of masters) expect(await keysOn(node)).toBeGreaterThan(5);
    expect(await withRedisNodes(servers(), (nodes) => countKeys(nodes, prefix))).toBe(60);
  });

  it("is refused other keys, channels and the cluster's own commands on every node, the replica too", async () => {
    for (const node of all) {
      await onNode(node, async (client) => {
        await expectRefused(client, ["GET", "tenant:victim:x"], refusal.key);
        await expectRefused(client, ["SUBSCRIBE", "tenant:victim:x"], refusal.channel);
        await expectRefused(client, ["SPUBLISH", "tenant:victim:x", "forged"], refusal.channel);
        for (const words of [
          ...[
            "CLUSTER NODES",
            "CLUSTER SHARDS",
            "CLUSTER INFO",
            "CLUSTER COUNTKEYSINSLOT 0",
            "CLUSTER GETKEYSINSLOT 0 9",
          ],
          ...[
            "CLUSTER MEET 127.0.0.1 1",
            "CLUSTER FAILOVER",
            "CLUSTER RESET",
            "CLUSTER SETSLOT 0 STABLE",
            "CLUSTER LINKS",
          ],
          ...["KEYS *", "SCAN 0", "INFO", "MIGRATE 127.0.0.1 1 x 0 1", "RESTORE-ASKING x 0 x"],
        ]) {
          await expectRefused(client, words.split(" "), refusal.command);
        }
        expect(await client.call("CLUSTER", "SLOTS")).toHaveLength(3);
      });
    }
  });
});

describe("refresh", () => {
  it("sees nothing when nothing changed", async () => {
    expect((await provider.read(user, state)).props).toEqual(state);
  });

  it.each([
    ["other rights", ["SETUSER", user, "allkeys"], /keys: ~\*/],
    ["no user", ["DELUSER", user], /no such user/],
  ])("names the one node that has %s, and the next update repairs it", async (_what, words, expected) => {
    await replica.admin((client) => client.call("ACL", ...words));
    const found = (await provider.read(user, state)).props as typeof state;
    const difference = (found as { commands: string[] }).commands.join("\n");
    expect(difference).toContain(`on 127.0.0.1:${replica.port} (replica):`);
    expect(difference).toMatch(expected);
    for (const node of masters) expect(difference).not.toContain(String(node.port));
    expect((await provider.diff(user, found, inputs())).changes).toBe(true);
    state = (await provider.update(user, found, inputs())).outs as typeof state;
    expect((await provider.read(user, state)).props).toEqual(state);
  });

  it("a node that joins later is a difference until the next update", async () => {
    const node = await clusterNode(lab);
    await join(masters[0] as ClusterNode, node, [...all, node]);
    await follow(node, masters[1] as ClusterNode);
    all.push(node);
    const found = (await provider.read(user, state)).props as typeof state;
    expect((found as { commands: string[] }).commands).toEqual([
      expect.stringMatching(`^on 127.0.0.1:${node.port} `),
      "no such user",
    ]);
    state = (await provider.update(user, found, inputs())).outs as typeof state;
    expect(await Promise.all(all.map(hasUser))).toEqual(all.map(() => true));
  });
});

it("a new password works beside the old one, and the end of the old one ends its connections, on every node", async () => {
  const ended: Promise<unknown>[] = [];
  const open = async (rest: readonly LabServer[]): Promise<void> => {
    const [node, ...others] = rest;
    if (node !== undefined) {
      return onNode(node, async (client) => {
        ended.push(new Promise((done) => client.once("end", () => done(true))));
        await open(others);
      });
    }
    state = (await provider.update(user, state, inputs(second.hash))).outs as typeof state;
    for (const one of all) {
      for (const { password } of [first, second])
        expect(await onNode(one, (client) => client.ping(), password)).toBe("PONG");
    }
    await passwords.delete(user, { user, passwordHash: first.hash });
    await Promise.all(ended);
  };
  await open(all);
  expect(ended).toHaveLength(all.length);
  for (const node of all) {
    await expect(onNode(node, (client) => client.ping())).rejects.toThrow(/WRONGPASS/);
    expect(await onNode(node, (client) => client.ping(), second.password)).toBe("PONG");
  }
});

describe("a node that is down", () => {
  it("is named, nothing is changed on the others, and the next run converges", async () => {
    const [, , down] = masters as [ClusterNode, ClusterNode, ClusterNode];
    await down.stop();
    const named = new RegExp(`1 of 5 Redis nodes cannot be used.*127\\.0\\.0\\.1:${down.port}: .*ECONNREFUSED`);
    const before = replica.savedUsers();
    await expect(provider.update(user, state, inputs(first.hash))).rejects.toThrow(named);
    await expect(provider.read(user, state)).rejects.toThrow(named);
    await expect(provider.delete(user, state)).rejects.toThrow(named);
    expect(replica.savedUsers()).toBe(before);
    expect(await hasUser(replica)).toBe(true);
    await down.start();
    // It knows its users by itself.
    expect(down.savedUsers()).toContain(second.hash);
    expect(await onNode(down, (client) => client.call("ACL", "WHOAMI"), second.password)).toBe(user);
    await expect
      .poll(() => provider.update(user, state, inputs(first.hash)).then(() => "updated", String), { timeout: 20_000 })
      .toBe("updated");
    for (const node of all) expect(node.savedUsers()).toContain(first.hash);
  });
});

it("a new user that one node cannot save is left on none", async () => {
  const other = { ...inputs(), user: "tenant_unsaved_user" };
  await replica.withoutSaving(async () => {
    const named = new RegExp(
      `Redis node 127\\.0\\.0\\.1:${replica.port} \\(replica\\): ACL SAVE failed .*needs an aclfile`,
    );
    await expect(provider.create(other)).rejects.toThrow(named);
  });
  for (const node of all) {
    expect(await node.admin((client) => client.call("ACL", "GETUSER", other.user))).toBeNull();
    expect(node.savedUsers()).not.toContain(other.user);
  }
});

it("delete removes the keys from every master and the user from every node, also from disk", async () => {
  await provider.delete(user, state);
  for (const node of masters) expect(await keysOn(node)).toBe(0);
  expect(await Promise.all(all.map(hasUser))).toEqual(all.map(() => false));
  for (const node of all) expect(node.savedUsers()).not.toContain(user);
  await provider.delete(user, state);
});
