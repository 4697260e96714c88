// Noisy neighbours: one tenant floods each store, then all of them, while another does ordinary work. Everything that one does must
// succeed. How much slower it gets is measured and printed, never asserted: what a shared server cannot prevent stands in
// docs/security.md.
import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { minioClient } from "../../providers/clients/minio.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { setQuota } from "../support/minio-admin.ts";
import { asTenant as onPostgresql } from "../support/postgresql-tenant.ts";
import { asAdmin, asTenant as onRedis } from "../support/redis-tenant.ts";
import { adminClient, awsClient, outcome, s3Credentials } from "../support/s3.ts";
import type { Order, Store, Tally } from "./flooder.ts";

let flooder: Deployed;
let victim: Deployed;
const points = Array.from({ length: 1000 }, (_, i) => i + 1);

beforeAll(async () => {
  ({ attacker: flooder, victim } = await deployedTenants());
});

afterAll(async () => {
  const { bucket, collection, keyPrefix } = flooder.names;
  const admin = adminClient();
  const { Contents: objects = [] } = await admin.listObjectsV2({ Bucket: bucket, Prefix: "flood/" });
  await Promise.all(objects.map(({ Key }) => admin.deleteObject({ Bucket: bucket, Key })));
  await (await qdrantClient(servers())).delete(collection, { wait: true, points });
  await asAdmin((client) => client.del(...points.slice(0, 8).map((i) => `${keyPrefix}flood:${i - 1}`)));
});

/** One round of ordinary work in each store, from connecting to cleaning up; milliseconds by store. */
async function work(): Promise<Record<Store, number>> {
  const { bucket, collection, keyPrefix } = victim.names;
  const timed = async (round: () => Promise<unknown>): Promise<number> => {
    const started = performance.now();
    await round();
    return performance.now() - started;
  };
  const { tenantUrl } = servers().qdrant;
  const s3 = awsClient(s3Credentials(victim));
  const qdrant = await qdrantClient(servers(), victim.credentials.qdrant_api_key, tenantUrl);
  const object = { Bucket: bucket, Key: "raw/neighbour" };
  const key = `${keyPrefix}neighbour`;
  const vector = Array.from({ length: 768 }, (_, i) => (i % 5) / 8);
  return {
    minio: await timed(async () => {
      await s3.putObject({ ...object, Body: "ordinary" });
      expect(await (await s3.getObject(object)).Body?.transformToString()).toBe("ordinary");
      await s3.deleteObject(object);
    }),
    postgresql: await timed(() =>
      onPostgresql(victim, async (client) => {
        await client.query("CREATE TEMP TABLE neighbour (id int PRIMARY KEY)");
        await client.query("INSERT INTO neighbour SELECT generate_series(1, 100)");
        expect((await client.query("SELECT count(*)::int AS n FROM neighbour")).rows).toEqual([{ n: 100 }]);
      }),
    ),
    qdrant: await timed(async () => {
      await qdrant.upsert(collection, { wait: true, points: [{ id: 1, vector }] });
      expect((await qdrant.query(collection, { query: vector, limit: 1 })).points).toMatchObject([{ id: 1 }]);
      await qdrant.delete(collection, { wait: true, points: [1] });
    }),
    redis: await timed(() =>
      onRedis(victim, async (client) => {
        await client.set(key, "ordinary");
        expect(await client.get(key)).toBe("ordinary");
        await client.del(key);
      }),
    ),
  };
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;

/** Works for that many milliseconds, but not less than three rounds; the median of each store. */
async function workFor(milliseconds: number): Promise<Record<Store, number>> {
  const rounds: Record<Store, number>[] = [];
  for (const end = Date.now() + milliseconds; rounds.length < 3 || Date.now() < end;) rounds.push(await work());
  const of = (store: Store) => median(rounds.map((round) => round[store]));
  return { minio: of("minio"), postgresql: of("postgresql"), qdrant: of("qdrant"), redis: of("redis") };
}

/** Runs `during` while the flooder floods these stores; with what it got done. */
async function flooded<T>(stores: readonly Store[], during: () => Promise<T>): Promise<[T, Tally]> {
  const order: Order = { tenant: flooder, stores, points };
  const worker = new Worker(new URL("flooder.ts", import.meta.url), { workerData: order });
  try {
    await once(worker, "message"); // Every store feels it.
    const found = await during();
    const answer = once(worker, "message") as Promise<[Tally]>;
    worker.postMessage("stop");
    return [found, (await answer)[0]];
  } finally {
    await worker.terminate();
  }
}

describe("limits", () => {
  // MinIO compares with what it counted last: the refusal comes late, but comes.
  it("a bucket that is full is closed for uploads", async () => {
    const { bucket: Bucket } = flooder.names;
    const admin = await minioClient(servers());
    const s3 = awsClient(s3Credentials(flooder));
    const mebibyte = 1024 * 1024;
    const upload = (Key: string, size: number) => outcome(s3.putObject({ Bucket, Key, Body: Buffer.alloc(size) }));
    const options = { timeout: 50_000, interval: 500 };
    await setQuota(admin, Bucket, 20 * mebibyte);
    try {
      await expect.poll(() => upload("flood/small", 1), options).toBe("OK"); // What was there before is counted still.
      expect(await upload("flood/larger-than-the-quota", 21 * mebibyte)).toBe("XMinioAdminBucketQuotaExceeded");
      for (const i of [1, 2, 3]) expect(await upload(`flood/full-${i}`, 8 * mebibyte)).toBe("OK");
      const started = Date.now();
      await expect.poll(() => upload("flood/small", 1), options).toBe("XMinioAdminBucketQuotaExceeded");
      process.stdout.write(
        `The bucket was closed ${((Date.now() - started) / 1000).toFixed(0)} s after it was full.\n`,
      );
    } finally {
      await setQuota(admin, Bucket, 10 * 1024 * mebibyte);
    }
  }, 120_000);
});

describe("while one tenant floods", () => {
  let quiet: Record<Store, number>;
  beforeAll(async () => {
    quiet = await workFor(2_000);
  });

  it.each<[string, Store[]]>([
    ["MinIO", ["minio"]],
    ["PostgreSQL", ["postgresql"]],
    ["Qdrant", ["qdrant"]],
    ["Redis", ["redis"]],
    ["all four at once", ["minio", "postgresql", "qdrant", "redis"]],
  ])("%s, the other's work succeeds", async (what, stores) => {
    const [found, tally] = await flooded(stores, () => workFor(2_000));
    const shown = (Object.keys(found) as Store[]).map(
      (store) =>
        `${store} ${quiet[store].toFixed(0)} → ${found[store].toFixed(0)} ms (×${(found[store] / quiet[store]).toFixed(1)})`,
    );
    process.stdout.write(`Flood of ${what}: ${shown.join(", ")}\n  ${JSON.stringify(tally)}\n`);
    // What has a limit was refused. (Beside three other floods not all connections need come about.)
    if (what === "PostgreSQL") expect(Object.keys(tally).join()).toMatch(/one connection more: too many connections/);
    if (stores.includes("qdrant")) expect(tally["search beyond strict mode: done"]).toBeUndefined();
  });
});
