// Every server that REDIS_URL leads to. Redis does not replicate users: what holds on one node says nothing of the next one.
import type { Redis } from "ioredis";
import { Problem } from "../../errors/problem.ts";
import { onEvery } from "./every-node.ts";
import { addressText, type RedisAddress } from "./redis-url.ts";
import { fieldsOf, openRedis, withRedis, type RedisConnection, type RedisUser } from "./redis.ts";
import type { Servers } from "./servers.ts";

/** A server of data. */
export interface RedisNode extends RedisAddress {
  readonly role: "master" | "replica";
}

/** What REDIS_URL leads to: one server and its replicas, a cluster, or what the sentinels watch. */
export interface Topology {
  readonly cluster: boolean;
  readonly nodes: readonly RedisNode[];
}

/** A node with a connection. */
export interface ConnectedNode extends RedisNode {
  /** `127.0.0.1:6379 (replica)` */
  readonly name: string;
  readonly client: Redis;
}

function nodeName(node: RedisNode): string {
  return `${addressText(node)} (${node.role})`;
}

/**
 * Asks the servers named in the URL, in turn, until one answers.
 * @throws Error with the reason of each.
 */
async function firstAnswer<T>(
  servers: Pick<Servers, "redis">,
  ask: (client: Redis, at: RedisAddress) => Promise<T>,
): Promise<T> {
  const failures: Error[] = [];
  for (const at of servers.redis.addresses) {
    try {
      return await withRedis(servers, (client) => ask(client, at), undefined, at);
    } catch (error) {
      failures.push(error as Error);
    }
  }
  if (failures.length === 1 && failures[0] !== undefined) throw failures[0];
  throw new Error(failures.map(({ message }) => message).join("; "), { cause: new AggregateError(failures) });
}

/** The master and the replicas, also those that are down. */
async function watchedNodes(sentinel: Redis, master: string): Promise<RedisNode[]> {
  const node = (reply: unknown, role: RedisNode["role"]): RedisNode => {
    const fields = fieldsOf(reply);
    return { host: String(fields.get("ip")), port: Number(fields.get("port")), role };
  };
  const [first, others] = await Promise.all([
    sentinel.call("SENTINEL", "MASTER", master),
    sentinel.call("SENTINEL", "REPLICAS", master),
  ]);
  return [node(first, "master"), ...(others as unknown[]).map((reply) => node(reply, "replica"))];
}

/** Every node of the cluster, also those that are down. */
async function clusterNodes(client: Redis, asked: RedisAddress, tls: boolean): Promise<RedisNode[]> {
  const shards = (await client.call("CLUSTER", "SHARDS")) as unknown[];
  return shards.flatMap((shard) =>
    (fieldsOf(shard).get("nodes") as unknown[]).map((reply): RedisNode => {
      const fields = fieldsOf(reply);
      // "?" and "" mean: where you reached me.
      const host = [fields.get("endpoint"), fields.get("ip")]
        .map(String)
        .find((text) => !["", "?", "null"].includes(text));
      const port = (tls ? fields.get("tls-port") : undefined) ?? fields.get("port");
      const role = fields.get("role") === "master" ? "master" : "replica";
      return { host: host ?? asked.host, port: Number(port), role };
    }),
  );
}

/** A server and its replicas. */
async function replicatedNodes(client: Redis, asked: RedisAddress): Promise<RedisNode[]> {
  const [role, first, second] = (await client.call("ROLE")) as [string, unknown, unknown];
  if (role !== "master") {
    throw new Problem(
      "servers-invalid",
      `Redis at ${addressText(asked)} is a replica of ${addressText({ host: String(first), port: Number(second) })}: name ` +
        `that one in REDIS_URL, or the sentinels that know the master (redis+sentinel://…/NAME)`,
    );
  }
  const replicas = (second as [string, string][]).map(([host, port]) => ({ host, port: Number(port) }));
  return [{ ...asked, role: "master" }, ...replicas.map((at): RedisNode => ({ ...at, role: "replica" }))];
}

/**
 * What REDIS_URL leads to now.
 * @throws Error when nobody who is named answers, or when it is not what the URL says it is.
 */
