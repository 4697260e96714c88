// A Redis ACL user for one key prefix (plan, section 5.2, with the rules of isolation.md), the same on every node. A new password is
// valid beside the former one, until RedisPassword ends that.
import { secret, type CustomResourceOptions, type Input } from "@pulumi/pulumi";
import type { Redis } from "ioredis";
import { clusterCommands, tenantCommands } from "./clients/redis-commands.ts";
import { removeKeys } from "./clients/redis-keys.ts";
import { onEveryNode, withRedisNodes, type ConnectedNode } from "./clients/redis-nodes.ts";
import { fieldsOf } from "./clients/redis.ts";
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
  /** false: the user keeps its password and rules, and nobody gets in with them. */
  readonly enabled: boolean;
}

interface RedisAclUserState extends RedisAclUserInputs {
  /** What every node says of the user after the rules were applied, without its passwords; compared on refresh. */
  readonly granted: string;
  /** SHA-256 of former passwords that are valid too. Secret. Unset in the state of an older version. */
  readonly former?: readonly string[];
}

export interface ServerView {
  readonly granted: string;
  readonly enabled: boolean;
  readonly passwordHashes: readonly string[];
}

/** ACL GETUSER as it is shown in a diff; undefined when there is no such user. */
export async function viewOf(client: Redis, user: string): Promise<ServerView | undefined> {
  const reply = await client.call("ACL", "GETUSER", user);
  if (reply === null) return undefined;
  const fields = fieldsOf(reply);
  const list = (name: string): string => [fields.get(name) ?? []].flat(2).map(String).join(" ");
  // Redis 7.0 lists what a user may do in the order of a table in memory: another one on each node, and after each start.
  const [base, ...exceptions] = list("commands").split(" ");
  const commands = [base, ...exceptions.sort()].join(" ");
  return {
    granted: ["flags", "commands", "keys", "channels", "selectors"]
      .map((name) => `${name}: ${name === "commands" ? commands : list(name)}`)
      .join("\n"),
    enabled: list("flags").split(" ").includes("on"),
    passwordHashes: [fields.get("passwords") ?? []].flat().map(String),
  };
}

/**
 * The rules of ACL SETUSER, in their order.
 * @param former hashes of passwords that are valid too
 */
export function aclRules(
  { prefix, passwordHash, commands, enabled }: RedisAclUserInputs,
  former: readonly string[] = [],
): string[] {
  const passwords = [passwordHash, ...former].map((hash) => `#${hash}`);
  // `reset` first: SETUSER adds to what is there. sanitize-payload: a crafted RESTORE could crash the server.
  const identity = ["reset", enabled ? "on" : "off", ...passwords, "sanitize-payload"];
  return [...identity, `~${prefix}*`, "resetchannels", `&${prefix}*`, ...commands];
}

/** Not kept over a restart is not provisioned, nor removed. */
export async function save(client: Redis): Promise<void> {
  try {
    await client.call("ACL", "SAVE");
  } catch (cause) {
    throw new Error(`ACL SAVE failed (${(cause as Error).message}): the server needs an aclfile`, { cause });
  }
}

/** Whether every way in that there was is still there, and opens the same. */
function takesNothing(before: ServerView | undefined, after: ServerView | undefined): boolean {
  if (before === undefined || after === undefined) return false;
  return before.granted === after.granted && before.passwordHashes.every((hash) => after.passwordHashes.includes(hash));
}

/** Makes the user as desired on every node, or, when it is new, on none. */
async function apply(
  nodes: readonly ConnectedNode[],
  desired: RedisAclUserInputs,
  former: readonly string[],
  isNew: boolean,
): Promise<void> {
  const { user } = desired;
  try {
    await onEveryNode(nodes, async ({ client }) => {
      const before = await viewOf(client, user);
      await client.call("ACL", "SETUSER", user, ...aclRules(desired, former));
      await save(client);
      // Connections that authenticated with a former password or rules live on otherwise. Of a user that is off none may, also when an
      // interrupted run had turned it off already.
      if (!isNew && !(desired.enabled && takesNothing(before, await viewOf(client, user))))
        await client.call("CLIENT", "KILL", "USER", user);
    });
  } catch (cause) {
    if (isNew)
      await Promise.allSettled(nodes.map(({ client }) => client.call("ACL", "DELUSER", user).then(() => save(client))));
    throw cause;
  }
}

