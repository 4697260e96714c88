// The Redis client, and what a tenant's user may do.
import type { Redis } from "ioredis";
import type { Servers } from "./servers.ts";
import { trusting } from "./tls.ts";

/**
 * The command part of a tenant's ACL rule: an allow-list by category, then the exceptions (isolation.md, measured on Redis
 * 7.0: `+@all -@dangerous` of the plan reads and disturbs other tenants through SCAN, FUNCTION, PUBSUB, SELECT, CLIENT).
 */
export const tenantCommands = [
  ..."-@all +@read +@write +@transaction +@connection +@pubsub".split(" "),
  ..."+eval +evalsha +eval_ro +evalsha_ro +script|load +script|exists".split(" "),
  ..."-@admin -@dangerous +sort +sort_ro".split(" "),
  ..."-keys -scan -randomkey -dbsize -move -select +select|0".split(" "),
  ..."-function -fcall -fcall_ro -pubsub -memory +memory|usage".split(" "),
  ..."-client +client|setname +client|getname +client|id +client|info +client|reply".split(" "),
  ..."+acl|whoami +time +command -wait".split(" "),
] as const;

/** Runs `work` with a connection (the administrator's unless `as` is given) and closes it. */
export async function withRedis<T>(
  { redis }: Pick<Servers, "redis">,
  work: (client: Redis) => Promise<T>,
  as?: { user: string; password: string },
): Promise<T> {
  const { Redis } = await import("ioredis");
  const client = new Redis({
    host: redis.url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(redis.url.port || 6379),
    username: as?.user ?? decodeURIComponent(redis.url.username),
    password: as?.password ?? decodeURIComponent(redis.url.password),
    ...(redis.url.protocol === "rediss:" ? { tls: trusting(redis.ca) } : {}),
    lazyConnect: true,
    enableReadyCheck: false, // It calls INFO, which tenants may not.
    connectTimeout: 5_000,
    commandTimeout: 30_000, // A server that accepts and never answers; a walk of the keys is many short commands.
    retryStrategy: null,
    maxRetriesPerRequest: 0,
  });
  // The first failure is thrown by the command; without a listener the same error would also end the process.
  let connection: Error | undefined;
  client.on("error", (error: Error) => (connection = error));
  try {
    await client.connect();
    return await work(client);
  } catch (cause) {
    if (connection === undefined) throw cause;
    const where = redis.url.host;
    throw new Error(`Redis at ${where}: ${connection.message}. Is it running? npm run stores -- status`, { cause });
  } finally {
    // On a connection that has ended already it would keep the process for two seconds.
    if (client.status !== "end") client.disconnect();
  }
}

/** Calls `use` with every batch of keys that start with `prefix`. Walks the whole key space of the server. */
export async function eachKeyBatch(
  client: Redis,
  prefix: string,
  use: (keys: string[]) => Promise<void>,
): Promise<void> {
  const pattern = `${prefix.replace(/[\\*?[\]]/g, "\\$&")}*`;
  let cursor = "0";
  do {
    const [next, keys] = await client.scan(cursor, "MATCH", pattern, "COUNT", 1000);
    if (keys.length > 0) await use(keys);
    cursor = next;
  } while (cursor !== "0");
}
