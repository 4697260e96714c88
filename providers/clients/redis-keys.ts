// The keys of a prefix: on every master. Walking them takes time in proportion to everybody's keys.
import type { Redis } from "ioredis";
import { onEveryNode, type ConnectedNode } from "./redis-nodes.ts";

/** The pattern of SCAN for everything that starts with `prefix`. */
export const globOf = (prefix: string): string => `${prefix.replace(/[\\*?[\]]/g, "\\$&")}*`;

async function eachKeyBatch(client: Redis, prefix: string, use: (keys: Buffer[]) => Promise<void>): Promise<void> {
  const pattern = globOf(prefix);
  let cursor = "0";
  do {
    // As bytes: a name that is no UTF-8 would be another name as text, and never be deleted.
    const [next, keys] = await client.scanBuffer(cursor, "MATCH", pattern, "COUNT", 1000);
    if (keys.length > 0) await use(keys);
    cursor = next.toString();
  } while (cursor !== "0");
}

async function onMasters<T>(nodes: readonly ConnectedNode[], work: (client: Redis) => Promise<T>): Promise<T[]> {
  return onEveryNode(
    nodes.filter(({ role }) => role === "master"),
    ({ client }) => work(client),
  );
}

/** How many keys start with `prefix`. */
export async function countKeys(nodes: readonly ConnectedNode[], prefix: string): Promise<number> {
  const counts = await onMasters(nodes, async (client) => {
    let count = 0;
    await eachKeyBatch(client, prefix, async (keys) => {
      count += keys.length;
    });
    return count;
  });
  return counts.reduce((sum, count) => sum + count, 0);
}

/**
 * How many keys each tenant has, by id: one walk over all of them.
 * @param limit keys that are looked at; beyond it, or once `signal` is aborted, the walk ends and is not `complete`
 */
export async function countKeysByTenant(
  nodes: readonly ConnectedNode[],
  limit: number,
  signal: AbortSignal,
): Promise<{ readonly counts: ReadonlyMap<string, number>; readonly complete: boolean }> {
  const counts = new Map<string, number>();
  let seen = 0;
  const enough = new Error("enough");
  try {
    await onMasters(nodes, (client) =>
      eachKeyBatch(client, "tenant:", async (keys) => {
        seen += keys.length;
        if (seen > limit || signal.aborted) throw enough;
        for (const key of keys) {
          const id = key.subarray(7, key.indexOf(":", 7)).toString("latin1");
          counts.set(id, (counts.get(id) ?? 0) + 1);
        }
      }),
    );
  } catch (error) {
    if (seen <= limit && !signal.aborted) throw error;
  }
  return { counts, complete: seen <= limit && !signal.aborted };
}

/** Deletes every key that starts with `prefix`. */
export async function removeKeys(nodes: readonly ConnectedNode[], prefix: string): Promise<void> {
  await onMasters(nodes, (client) =>
    eachKeyBatch(client, prefix, async (keys) => {
      // One by one: the keys of one command have to be in one slot of a cluster.
      const pipeline = client.pipeline();
      for (const key of keys) pipeline.unlink(key);
      for (const [error] of (await pipeline.exec()) ?? []) if (error !== null) throw error;
    }),
  );
}