/** The passwords that were ours before this one, and have not ended yet. What somebody else set is not among them. */
async function formerHashes(
  nodes: readonly ConnectedNode[],
  { user, passwordHash }: RedisAclUserInputs,
  previous: RedisAclUserState,
): Promise<string[]> {
  const views = await onEveryNode(nodes, async ({ client }) => viewOf(client, user));
  return [previous.passwordHash, ...(previous.former ?? [])].filter(
    (hash) => hash !== passwordHash && views.some((view) => view?.passwordHashes.includes(hash)),
  );
}

export const provider = dynamicProvider<RedisAclUserInputs, RedisAclUserState>({
  describe: ({ user }) => `Redis ACL user ${user}`,
  id: ({ user }) => user,
  inputs: { user: "replace", prefix: "replace", passwordHash: "update", commands: "update", enabled: "update" },
  adopts: true,
  async ensure(desired, previous) {
    return withRedisNodes(servers(), async (nodes, { cluster }) => {
      const commands = cluster ? [...desired.commands, ...clusterCommands] : desired.commands;
      const former = previous === undefined ? [] : await formerHashes(nodes, desired, previous);
      await apply(nodes, { ...desired, commands }, former, previous === undefined);
      const views = await onEveryNode(nodes, async ({ client }) => viewOf(client, desired.user));
      const granted = new Set(views.map((view) => view?.granted ?? ""));
      if (granted.size > 1)
        throw new Error("the nodes understand the same rules in different ways: use one version of Redis");
      return { ...desired, granted: [...granted].join(), former };
    });
  },
  async observe(recorded) {
    return withRedisNodes(servers(), async (nodes) => {
      const views = await onEveryNode(nodes, async ({ client }) => viewOf(client, recorded.user));
      if (views.every((view) => view === undefined)) return undefined;
      // Names the node, and differs from the desired rules, so that the next update puts them back.
      const differing = views.flatMap((view, index) => {
        if (view?.granted === recorded.granted) return [];
        const lines = view?.granted.split("\n") ?? ["no such user"];
        return nodes.length === 1 ? lines : [`on ${nodes[index]?.name}:`, ...lines];
      });
      const { passwordHash, former = [] } = recorded;
      const samePassword = views.every(
        (view) =>
          view === undefined ||
          (view.passwordHashes.includes(passwordHash) &&
            view.passwordHashes.every((hash) => hash === passwordHash || former.includes(hash))),
      );
      // One that has ended is as foreign as any other.
      const valid = former.filter((hash) => views.some((view) => view?.passwordHashes.includes(hash)));
      return {
        ...recorded,
        ...(recorded.former === undefined ? {} : { former: valid }),
        granted: differing.length === 0 ? recorded.granted : differing.join("\n"),
        commands: differing.length === 0 ? recorded.commands : differing,
        passwordHash: samePassword ? passwordHash : "changed outside",
        enabled:
          views.find((view) => view !== undefined && view.enabled !== recorded.enabled)?.enabled ?? recorded.enabled,
      };
    });
  },
  // The inputs say it too, but they are secret.
  foreign: async ({ user, passwordHash, former = [] }) =>
    withRedisNodes(servers(), async (nodes) => {
      const views = await onEveryNode(nodes, async ({ client }) => viewOf(client, user));
      return views.flatMap((view, index) => {
        if (view === undefined) return [];
        const where = nodes.length === 1 ? "" : ` on ${nodes[index]?.name}`;
        const others = view.passwordHashes.filter((hash) => hash !== passwordHash && !former.includes(hash)).length;
        return [
          ...(others > 0 ? [`passwords that are not ours${where}: ${others}`] : []),
          ...(view.passwordHashes.includes(passwordHash) ? [] : [`its own password is not valid${where}`]),
        ];
      });
    }),
  async remove({ user, prefix }) {
    await withRedisNodes(servers(), async (nodes) => {
      // The user first: it ends the user's connections, so that nothing is written behind the deletion.
      await onEveryNode(nodes, ({ client }) => client.call("ACL", "DELUSER", user));
      await removeKeys(nodes, prefix);
      await onEveryNode(nodes, ({ client }) => save(client));
    });
  },
});

/** A user that reaches one key prefix and its channels. Deleting it deletes the keys. */
export class RedisAclUser extends DynamicResource {
  constructor(
    name: string,
    args: { user: string; prefix: string; passwordHash: Input<string>; enabled: boolean },
    opts?: CustomResourceOptions,
  ) {
    const inputs = { ...args, passwordHash: secret(args.passwordHash), commands: [...tenantCommands] };
    const outputs = { granted: undefined, former: undefined };
    super(
      "RedisAclUser",
      "redis-acl-user",
      name,
      { ...inputs, ...outputs },
      { ...opts, additionalSecretOutputs: ["former"] },
    );
  }
}
