// Connections to one Redis server.
import type { Redis } from "ioredis";
import { Problem } from "../../errors/problem.ts";
import { addressText, type RedisAddress } from "./redis-url.ts";
import type { Servers } from "./servers.ts";
import { trusting } from "./tls.ts";

/** Who connects, when it is not the administrator. */
export interface RedisUser {
  readonly user: string;
  readonly password: string;
}

/** An open connection. */
export interface RedisConnection {
  readonly client: Redis;
  /** The error of the connection, with the server's address, when it is behind `cause`; else `cause`. */
  readonly explained: (cause: unknown) => unknown;
  readonly close: () => void;
}

/** Options of a client that fails at once and says why, for this server's TLS and for `as` (the administrator by default). */
export function redisOptions({ redis }: Pick<Servers, "redis">, as?: RedisUser) {
  return {
    username: as?.user ?? decodeURIComponent(redis.url.username),
    password: as?.password ?? decodeURIComponent(redis.url.password),
    ...(redis.url.protocol === "rediss:" ? { tls: trusting(redis.ca) } : {}),
    enableReadyCheck: false, // It calls INFO, which tenants may not.
    connectTimeout: 15_000,
    commandTimeout: 30_000, // A server that accepts and never answers; a walk of the keys is many short commands.
    maxRetriesPerRequest: 0,
  };
}

/**
 * Connects to the server at that address.
 * @throws Error with the address, when it does not answer or refuses the password.
 */
export async function openRedis(
  servers: Pick<Servers, "redis">,
  at: RedisAddress,
  as?: RedisUser,
): Promise<RedisConnection> {
  const { Redis } = await import("ioredis");
  const client = new Redis({ ...at, ...redisOptions(servers, as), lazyConnect: true, retryStrategy: null });
  // The first failure is thrown by the command; without a listener the same error would also end the process.
  let failure: Error | undefined;
  client.on("error", (error: Error) => (failure = error));
  const explained = (cause: unknown): unknown =>
    failure === undefined
      ? cause
      : new Problem(
          /WRONGPASS|NOAUTH/.test(failure.message) ? "server-refused" : "server-unreachable",
          `Redis at ${addressText(at)}: ${failure.message}. Is it running? npm run stores -- status`,
          {
            cause,
          },
        );
  // On a connection that has ended already it would keep the process for two seconds.
  const close = (): void => (client.status === "end" ? undefined : client.disconnect());
  try {
    await client.connect();
  } catch (cause) {
    close();
    throw explained(cause);
  }
  return { client, explained, close };
}

/** Runs `work` with a connection to one server (the first address of the URL unless `at` is given) and closes it. */
export async function withRedis<T>(
  servers: Pick<Servers, "redis">,
  work: (client: Redis) => Promise<T>,
  as?: RedisUser,
  at: RedisAddress = servers.redis.addresses[0],
): Promise<T> {
  const { client, explained, close } = await openRedis(servers, at, as);
  try {
    return await work(client);
  } catch (cause) {
    throw explained(cause);
  } finally {
    close();
  }
}

/** The fields of a reply that is a list of names and values. */
export function fieldsOf(reply: unknown): Map<string, unknown> {
  const list = reply as readonly unknown[];
  return new Map(list.flatMap((name, index) => (index % 2 === 0 ? [[String(name), list[index + 1]] as const] : [])));
}
