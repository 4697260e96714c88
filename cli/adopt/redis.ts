// A tenant's Redis user and keys, as somebody else made them.
import { createHash } from "node:crypto";
import { countKeys } from "../../providers/clients/redis-keys.ts";
import { onEveryNode, withRedisNodes } from "../../providers/clients/redis-nodes.ts";
import { fieldsOf } from "../../providers/clients/redis.ts";
import { plural } from "../output.ts";
import type { LookAt, StoreLook } from "./look.ts";

export async function lookAtRedis({ names, servers, existing, credentials }: LookAt): Promise<StoreLook> {
  const { redisUser, keyPrefix } = names;
  return withRedisNodes(servers, async (nodes) => {
    const keys = await countKeys(nodes, keyPrefix);
    const found = keys > 0 ? [`${plural(keys, "key")} under ${keyPrefix}`] : [];
    const replies = await onEveryNode(nodes, ({ client }) => client.call("ACL", "GETUSER", redisUser));
    const known = replies.filter((reply) => reply !== null);
    const problems: string[] = [];
    const notes: string[] = [];
    if (known.length > 0 && !existing.redisUser) {
      notes.push(`user ${redisUser} is not on every node: the first update makes it there`);
    }
    if (known.length > 0) {
      found.unshift(`user ${redisUser}`);
      const hash = createHash("sha256")
        .update(credentials?.redis_password ?? "")
        .digest("hex");
      const passwords = known.map((reply) => [fieldsOf(reply).get("passwords") ?? []].flat().map(String));
      if (credentials !== undefined && !passwords.every((hashes) => hashes.includes(hash))) {
        problems.push("redis_password of the secrets file is not one that Redis knows");
      }
      if (passwords.some((hashes) => hashes.length > 1)) {
        notes.push(`user ${redisUser} has more than one password: the first update leaves one`);
      }
    }
    const missing = existing.redisUser ? [] : [`user ${redisUser}`];
    return { found, missing, problems, notes, settings: {} };
  });
}
