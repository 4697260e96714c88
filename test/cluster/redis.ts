// Redis Cluster: the administrator's client that knows all nodes.
import { Cluster } from "ioredis";
import { servers } from "../../providers/clients/servers.ts";

export async function clusterClient<T>(work: (client: Cluster) => Promise<T>): Promise<T> {
  const { addresses, url } = servers().redis;
  const client = new Cluster([...addresses], {
    redisOptions: { username: decodeURIComponent(url.username), password: decodeURIComponent(url.password) },
  });
  // Of a node that is down: it asks another one.
  client.on("error", () => undefined);
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}
