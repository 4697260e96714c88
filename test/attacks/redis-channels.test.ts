// Other tenants' messages: heard, counted, forged.
import { beforeAll, describe, expect, it } from "vitest";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { asAdmin, asTenant, expectRefused, refusal } from "../support/redis-tenant.ts";

let attacker: Deployed;
let victim: Deployed;
beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
});

it.each([
  ["another tenant's channel", () => ["SUBSCRIBE", `${victim.names.keyPrefix}events`]],
  ["its own and another's", () => ["SUBSCRIBE", `${attacker.names.keyPrefix}x`, `${victim.names.keyPrefix}events`]],
  ["an id one letter longer", () => ["SUBSCRIBE", `${attacker.names.keyPrefix.slice(0, -1)}s:events`]],
  ["the prefix without its colon", () => ["SUBSCRIBE", attacker.names.keyPrefix.slice(0, -1)]],
  ["changes of keys, by event", () => ["SUBSCRIBE", "__keyevent@0__:set"]],
  ["changes of keys, by key", () => ["SUBSCRIBE", `__keyspace@0__:${victim.names.keyPrefix}x`]],
  ["changes of its own keys", () => ["SUBSCRIBE", `__keyspace@0__:${attacker.names.keyPrefix}x`]],
  ["invalidated keys", () => ["SUBSCRIBE", "__redis__:invalidate"]],
  ["everything", () => ["PSUBSCRIBE", "*"]],
  ["everything of tenants", () => ["PSUBSCRIBE", "tenant:*"]],
  ["another tenant's, by pattern", () => ["PSUBSCRIBE", `${victim.names.keyPrefix}*`]],
  ["a pattern wider than its own", () => ["PSUBSCRIBE", `${attacker.names.keyPrefix.slice(0, -1)}*`]],
  ["changes of keys, by pattern", () => ["PSUBSCRIBE", "__key*__:*"]],
  ["another tenant's, in a shard", () => ["SSUBSCRIBE", `${victim.names.keyPrefix}events`]],
])("listening to %s: refused", async (_what, words) => {
  await asTenant(attacker, (client) => expectRefused(client, words(), refusal.channel));
});

it("a message in another tenant's name is refused, and does not arrive", async () => {
  const channel = `${victim.names.keyPrefix}events`;
  const heard: string[] = [];
  await asTenant(victim, async (subscriber) => {
    subscriber.on("message", (_channel: string, message: string) => heard.push(message));
    await subscriber.subscribe(channel);
    await asTenant(attacker, async (client) => {
      await expectRefused(client, ["PUBLISH", channel, "forged"], refusal.channel);
      await expectRefused(client, ["SPUBLISH", channel, "forged"], refusal.channel);
      await expectRefused(
        client,
        ["EVAL", `return redis.call('PUBLISH', '${channel}', 'forged')`, "0"],
        refusal.scriptChannel,
      );
    });
    const last = new Promise((done) => subscriber.once("message", done));
    await asTenant(victim, (client) => client.publish(channel, "own"));
    await last;
  });
  expect(heard).toEqual(["own"]);
});

describe("who listens to what", () => {
  it.each(["CHANNELS", "NUMSUB", "NUMPAT", "SHARDCHANNELS", "SHARDNUMSUB"])("PUBSUB %s: refused", async (word) => {
    await asTenant(attacker, (client) => expectRefused(client, ["PUBSUB", word], refusal.command));
  });
});

it("the server publishes no changes of keys, so that there is nothing to hear", async () => {
  expect(await asAdmin((admin) => admin.config("GET", "notify-keyspace-events"))).toEqual([
    "notify-keyspace-events",
    "",
  ]);
});
