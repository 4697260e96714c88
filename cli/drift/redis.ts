// Redis users of somebody else whose rules reach the tenant's keys or channels. A user that reaches everything is an administrator.
import type { Redis } from "ioredis";
import type { TenantNames } from "../../components/names.ts";
import { onEveryNode, withRedisNodes } from "../../providers/clients/redis-nodes.ts";
import { fieldsOf } from "../../providers/clients/redis.ts";
import type { Servers } from "../../providers/clients/servers.ts";
import type { Difference } from "./difference.ts";

export async function foreignUsers(names: TenantNames, servers: Servers): Promise<Difference[]> {
  return withRedisNodes(servers, async (nodes) => {
    const found = await onEveryNode(nodes, async ({ client, name }) =>
      (await usersReaching(client, names)).map((one) => ({ ...one, node: name })),
    );
    return found.flat().map(({ user, patterns, node }) => ({
      place: "Redis",
      resource: `user ${user}${nodes.length === 1 ? "" : ` on ${node}`}`,
      kind: "foreign",
      what: `reaches ${names.keyPrefix}* by ${patterns.join(" ")}`,
      help: `when nobody needs it: ACL DELUSER ${user}, ACL SAVE`,
    }));
  });
}

async function usersReaching(
  client: Redis,
  { redisUser, keyPrefix }: TenantNames,
): Promise<{ user: string; patterns: string[] }[]> {
  const users = ((await client.call("ACL", "USERS")) as string[]).filter((user) => user !== redisUser);
  const rights = await Promise.all(
    users.map(async (user) => {
      const fields = fieldsOf(await client.call("ACL", "GETUSER", user));
      const selectors = [fields.get("selectors") ?? []].flat(2).map(String);
      const all = [fields.get("keys"), fields.get("channels"), ...selectors].map(String).join(" ");
      return { user, patterns: patternsReaching(all, keyPrefix) };
    }),
  );
  return rights.filter(({ patterns }) => patterns.length > 0);
}

/** Of the patterns of ACL GETUSER (`~a:* %R~b:* &c:*`) those that match some key or channel under the prefix, and not everything. */
export function patternsReaching(rules: string, prefix: string): string[] {
  return rules.split(/\s+/).filter((rule) => {
    const [, pattern] = /^(?:~|&|%[RW]+~)(.+)$/i.exec(rule) ?? [];
    return pattern !== undefined && pattern !== "*" && mayReach(pattern, prefix);
  });
}

/** Whether a glob may match something that starts with `prefix`: what stands before its first wildcard decides. */
function mayReach(pattern: string, prefix: string): boolean {
  const plain = /^(?:[^*?[\\]|\\.)*/.exec(pattern)?.[0] ?? "";
  const literal = plain.replace(/\\(.)/g, "$1");
  if (plain === pattern) return literal.startsWith(prefix);
  return literal.startsWith(prefix) || prefix.startsWith(literal);
}
