// How each store is asked for sizes.
import http from "node:http";
import https from "node:https";
import type { TenantNames } from "../../components/names.ts";
import { minioAdminGet, minioClient } from "../../providers/clients/minio.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { countKeysByTenant } from "../../providers/clients/redis-keys.ts";
import { withRedisNodes } from "../../providers/clients/redis-nodes.ts";
import type { Servers } from "../../providers/clients/servers.ts";
import { trusting } from "../../providers/clients/tls.ts";
import type { Sized, StoreName, StoreSize } from "./sizes.ts";

interface Asking {
  /** Ends the connections when the time is over. */
  readonly signal: AbortSignal;
  /** Also what takes time in proportion to everybody's data. */
  readonly walk: boolean;
}

/** Calls at the same time to a server that answers for one tenant at a time. */
const atOnce = 16;
/** Keys that are looked at before the walk is given up: 2 million take about 10 s. */
const walkedKeys = 2_000_000;

type Ask = (servers: Servers, tenants: readonly TenantNames[], asking: Asking) => Promise<Sized>;

export const sizedStores: Readonly<Record<StoreName, Ask>> = { minio, postgresql, qdrant, redis };

interface DataUsage {
  readonly bucketsUsageInfo?: Readonly<Record<string, { readonly size?: number; readonly objectsCount?: number }>>;
}

/** One call for all buckets, as MinIO's scanner counted them last; a small one for each quota. */
async function minio(servers: Servers, tenants: readonly TenantNames[], { signal }: Asking): Promise<Sized> {
  const client = await minioClient(servers);
  const { Agent } = servers.minio.endpoint.protocol === "https:" ? https : http;
  const agent = new Agent({ keepAlive: true, ...trusting(servers.minio.ca) });
  signal.addEventListener("abort", () => agent.destroy(), { once: true });
  client.setRequestOptions({ ...trusting(servers.minio.ca), agent });
  try {
    const info = (await minioAdminGet(client, "info", {})) as { servers?: { version?: string }[] } | undefined;
    const usage = (await minioAdminGet(client, "datausageinfo", {})) as DataUsage | undefined;
    const sizes = await eachOf(tenants, async ({ bucket }): Promise<StoreSize> => {
      const quota = (await minioAdminGet(client, "get-bucket-quota", { bucket })) as
        { quota?: number; size?: number } | undefined;
      const { size, objectsCount } = usage?.bucketsUsageInfo?.[bucket] ?? {};
      return { bytes: size ?? null, items: objectsCount ?? null, limit: quota?.size || quota?.quota || null };
    });
    return { version: info?.servers?.[0]?.version ?? "", sizes };
  } finally {
    agent.destroy();
  }
}

/** One query. */
async function postgresql(servers: Servers, tenants: readonly TenantNames[]): Promise<Sized> {
  return withAdmin(
    async (client) => {
      const { rows } = await client.query<{ database: string; bytes: number; version: string }>(
        // A database may go while it is measured.
        `SELECT d.datname AS database, pg_database_size(d.oid)::float8 AS bytes, current_setting('server_version') AS version
         FROM pg_database d WHERE d.datname = ANY ($1)
         UNION ALL SELECT '', 0, current_setting('server_version')`,
        [tenants.map(({ database }) => database)],
      );
      const bytes = new Map(rows.map((row) => [row.database, row.bytes]));
      const sizes = tenants.flatMap(({ id, database }): [string, StoreSize][] => {
        const size = bytes.get(database);
        return size === undefined ? [] : [[id, { bytes: size, items: null, limit: null }]];
      });
      return { version: rows[0]?.version ?? "", sizes: new Map(sizes) };
    },
    "postgres",
    servers,
  );
}

/** A small call for each collection: one for all of them (telemetry) would say far more than this. */
async function qdrant(servers: Servers, tenants: readonly TenantNames[]): Promise<Sized> {
  const client = await qdrantClient(servers);
  const [{ version }, { collections }] = await Promise.all([client.versionInfo(), client.getCollections()]);
  const there = new Set(collections.map(({ name }) => name));
  const sizes = await eachOf(
    tenants.filter(({ collection }) => there.has(collection)),
    async ({ collection }): Promise<StoreSize> => {
      const { points_count: items, config } = await client.getCollection(collection);
      const limit = Number(config.strict_mode_config?.max_points_count ?? 0);
      return { bytes: null, items: items ?? null, limit: limit || null };
    },
  );
  return { version, sizes };
}

/** One walk over the keys of all tenants, on every master, when it is asked for. */
async function redis(servers: Servers, tenants: readonly TenantNames[], { walk, signal }: Asking): Promise<Sized> {
  return withRedisNodes(servers, async (nodes) => {
    const version = /^redis_version:(\S+)/m.exec(String(await nodes[0]?.client.info("server")))?.[1] ?? "";
    if (!walk) return { version, sizes: new Map<string, StoreSize>() };
    const { counts, complete } = await countKeysByTenant(nodes, walkedKeys, signal);
    const sizes = new Map(
      tenants.map(({ id }): [string, StoreSize] => [id, { bytes: null, items: counts.get(id) ?? 0, limit: null }]),
    );
    if (complete) return { version, sizes };
    const problem = `there are more than ${walkedKeys} keys: they were not counted to the end`;
    return { version, sizes: new Map<string, StoreSize>(), problem };
  });
}

/** Does the work for every tenant, some at a time. */
async function eachOf(
  tenants: readonly TenantNames[],
  work: (tenant: TenantNames) => Promise<StoreSize>,
): Promise<Map<string, StoreSize>> {
  const found = new Map<string, StoreSize>();
  const waiting = tenants.values();
  const one = async (): Promise<void> => {
    for (const tenant of waiting) found.set(tenant.id, await work(tenant));
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, tenants.length) }, one));
  return found;
}
