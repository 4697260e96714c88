// Redis as one of the deployed tenants reaches it, and as the administrator does.
import type { Redis } from "ioredis";
import { expect } from "vitest";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import type { Deployed } from "./deployed.ts";

/** A connection with the tenant's credentials, while `work` runs. */
export async function asTenant<T>(tenant: Deployed, work: (client: Redis) => Promise<T>): Promise<T> {
  const as = { user: tenant.names.redisUser, password: tenant.credentials.redis_password };
  return withRedis(servers(), work, as);
}

/** A connection with the administrator's credentials, while `work` runs. */
export async function asAdmin<T>(work: (client: Redis) => Promise<T>): Promise<T> {
  return withRedis(servers(), work);
}

/** The server's own words when it refuses a command, a key or a channel. */
export const refusal = {
  /** DEBUG and MODULE are shut for everybody before anybody's rights are looked at. */
  command: /^(NOPERM this user has no permissions to run the '.+' command|ERR (DEBUG|MODULE) command not allowed)/i,
  key: /^NOPERM this user has no permissions to access one of the keys used as arguments/i,
  channel: /^NOPERM this user has no permissions to access one of the channels used as arguments/i,
  /** Inside a script. */
  scriptCommand: /^ERR The user executing the script can't run this command or subcommand/,
  scriptKey:
    /^ERR The user executing the script can't access at least one of the keys mentioned in the command arguments/,
  scriptChannel: /^ERR The user executing the script can't (publish to|access at least one of) /,
} as const;

/** Expects the server to refuse the command (`"GET tenant:victim:x"` in words) with exactly these words. */
export async function expectRefused(client: Redis, words: readonly string[], by: RegExp): Promise<void> {
  const [name = "", ...args] = words;
  const answer = await client.call(name, ...args).then(
    (value) => `it was answered: ${JSON.stringify(value)}`,
    (error: Error) => error.message,
  );
  expect(answer, words.slice(0, 6).join(" ")).toMatch(by);
}

/** Everything under the prefix, by name, as the server would dump it. */
export async function contentsOf(prefix: string): Promise<Record<string, string>> {
  return asAdmin(async (admin) => {
    const names = (await admin.keys(`${prefix}*`)).sort();
    const values = await Promise.all(names.map((name) => admin.dumpBuffer(name)));
    return Object.fromEntries(names.map((name, index) => [name, values[index]?.toString("base64") ?? ""]));
  });
}
