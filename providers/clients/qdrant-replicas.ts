// On which nodes of a Qdrant cluster the parts (shards) of a collection lie. The server places them when it makes a collection;
// a later change of the replication factor it only remembers: it neither copies nor drops anything by itself (measured on 1.16.3).
import type { QdrantClient } from "@qdrant/js-client-rest";
import { setTimeout } from "node:timers/promises";
import { unreadyNodes } from "./qdrant.ts";
import type { Servers } from "./servers.ts";

/** How many nodes have each part of a collection; `all`: every node that there is. */
export type Replicas = number | "all";

/** One copy of a part. */
interface Copy {
  /** The node's id. */
  readonly peer: number;
  /** Whether it has everything and answers. */
  readonly active: boolean;
}

/** Milliseconds to wait for copies, which the server goes on making after that; and for one that it does not begin to make. */
const [copyTime, idleTime] = [600_000, 60_000];

/** The ids of the nodes; none when the server is no cluster. */
export async function peersOf(client: QdrantClient): Promise<number[]> {
  const { data } = await client.api().clusterStatus({});
  const status = data.result;
  return status?.status === "enabled" ? Object.keys(status.peers).map(Number) : [];
}

/**
 * Makes the collection, which needs every node that gets a copy.
 * @throws Error naming the nodes that did not take theirs, where there are such; else what the work threw.
 */
export async function onAllPeers(
  client: QdrantClient,
  qdrant: Servers["qdrant"],
  collection: string,
  make: () => Promise<unknown>,
): Promise<void> {
  try {
    await make();
  } catch (cause) {
    // Of a single server, and of one that has not begun, there is nothing to say.
    const incomplete = await silentPeers(client, collection).catch(() => []);
    // The others may not know yet.
    const silent = incomplete.length > 0 ? incomplete : await unreadyNodes(qdrant);
    if (silent.length === 0) throw cause;
    throw new Error(
      `the Qdrant nodes ${silent.join(", ")} do not answer the others: start them, then run it again. One that is gone for good ` +
        `has to be removed: DELETE /cluster/peer/ID?force=true (docs/operations.md, "More than one machine")`,
      { cause },
    );
  }
}

/** The nodes that have an incomplete copy, by their addresses among each other. (Only the leader knows who does not answer.) */
async function silentPeers(client: QdrantClient, collection: string): Promise<string[]> {
  const [{ data }, { parts }] = await Promise.all([client.api().clusterStatus({}), copiesOf(client, collection)]);
  const incomplete = [...parts.values()].flat().filter(({ active }) => !active);
  const peers = data.result?.status === "enabled" ? data.result.peers : {};
  return [...new Set(incomplete.map(({ peer }) => peers[String(peer)]?.uri ?? `with the id ${peer}`))];
}

/** The copies of each part, and how many are being made or moved. */
async function copiesOf(client: QdrantClient, collection: string) {
  const { peer_id, local_shards, remote_shards, shard_transfers } = await client.collectionClusterInfo(collection);
  const parts = new Map<number, Copy[]>();
  for (const { shard_id, state, peer_id: peer } of [
    ...local_shards.map((shard) => ({ ...shard, peer_id })),
    ...remote_shards,
  ]) {
    parts.set(shard_id, [...(parts.get(shard_id) ?? []), { peer, active: state === "Active" }]);
  }
  return { parts, moving: shard_transfers.length };
}

/**
 * How many copies there are of each part: what is wanted when that is so, else the number of a part that has another one. A copy
 * on a node that is down counts: it will be back. One of a node that was removed from the cluster does not.
 */
export async function foundReplicas(client: QdrantClient, collection: string, wanted: Replicas): Promise<Replicas> {
  const peers = await peersOf(client);
  if (peers.length === 0) return wanted === "all" ? "all" : 1;
  const count = wanted === "all" ? peers.length : wanted;
  const { parts } = await copiesOf(client, collection);
  const other = [...parts.values()].find((copies) => copies.length !== count);
  return other?.length ?? wanted;
}

/** The number for the server. */
export async function replicationFactor(client: QdrantClient, wanted: Replicas): Promise<number> {
  return wanted === "all" ? Math.max(1, (await peersOf(client)).length) : wanted;
}

/**
 * Makes and drops copies until every part has as many as wanted, and waits until they are complete.
 * @throws Error when there are fewer nodes than copies wanted, or a copy cannot be made
 */
export async function syncReplicas(client: QdrantClient, collection: string, wanted: Replicas): Promise<void> {
  const peers = await peersOf(client);
  if (peers.length === 0) return;
  const count = wanted === "all" ? peers.length : wanted;
  const { parts } = await copiesOf(client, collection);
  const load = new Map(peers.map((peer) => [peer, 0]));
  const add = (peer: number, change: number): void => void load.set(peer, (load.get(peer) ?? 0) + change);
  for (const copies of parts.values()) for (const { peer } of copies) add(peer, 1);
  const lightest = (some: readonly number[]): number | undefined =>
    some.toSorted((one, other) => (load.get(one) ?? 0) - (load.get(other) ?? 0))[0];

  for (const [shard_id, copies] of parts) {
    const held = copies.map(({ peer }) => peer);
    const source = copies.find(({ active }) => active)?.peer;
    for (let missing = count - held.length; missing > 0; missing -= 1) {
      const target = lightest(peers.filter((peer) => !held.includes(peer)));
      if (source === undefined || target === undefined) {
        throw new Error(
          target === undefined
            ? `part ${shard_id} cannot have ${count} copies on ${peers.length} nodes`
            : `no node has all of part ${shard_id} now: start the nodes that are down, then run it again`,
        );
      }
      await client.updateCollectionCluster(collection, {
        replicate_shard: { shard_id, from_peer_id: source, to_peer_id: target },
      });
      held.push(target);
      add(target, 1);
    }
    // Those that are not complete go first: one that is complete stays.
    const weight = ({ peer }: Copy): number => load.get(peer) ?? 0;
    const spare = copies.toSorted((one, other) => +one.active - +other.active || weight(other) - weight(one));
    for (const { peer } of spare.slice(0, Math.max(0, held.length - count))) {
      await client.updateCollectionCluster(collection, { drop_replica: { shard_id, peer_id: peer } });
      add(peer, -1);
    }
  }
  await untilComplete(client, collection, count);
}

async function untilComplete(client: QdrantClient, collection: string, count: number): Promise<void> {
  const started = Date.now();
  for (let moved = started; ; await setTimeout(200)) {
    const { parts, moving } = await copiesOf(client, collection);
    if (moving === 0 && [...parts.values()].every((copies) => copies.length === count)) return;
    if (moving > 0) moved = Date.now();
    if (Date.now() > moved + idleTime) {
      throw new Error(
        "Qdrant did not make all copies: its log says why; start the nodes that are down, then run it again",
      );
    }
    if (Date.now() > started + copyTime) {
      throw new Error(
        `Qdrant still copies after ${copyTime / 60_000} minutes, and goes on: run it again to wait for it`,
      );
    }
  }
}
