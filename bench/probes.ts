// What each store is asked for docs/scale.md. `first` is the provisioned tenant among the neighbours.
import { statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { tenantNames } from "../components/names.ts";
import { templateDatabase } from "../components/shared.ts";
import { readCredentials } from "../providers/clients/credentials.ts";
import { adminCall } from "../providers/clients/minio-admin.ts";
import { minioAdminGet, minioClient } from "../providers/clients/minio.ts";
import { platformDatabase } from "../providers/clients/platform-db.ts";
import { adminClient, closeSession, openSession, withAdmin } from "../providers/clients/postgresql.ts";
import { qdrantClient, tokenStateCollection } from "../providers/clients/qdrant.ts";
import { withRedis } from "../providers/clients/redis.ts";
import { servers } from "../providers/clients/servers.ts";
import { diskOf, figuresOf, timed, type Figure } from "./figures.ts";

/** Asks a store. @param dir the stores' folder */
type Probe = (dir: string) => Promise<Figure[]>;

const first = tenantNames("first");

const minio: Probe = async (dir) => {
  const { bytes, number, seconds } = figuresOf("minio");
  const [admin, credentials] = await Promise.all([minioClient(servers()), readCredentials(first.id)]);
  const { minio_access_key: user, minio_secret_key: password } = credentials;
  const tenant = await minioClient(servers(), { user, password });
  const disk = await diskOf(join(dir, "minio"));
  return [
    bytes("disk", disk.bytes),
    number("files and folders", disk.files),
    seconds("buckets listed for the administrator", await timed(() => admin.listBuckets())),
    seconds("buckets listed for a tenant, who sees one", await timed(() => tenant.listBuckets())),
    seconds("all users listed", await timed(() => adminCall(admin, "GET", "list-users", {}))),
    seconds("one user asked for", await timed(() => minioAdminGet(admin, "user-info", { accessKey: user }))),
    seconds(
      "the service accounts of one user",
      await timed(() => adminCall(admin, "GET", "list-service-accounts", { user })),
    ),
  ];
};

const postgresql: Probe = async (dir) => {
  const { bytes, number, seconds } = figuresOf("postgresql");
  const { postgres_password: password } = await readCredentials(first.id);
  const asTenant = (database: string) => openSession(servers().postgresql, { user: first.role, password, database });
  const catalogs = ["pg_database", "pg_authid", "pg_auth_members", "pg_db_role_setting", "pg_shdepend"];
  const disk = await diskOf(join(dir, "postgresql"));
  return withAdmin(async (client) => {
    const one = async (expression: string, values: readonly unknown[] = []): Promise<number> =>
      Number(Object.values((await client.query<object>(`SELECT ${expression}`, [...values])).rows[0] ?? {})[0]);
    const reload = async (): Promise<void> => {
      const loaded = () => one("extract(epoch FROM pg_conf_load_time())");
      const before = await loaded();
      await client.query("SELECT pg_reload_conf()");
      while ((await loaded()) === before) await setTimeout(1);
    };
    return [
      bytes("disk", disk.bytes),
      number("files and folders", disk.files),
      bytes("an empty tenant's database", await one("pg_database_size($1::text)", [templateDatabase])),
      bytes(
        "catalogs that all databases share",
        await one("sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname = ANY ($1)", [catalogs]),
      ),
      number("lines of pg_hba.conf that decide", await one("count(*) FROM pg_hba_file_rules")),
      bytes("pg_hba.conf", statSync(join(dir, "postgresql/data/pg_hba.conf")).size),
      seconds("pg_hba_file_rules read", await timed(() => one("count(*) FROM pg_hba_file_rules"))),
      seconds("pg_hba.conf put in force", await timed(reload)),
      // The administrator's line is the first one; the last one is reached by whoever is refused.
      seconds("connection of the administrator", await timed(async () => closeSession(await adminClient()))),
      seconds("connection of a tenant", await timed(async () => closeSession(await asTenant(first.database)))),
      seconds(
        "refusal after the last line of pg_hba.conf",
        await timed(() => asTenant("postgres").then(closeSession, () => undefined)),
      ),
    ];
  });
};

const qdrant: Probe = async (dir) => {
  const { bytes, seconds } = figuresOf("qdrant");
  const client = await qdrantClient(servers());
  const { id, collection } = first;
  const filter = { must: [{ key: "tenant", match: { value: id } }] };
  return [
    bytes("disk", (await diskOf(join(dir, "qdrant"))).bytes),
    seconds("collections listed", await timed(() => client.getCollections())),
    seconds("one collection asked for", await timed(() => client.getCollection(collection))),
    seconds("a tenant's tokens found", await timed(() => client.scroll(tokenStateCollection, { filter }))),
  ];
};

const redis: Probe = async (dir) => {
  const { bytes, number, seconds } = figuresOf("redis");
  return withRedis(servers(), async (client) => {
    const list = (await client.call("ACL", "LIST")) as string[];
    const memory = /^used_memory:(\d+)/m.exec(await client.info("memory"))?.[1];
    const { redis_password: password } = await readCredentials(first.id);
    const connect = () => withRedis(servers(), (own) => own.ping(), { user: first.redisUser, password });
    return [
      bytes("memory as Redis counts it", Number(memory)),
      number("users", list.length),
      bytes("users.acl", statSync(join(dir, "redis/users.acl")).size),
      seconds("ACL LIST", await timed(() => client.call("ACL", "LIST"))),
      seconds("ACL GETUSER", await timed(() => client.call("ACL", "GETUSER", first.redisUser))),
      seconds("ACL SAVE", await timed(() => client.call("ACL", "SAVE"))),
      seconds("connection of a tenant", await timed(connect)),
    ];
  });
};

/** The platform's own tables. */
const platform: Probe = async () => {
  const { bytes, number } = figuresOf("platform database");
  return withAdmin(async (client) => {
    const { rows } = await client.query<{ name: string; bytes: number; count: number }>(
      `SELECT relname AS name, pg_total_relation_size(relid)::float8 AS bytes FROM pg_stat_user_tables
       WHERE relname IN ('tenants', 'verification_reports', 'audit_events', 'reservation_networks') ORDER BY 1`,
    );
    const events = await client.query<{ count: number }>("SELECT count(*)::int FROM public.audit_events");
    return [...rows.map((row) => bytes(row.name, row.bytes)), number("audit events", events.rows[0]?.count ?? 0)];
  }, platformDatabase);
};

export const probes: Readonly<Record<string, Probe>> = {
  minio,
  postgresql,
  qdrant,
  redis,
  "platform database": platform,
};