export async function topologyOf(servers: Pick<Servers, "redis">): Promise<Topology> {
  const { addresses, master, url } = servers.redis;
  if (master !== undefined) {
    const nodes = await firstAnswer(servers, async (sentinel, at) => {
      try {
        return await watchedNodes(sentinel, master);
      } catch (cause) {
        throw new Error(`the sentinel at ${addressText(at)}, asked for ${master}: ${(cause as Error).message}`, {
          cause,
        });
      }
    });
    return { cluster: false, nodes };
  }
  return firstAnswer(servers, async (client, at) => {
    if (/^cluster_enabled:1/m.test(await client.info("cluster"))) {
      return { cluster: true, nodes: await clusterNodes(client, at, url.protocol === "rediss:") };
    }
    if (addresses.length > 1) {
      throw new Problem(
        "servers-invalid",
        `REDIS_URL names ${addresses.length} servers, and ${addressText(at)} is in no cluster: name one server, or the ` +
          `sentinels that know the master (redis+sentinel://…/NAME)`,
      );
    }
    return { cluster: false, nodes: await replicatedNodes(client, at) };
  });
}

/**
 * Runs `work` with a connection to every node of the topology (as the administrator unless `as` is given), and closes them.
 * @throws Error naming every node that does not answer: then nothing was done on any.
 */
export async function withConnections<T>(
  servers: Pick<Servers, "redis">,
  topology: Topology,
  work: (nodes: readonly ConnectedNode[]) => Promise<T>,
  as?: RedisUser,
): Promise<T> {
  const opened = await Promise.allSettled(topology.nodes.map((node) => openRedis(servers, node, as)));
  const connections = opened.flatMap((one): RedisConnection[] => (one.status === "fulfilled" ? [one.value] : []));
  try {
    const failures = opened.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
    if (failures.length > 0) throw unreachable(failures, topology, servers.redis.master);
    return await work(
      topology.nodes.map((node, index) => ({
        ...node,
        name: nodeName(node),
        client: (connections[index] as RedisConnection).client,
      })),
    );
  } catch (cause) {
    throw connections.reduce((error, { explained }) => (error === cause ? explained(cause) : error), cause);
  } finally {
    for (const { close } of connections) close();
  }
}

/**
 * Runs `work` with the administrator's connection to every node that REDIS_URL leads to now.
 * @throws Error naming every node that does not answer, or saying that the cluster is not whole.
 */
export async function withRedisNodes<T>(
  servers: Pick<Servers, "redis">,
  work: (nodes: readonly ConnectedNode[], topology: Topology) => Promise<T>,
): Promise<T> {
  const topology = await topologyOf(servers);
  return withConnections(servers, topology, async (nodes) => {
    if (topology.cluster) await requireWhole(nodes);
    return work(nodes, topology);
  });
}

function unreachable(failures: readonly Error[], { nodes, cluster }: Topology, master: string | undefined): Error {
  const [first] = failures;
  if (nodes.length === 1 && first !== undefined) return first;
  const forget = cluster ? "CLUSTER FORGET" : master === undefined ? "" : `SENTINEL RESET ${master}`;
  return new Error(
    `${failures.length} of ${nodes.length} Redis nodes cannot be used, and nothing was changed on any: ` +
      `${failures.map(({ message }) => message).join("; ")}. Start what is down and run it again` +
      (forget === "" ? "" : `; a node that is gone for good has to be forgotten first: ${forget}`),
    { cause: new AggregateError(failures) },
  );
}

/** A node that lost the others lists itself only, or keys would be left where no node answers for them. */
async function requireWhole(nodes: readonly ConnectedNode[]): Promise<void> {
  await onEveryNode(nodes, async ({ client }) => {
    const state = /^cluster_state:(\w+)/m.exec(String(await client.cluster("INFO")))?.[1];
    if (state !== "ok")
      throw new Problem(
        "server-unreachable",
        `the cluster is not whole (cluster_state:${state}): run it again when it is`,
      );
  });
}

/** Does the same on every node at once, and waits for all. @throws Error with the reason of each node on which it failed */
export const onEveryNode = <T>(
  nodes: readonly ConnectedNode[],
  work: (node: ConnectedNode) => Promise<T>,
): Promise<T[]> => onEvery("Redis node", nodes, nodes.length === 1 ? work : (node) => work(node).catch(goneAway));

/** ioredis's own words for a server that goes away meanwhile say neither that, nor what to do. */
function goneAway(cause: unknown): never {
  if (!(cause instanceof Error) || !/^(Connection is closed|Stream isn't writeable)/.test(cause.message)) throw cause;
  const told = "it went away in the middle: start it and run it again, which finishes the work on every node";
  throw new Problem("server-unreachable", told, { cause });
}
