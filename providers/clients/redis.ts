// The Redis client.
import type { Redis } from "ioredis";
import type { Servers } from "./servers.ts";
import { trusting } from "./tls.ts";

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
