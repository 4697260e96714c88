// The connections of Redis's checks: the tenant's and the administrator's, to every node.
import type { Cluster, Redis } from "ioredis";
import { withConnections, withRedisNodes, type ConnectedNode } from "../../providers/clients/redis-nodes.ts";
import type { RedisAddress } from "../../providers/clients/redis-url.ts";
import { redisOptions } from "../../providers/clients/redis.ts";
import type { Servers } from "../../providers/clients/servers.ts";
import { trusting } from "../../providers/clients/tls.ts";
import { refused, type Attempt, type Dialect, type Finding, type Subject } from "./checks.ts";

export const dialect: Dialect = {
  code: (error) => {
    const { name, message } = error as { name?: string; message?: string };
    return name === "ReplyError" ? message?.split(" ")[0] : undefined;
  },
  refusals: ["NOPERM"],
};

/** DENIED is the answer of a server in protected mode; WRONGPASS that of one that does not know the name. */
export const unauthenticated: Dialect = { ...dialect, refusals: ["NOAUTH", "DENIED", "WRONGPASS"] };

/** One node, as both reach it. */
type VerifiedNode = Omit<ConnectedNode, "client"> & {
  readonly client: Redis;
  readonly tenant: Redis;
  readonly admin: Redis;
};

export interface Context extends Subject {
  readonly nodes: readonly VerifiedNode[];
  /** The tenant's connections to every node, anew. */
  readonly connect: <T>(work: (nodes: readonly ConnectedNode[]) => Promise<T>) => Promise<T>;
  /** The client that an application would use: it finds the node of a key by itself. */
  readonly withOwnClient: <T>(work: (client: Redis | Cluster) => Promise<T>) => Promise<T>;
}

/** Connects as the tenant and as the administrator, runs the checks, disconnects. */
export async function withClients<T>(subject: Subject, work: (context: Context) => Promise<T>): Promise<T> {
  const { servers } = subject;
  return withRedisNodes(servers, async (admins, topology) => {
    const { redis_password: password } = await subject.credentials;
    const as = { user: subject.names.redisUser, password };
    const connect: Context["connect"] = (use) => withConnections(servers, topology, use, as);
    return connect(async (tenants) => {
      const nodes = tenants.map((node, index) => ({
        ...node,
        tenant: node.client,
        admin: (admins[index] as ConnectedNode).client,
      }));
      const withOwnClient: Context["withOwnClient"] = async (use) => {
        const master = nodes.find(({ role }) => role === "master");
        if (!topology.cluster && master !== undefined) return use(master.tenant);
        const { Cluster } = await import("ioredis");
        const options = { redisOptions: redisOptions(servers, as), enableReadyCheck: false, lazyConnect: true };
        const client = new Cluster([...topology.nodes], { ...options, clusterRetryStrategy: () => null });
        client.on("error", () => undefined); // Thrown by the command.
        try {
          await client.connect();
          return await use(client);
        } finally {
          client.disconnect();
        }
      };
      return work({ ...subject, nodes, connect, withOwnClient });
    });
  });
}

/** The same attempts on every node; what says the node where there are several. */
export async function refusedOnEveryNode<N extends ConnectedNode>(
  nodes: readonly N[],
  attempts: (node: N) => readonly Attempt[],
): Promise<Finding> {
  const [only] = nodes;
  if (nodes.length === 1 && only !== undefined) return refused(dialect, attempts(only));
  const finding = await refused(
    dialect,
    nodes.flatMap((node) => attempts(node).map((one) => ({ ...one, what: `${one.what} on ${node.name}` }))),
  );
  if (finding.result !== "DENIED" || only === undefined) return finding;
  const what = attempts(only).map((one) => one.what);
  return { ...finding, detail: `${what.join(", ")}: NOPERM on each of ${nodes.length} nodes` };
}

/** One command of somebody who has not said who they are, past every client: those greet the server first and fail there. */
export async function anonymously(
  { url, ca }: Servers["redis"],
  { host, port }: RedisAddress,
  words: readonly string[],
): Promise<void> {
  const [{ connect }, { connect: connectSecurely }] = await Promise.all([import("node:net"), import("node:tls")]);
  const at = { host, port };
  const socket = url.protocol === "rediss:" ? connectSecurely({ ...at, ...trusting(ca) }) : connect(at);
  try {
    const reply = await new Promise<string>((done, fail) => {
      socket.once("data", (data: Buffer) => done(data.toString("utf8").trim()));
      socket.once("error", fail).once("end", () => fail(new Error("the server closed the connection")));
      socket.write(`${words.join(" ")}\r\n`);
    });
    if (reply.startsWith("-")) throw Object.assign(new Error(reply.slice(1)), { name: "ReplyError" });
  } finally {
    socket.destroy();
  }
}
