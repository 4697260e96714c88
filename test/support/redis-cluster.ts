// A Redis Cluster of a test's own: three masters, and one replica of the first.
import { freePort, until, type Lab, type LabServer } from "./redis-lab.ts";

/** A node that may join; its bus has a port of its own, because port + 10000 may be none. */
export async function clusterNode(lab: Lab): Promise<LabServer & { readonly bus: number }> {
  const bus = await freePort();
  const lines = [
    "cluster-enabled yes",
    `cluster-port ${bus}`,
    "cluster-node-timeout 2000",
    "cluster-announce-ip 127.0.0.1",
  ];
  return { ...(await lab.server(lines)), bus };
}

export type ClusterNode = Awaited<ReturnType<typeof clusterNode>>;

const info = (node: LabServer): Promise<string> => node.admin(async (client) => String(await client.cluster("INFO")));

/** Brings the node into the cluster of `first`, and waits until all of `members` know it. */
export async function join(first: ClusterNode, node: ClusterNode, members: readonly ClusterNode[]): Promise<void> {
  await first.admin((client) => client.call("CLUSTER", "MEET", "127.0.0.1", node.port, node.bus));
  await until("every node knows the new one", async () => {
    const all = await Promise.all(members.map(info));
    return all.every((text) => text.includes(`cluster_known_nodes:${members.length}\r`));
  });
}

/** Makes `node` a replica of `master`, and waits until it follows. */
export async function follow(node: ClusterNode, master: ClusterNode): Promise<void> {
  const id = await master.admin((client) => client.call("CLUSTER", "MYID"));
  await node.admin((client) => client.call("CLUSTER", "REPLICATE", String(id)));
  await until("the replica follows", () =>
    node.admin(async (client) => (await client.info("replication")).includes("master_link_status:up")),
  );
}

export async function makeCluster(lab: Lab): Promise<{ masters: ClusterNode[]; replica: ClusterNode }> {
  const masters = [await clusterNode(lab), await clusterNode(lab), await clusterNode(lab)];
  const replica = await clusterNode(lab);
  const [first] = masters as [ClusterNode];
  const ranges = [
    [0, 5460],
    [5461, 10922],
    [10923, 16383],
  ] as const;
  for (const [index, node] of masters.entries()) {
    const [from, to] = ranges[index] ?? [0, 0];
    await node.admin(async (client) => {
      await client.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
      await client.call("CLUSTER", "ADDSLOTSRANGE", from, to);
    });
  }
  for (let count = 2; count <= 3; count += 1)
    await join(first, masters[count - 1] as ClusterNode, masters.slice(0, count));
  await join(first, replica, [...masters, replica]);
  await follow(replica, first);
  await until("the cluster is whole, as every node sees it", async () => {
    const all = await Promise.all([...masters, replica].map(info));
    return all.every((text) => text.includes("cluster_state:ok"));
  });
  return { masters, replica };
}
