// A Redis ACL user for one key prefix (plan, section 5.2, with the rules of isolation.md).
import { secret, type CustomResourceOptions, type Input } from "@pulumi/pulumi";
import type { Redis } from "ioredis";
import { tenantCommands } from "./clients/redis-commands.ts";
import { eachKeyBatch, withRedis } from "./clients/redis.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface RedisAclUserInputs {
  readonly user: string;
  /** Keys and channels: everything that starts with it. Ends with a colon. */
  readonly prefix: string;
  /** SHA-256 of the password, 64 hex digits. Secret. */
  readonly passwordHash: string;
  /** ACL command rules, in order. */
  readonly commands: readonly string[];
}

interface RedisAclUserState extends RedisAclUserInputs {
  /** What the server says of the user after the rules were applied, without its passwords; compared on refresh. */
  readonly granted: string;
}

interface ServerView {
  readonly granted: string;
  readonly passwordHashes: readonly string[];
}

/** ACL GETUSER as it is shown in a diff; undefined when there is no such user. */
async function viewOf(client: Redis, user: string): Promise<ServerView | undefined> {
  const reply = (await client.call("ACL", "GETUSER", user)) as unknown[] | null;
  if (reply === null) return undefined;
  const fields = new Map<string, unknown>();
  for (let index = 0; index < reply.length; index += 2) fields.set(String(reply[index]), reply[index + 1]);
  const list = (name: string): string => [fields.get(name) ?? []].flat(2).map(String).join(" ");
  return {
    granted: ["flags", "commands", "keys", "channels", "selectors"].map((name) => `${name}: ${list(name)}`).join("\n"),
    passwordHashes: [fields.get("passwords") ?? []].flat().map(String),
  };
}

/** The rules of ACL SETUSER, in their order. */
export function aclRules({ prefix, passwordHash, commands }: RedisAclUserInputs): string[] {
  // `reset` first: SETUSER adds to what is there. sanitize-payload: a crafted RESTORE could crash the server.
  const identity = ["reset", "on", `#${passwordHash}`, "sanitize-payload"];
  return [...identity, `~${prefix}*`, "resetchannels", `&${prefix}*`, ...commands];
}

export const provider = dynamicProvider<RedisAclUserInputs, RedisAclUserState>({
  describe: ({ user }) => `Redis ACL user ${user}`,
  id: ({ user }) => user,
  inputs: { user: "replace", prefix: "replace", passwordHash: "update", commands: "update" },
  async ensure(desired, previous) {
    const { user } = desired;
    return withRedis(servers(), async (client) => {
      await client.call("ACL", "SETUSER", user, ...aclRules(desired));
      try {
        await client.call("ACL", "SAVE");
      } catch (cause) {
        // Not kept over a restart is not provisioned.
        if (previous === undefined) await client.call("ACL", "DELUSER", user);
        throw new Error(`ACL SAVE failed (${(cause as Error).message}): the server needs an aclfile`, { cause });
      }
      // Connections that authenticated with the former password or rules live on otherwise.
      if (previous !== undefined) await client.call("CLIENT", "KILL", "USER", user);
      const view = await viewOf(client, user);
      return { ...desired, granted: view?.granted ?? "" };
    });
  },
  async observe(recorded) {
    const view = await withRedis(servers(), (client) => viewOf(client, recorded.user));
    if (view === undefined) return undefined;
    return {
      ...recorded,
      granted: view.granted,
      // Differs from the desired rules, so that the next update puts them back.
      commands: view.granted === recorded.granted ? recorded.commands : view.granted.split("\n"),
      passwordHash: view.passwordHashes.join(",") === recorded.passwordHash ? recorded.passwordHash : "changed outside",
    };
  },
  async remove({ user, prefix }) {
    await withRedis(servers(), async (client) => {
      // The user first: it ends the user's connections, so that nothing is written behind the deletion.
      await client.call("ACL", "DELUSER", user);
      await eachKeyBatch(client, prefix, async (keys) => {
        await client.unlink(...keys);
      });
      await client.call("ACL", "SAVE");
    });
  },
});

/** A user that reaches one key prefix and its channels. Deleting it deletes the keys. */
export class RedisAclUser extends DynamicResource {
  constructor(
    name: string,
    args: { user: string; prefix: string; passwordHash: Input<string> },
    opts?: CustomResourceOptions,
  ) {
    const inputs = { ...args, passwordHash: secret(args.passwordHash), commands: [...tenantCommands] };
    super("RedisAclUser", "redis-acl-user", name, { ...inputs, granted: undefined }, opts);
  }
}
