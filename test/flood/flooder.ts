// One tenant's application gone wild, in a thread of its own, so that only the servers stand between it and the other tenants:
// it floods the stores it is given, says so when each of them has felt it, and at the next message stops and tells what it got done.
import { setTimeout } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { openRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import type { Deployed } from "../support/deployed.ts";
import { tenantSession } from "../support/postgresql-tenant.ts";
import { awsClient, s3Credentials } from "../support/s3.ts";

export type Store = "minio" | "postgresql" | "qdrant" | "redis";

/** What a flooder is given. */
export interface Order {
  readonly tenant: Deployed;
  readonly stores: readonly Store[];
  /** Ids of the points that the flood writes, over and over. */
  readonly points: readonly number[];
}

/** How often each thing was done, or refused with which words. */
export type Tally = Record<string, number>;

const { tenant, stores, points: ids } = workerData as Order;
const { names, credentials } = tenant;
const tally: Tally = {};
let running = true;
let told = false;

/** What each store's flood is measured by. */
const main: Readonly<Record<Store, string>> = {
  minio: "upload: done",
  postgresql: "query: done",
  qdrant: "batch: done",
  redis: "value of 4 MB: done",
};

/** Again and again, one at a time, as long as the flood lasts. */
async function repeat(what: string, work: (round: number) => Promise<unknown>): Promise<void> {
  for (let round = 0; running; round += 1) {
    const done = await work(round).then(
      () => "done",
      (error: Error) => error.message.slice(0, 60),
    );
    tally[`${what}: ${done}`] = (tally[`${what}: ${done}`] ?? 0) + 1;
    if (!told && stores.every((store) => main[store] in tally)) {
      told = true;
      parentPort?.postMessage("flooding");
    }
    // A refusal comes at once: the loop must not keep this thread from its messages.
    await setTimeout(1);
  }
}

const times = <T>(count: number, make: (index: number) => T): T[] => Array.from({ length: count }, (_, i) => make(i));

const floods: Readonly<Record<Store, () => Promise<unknown>>> = {
  // At most 6 × 3 objects of 8 MiB.
  async minio() {
    const s3 = awsClient(s3Credentials(tenant));
    const body = Buffer.alloc(8 * 1024 * 1024, "flood");
    const upload = (worker: number) =>
      repeat("upload", (round) =>
        s3.putObject({ Bucket: names.bucket, Key: `flood/${worker}/${round % 3}`, Body: body }),
      );
    const list = repeat("list", () => s3.listObjectsV2({ Bucket: names.bucket }));
    await Promise.all([list, ...times(6, upload)]);
  },

  // Every connection the role may have: most sort on disk (some 10 MB each), and one more keeps asking for a place.
  async postgresql() {
    const sort = "SELECT count(*) FROM (SELECT g FROM generate_series(1, 300000) g ORDER BY md5(g::text)) s";
    // Verification of this tenant may run beside: not all of them may be free.
    const opened = await Promise.all(times(20, () => tenantSession(tenant).catch(() => undefined)));
    const clients = opened.filter((client) => client !== undefined);
    const busy = clients.map((client, i) =>
      repeat("query", () => client.query(i < 4 ? sort : "SELECT sum(sqrt(g)) FROM generate_series(1, 200000) g")),
    );
    const extra = repeat("one connection more", async () => (await tenantSession(tenant)).end());
    await Promise.all([extra, ...busy]);
    await Promise.all(clients.map((client) => client.end()));
  },

  async qdrant() {
    const { qdrant } = servers();
    const client = await qdrantClient(servers(), credentials.qdrant_api_key, qdrant.tenantUrl);
    const { collection } = names;
    const vector = times(768, (i) => (i % 7) / 8);
    const points = ids.map((id) => ({ id, vector }));
    const search = { query: vector, limit: 10_000, with_vector: true, params: { hnsw_ef: 1024, exact: true } };
    await Promise.all([
      ...times(3, () => repeat("batch", () => client.upsert(collection, { wait: true, points }))),
      ...times(6, () => repeat("search", () => client.query(collection, search))),
      repeat("search beyond strict mode", () => client.query(collection, { ...search, limit: 100_000 })),
    ]);
  },

  // 200 connections, 8 values of 4 MB, and scripts: one a third of a second long stops everybody for that time.
  async redis() {
    const as = { user: names.redisUser, password: credentials.redis_password };
    const { redis } = servers();
    const connections = await Promise.all(times(200, () => openRedis({ redis }, redis.addresses[0], as)));
    const [first, ...others] = connections.map(({ client }) => client);
    const value = Buffer.alloc(4_000_000, "flood");
    const busy = others.slice(0, 8).map((client, i) => {
      const key = `${names.keyPrefix}flood:${i}`;
      return repeat("value of 4 MB", async () => {
        await client.set(key, value);
        await client.getBuffer(key);
      });
    });
    const script = "local n = 0 for i = 1, 5000000 do n = n + i end return n";
    await Promise.all([...busy, repeat("script", async () => first?.eval(script, 0))]);
    for (const { close } of connections) close();
  },
};

parentPort?.once("message", () => (running = false));
await Promise.all(stores.map((store) => floods[store]()));
parentPort?.postMessage(tally);
