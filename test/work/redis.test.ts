// What applications do with Redis, with a tenant's credentials: ioredis, and the patterns that are built on it.
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { redisOptions } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployed, type Deployed } from "../support/deployed.ts";
import { asAdmin, expectRefused, refusal } from "../support/redis-tenant.ts";

let tenant: Deployed;
let prefix: string;
let client: Redis;

/** As an application connects. */
function connect(options: object = {}): Redis {
  const all = servers();
  const as = { user: tenant.names.redisUser, password: tenant.credentials.redis_password };
  return new Redis({ ...all.redis.addresses[0], ...redisOptions(all, as), ...options });
}

beforeAll(async () => {
  tenant = await deployed("attacker");
  prefix = `${tenant.names.keyPrefix}work:`;
  client = connect();
});
afterAll(async () => {
  client.disconnect();
  await asAdmin(async (admin) => {
    const keys = await admin.keys(`${prefix}*`);
    if (keys.length > 0) await admin.del(keys);
  });
});

describe("data types", () => {
  it("strings, counters, expiry", async () => {
    const key = `${prefix}string`;
    expect(await client.set(key, "1", "EX", 60, "NX")).toBe("OK");
    expect(await client.incrby(key, 41)).toBe(42);
    expect(await client.getex(key, "EX", 30)).toBe("42");
    expect(await client.ttl(key)).toBeGreaterThan(0);
    expect(await client.type(key)).toBe("string");
    await client.mset(`${prefix}one`, "1", `${prefix}two`, "2");
    expect(await client.mget(`${prefix}one`, `${prefix}two`, `${prefix}none`)).toEqual(["1", "2", null]);
    expect(await client.unlink(`${prefix}one`, `${prefix}two`)).toBe(2);
  });

  it("hashes, also walked", async () => {
    await client.hset(`${prefix}hash`, { a: "1", b: "2" });
    expect(await client.hincrby(`${prefix}hash`, "a", 2)).toBe(3);
    expect(await client.hgetall(`${prefix}hash`)).toEqual({ a: "3", b: "2" });
    const [cursor, found] = await client.hscan(`${prefix}hash`, "0");
    expect([cursor, found.length]).toEqual(["0", 4]);
  });

  it("sets", async () => {
    await client.sadd(`${prefix}set:a`, "x", "y");
    await client.sadd(`${prefix}set:b`, "y", "z");
    expect(await client.sinter(`${prefix}set:a`, `${prefix}set:b`)).toEqual(["y"]);
    expect(await client.sunionstore(`${prefix}set:c`, `${prefix}set:a`, `${prefix}set:b`)).toBe(3);
  });

  it("sorted sets", async () => {
    await client.zadd(`${prefix}zset`, 1, "one", 2, "two", 3, "three");
    expect(await client.zrange(`${prefix}zset`, "2", "3", "BYSCORE")).toEqual(["two", "three"]);
    expect(await client.zrank(`${prefix}zset`, "three")).toBe(2);
    expect(await client.zpopmin(`${prefix}zset`)).toEqual(["one", "1"]);
  });

  it("lists, also waited for", async () => {
    const waiting = connect();
    const popped = waiting.blpop(`${prefix}list`, 20);
    await client.rpush(`${prefix}list`, "job");
    expect(await popped).toEqual([`${prefix}list`, "job"]);
    waiting.disconnect();
    await client.rpush(`${prefix}list`, "3", "1", "2");
    expect(await client.sort(`${prefix}list`)).toEqual(["1", "2", "3"]);
  });

  it("streams with a consumer group", async () => {
    const stream = `${prefix}stream`;
    await client.xgroup("CREATE", stream, "workers", "0", "MKSTREAM");
    const id = await client.xadd(stream, "*", "field", "value");
    const read = await client.xreadgroup("GROUP", "workers", "one", "COUNT", 1, "STREAMS", stream, ">");
    expect(read).toEqual([[stream, [[id, ["field", "value"]]]]]);
    expect(await client.xpending(stream, "workers")).toEqual([1, id, id, [["one", "1"]]]);
    expect(await client.xack(stream, "workers", String(id))).toBe(1);
    expect(await client.xlen(stream)).toBe(1);
  });

  it("bitmaps, hyperloglogs, places", async () => {
    await client.setbit(`${prefix}bits`, 7, 1);
    expect(await client.bitcount(`${prefix}bits`)).toBe(1);
    await client.pfadd(`${prefix}visitors`, "a", "b", "a");
    expect(await client.pfcount(`${prefix}visitors`)).toBe(2);
    await client.geoadd(`${prefix}places`, 13.4, 52.5, "Berlin");
    expect(await client.geosearch(`${prefix}places`, "FROMLONLAT", 13, 52, "BYRADIUS", 100, "km", "ASC")).toEqual([
      "Berlin",
    ]);
  });
});

