// The life of one password of a Redis user, on every node. The user may have two for a while: the new one is made first, and the old
// one ends, with the connections that may have been opened with it, when everything else of the update has succeeded.
import { secret, type CustomResourceOptions, type Input } from "@pulumi/pulumi";
import { onEveryNode, withRedisNodes, type ConnectedNode } from "./clients/redis-nodes.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";
import { save, viewOf } from "./redis-acl-user.ts";

export interface RedisPasswordInputs {
  readonly user: string;
  /** SHA-256 of the password, 64 hex digits. Secret. */
  readonly passwordHash: string;
}

/** Undefined when there is no such user. */
async function isValid(
  { client }: ConnectedNode,
  { user, passwordHash }: RedisPasswordInputs,
): Promise<boolean | undefined> {
  return (await viewOf(client, user))?.passwordHashes.includes(passwordHash);
}

export const provider = dynamicProvider<RedisPasswordInputs, RedisPasswordInputs>({
  describe: ({ user }) => `password of Redis user ${user}`,
  id: ({ user }) => user,
  inputs: { user: "replace", passwordHash: "renew" },
  adopts: true,
  async ensure(desired) {
    await withRedisNodes(servers(), (nodes) =>
      onEveryNode(nodes, async (node) => {
        const valid = await isValid(node, desired);
        if (valid) return;
        // SETUSER would make one, without rules.
        if (valid === undefined)
          throw new Error(`there is no such user on ${node.name}: pulumi refresh, then pulumi up`);
        await node.client.call("ACL", "SETUSER", desired.user, `#${desired.passwordHash}`);
        await save(node.client);
      }),
    );
    return desired;
  },
  observe: async (recorded) =>
    withRedisNodes(servers(), async (nodes) => {
      const valid = await onEveryNode(nodes, (node) => isValid(node, recorded));
      return valid.every(Boolean) ? recorded : undefined;
    }),
  async remove({ user, passwordHash }) {
    await withRedisNodes(servers(), (nodes) =>
      onEveryNode(nodes, async (node) => {
        if (!(await isValid(node, { user, passwordHash }))) return;
        await node.client.call("ACL", "SETUSER", user, `!${passwordHash}`);
        await save(node.client);
        await node.client.call("CLIENT", "KILL", "USER", user);
      }),
    );
  },
});

/** Keeps a password valid, beside the user's others. Deleted, it lets nobody in, and connections of the user end. */
export class RedisPassword extends DynamicResource {
  constructor(name: string, args: { user: string; passwordHash: Input<string> }, opts?: CustomResourceOptions) {
    const inputs = { ...args, passwordHash: secret(args.passwordHash) };
    super("RedisPassword", "redis-password", name, inputs, opts);
  }
}