describe("transactions and scripts", () => {
  it("MULTI, and WATCH that notices a change", async () => {
    const key = `${prefix}watched`;
    const other = connect();
    await client.watch(key);
    await other.set(key, "changed");
    expect(await client.multi().set(key, "mine").exec()).toBeNull();
    expect(await client.multi().set(key, "mine").get(key).exec()).toEqual([
      [null, "OK"],
      [null, "mine"],
    ]);
    other.disconnect();
  });

  it("a rate limiter: a Lua command of the application's own, also in a pipeline", async () => {
    const limited = connect({
      scripts: {
        take: {
          numberOfKeys: 1,
          lua: "local n = redis.call('INCR', KEYS[1]) if n == 1 then redis.call('EXPIRE', KEYS[1], ARGV[1]) end return n",
        },
      },
    }) as Redis & { take: (key: string, seconds: number) => Promise<number> };
    expect(await limited.take(`${prefix}rate:user`, 60)).toBe(1);
    expect(await limited.take(`${prefix}rate:user`, 60)).toBe(2);
    expect(await limited.ttl(`${prefix}rate:user`)).toBeGreaterThan(0);
    const hash = await client.script("LOAD", "return redis.call('GET', KEYS[1])");
    expect(await client.pipeline().evalsha(String(hash), 1, `${prefix}rate:user`).exec()).toEqual([[null, "2"]]);
    limited.disconnect();
  });

  it("a lock: taken once, given back by its holder only", async () => {
    const lock = `${prefix}lock`;
    const release = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) else return 0 end";
    expect(await client.set(lock, "me", "PX", 60_000, "NX")).toBe("OK");
    expect(await client.set(lock, "you", "PX", 60_000, "NX")).toBeNull();
    expect(await client.eval(release, 1, lock, "you")).toBe(0);
    expect(await client.eval(release, 1, lock, "me")).toBe(1);
  });

  it("a session store: a value that lives while it is used", async () => {
    const session = connect({ keyPrefix: `${prefix}session:` });
    await session.set("one", JSON.stringify({ user: "u" }), "EX", 60);
    expect(JSON.parse((await session.getex("one", "EX", 120)) ?? "")).toEqual({ user: "u" });
    expect(await session.ttl("one")).toBeGreaterThan(60);
    expect(await client.exists(`${prefix}session:one`)).toBe(1);
    expect(await session.del("one")).toBe(1);
    session.disconnect();
  });
});

describe("messages", () => {
  it.each([
    ["a channel", "subscribe", () => `${prefix}events`],
    ["everything of the tenant's, by pattern", "psubscribe", () => `${tenant.names.keyPrefix}*`],
    ["a channel of a shard", "ssubscribe", () => `${prefix}events`],
  ] as const)("%s", async (_what, how, channel) => {
    const subscriber = connect();
    const heard = new Promise((done) => {
      subscriber.on("message", (_channel, message) => done(message));
      subscriber.on("pmessage", (_pattern, _channel, message) => done(message));
      subscriber.on("smessage", (_channel, message) => done(message));
    });
    await subscriber[how](channel());
    await (how === "ssubscribe"
      ? client.spublish(`${prefix}events`, "news")
      : client.publish(`${prefix}events`, "news"));
    expect(await heard).toBe("news");
    subscriber.disconnect();
  });
});

/** docs/operations.md lists these with what to do instead. */
describe("what is refused by design", () => {
  it.each([
    ["a walk of the own prefix", () => ["SCAN", "0", "MATCH", `${prefix}*`], refusal.command],
    ["the server's figures", () => ["INFO"], refusal.command],
    ["a copy", () => ["COPY", `${prefix}string`, `${prefix}other`], refusal.command],
    ["a dump", () => ["DUMP", `${prefix}string`], refusal.command],
    ["a library of functions", () => ["FUNCTION", "LIST"], refusal.command],
    ["a wait for replicas", () => ["WAIT", "0", "1"], refusal.command],
    ["a narrower pattern than the tenant's", () => ["PSUBSCRIBE", `${prefix}*`], refusal.channel],
    [
      "sorting by other keys",
      () => ["SORT", `${prefix}list`, "BY", `${prefix}weight:*`],
      /^ERR BY option of SORT denied/,
    ],
  ])("%s", async (_what, words, by) => {
    await expectRefused(client, words(), by);
  });
});
