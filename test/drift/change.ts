// An outside change, and how the stores' own administrators' clients are asked.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import type { Client } from "pg";
import type { TenantNames } from "../../components/names.ts";
import { decryptCredentials, recipientsOf } from "../../providers/clients/credentials.ts";
import { editHba, readHba } from "../../providers/clients/hba-file.ts";
import { minioAdminGet, minioClient } from "../../providers/clients/minio.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient, tokenStateCollection } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { viewOf } from "../../providers/redis-acl-user.ts";

/** One outside change. */
export interface Change {
  /** What is done, for the name of the test. */
  readonly name: string;
  readonly place: "files" | "MinIO" | "PostgreSQL" | "Qdrant" | "Redis" | "platform database";
  /** The kind of the resource that must say so: `IamPolicy`; of what belongs to none the beginning of its name. */
  readonly resource: string;
  /** In the words of the report. */
  readonly says: RegExp;
  readonly make: (names: TenantNames) => Promise<unknown>;
  /** Asks the server, not the program: what it says now, and must say again after the repair. */
  readonly ask: (names: TenantNames) => Promise<unknown>;
}

/** Of what is secret: a failed test would quote it. */
const digest = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");

export const sql = (text: string, database = "postgres") => withAdmin((client) => client.query(text), database);
export const rows = async (text: string, database = "postgres") =>
  withAdmin(async (client: Client) => (await client.query(text)).rows as unknown[], database);
export const acl = (...words: string[]) => withRedis(servers(), (client) => client.call("ACL", ...words));
export const s3 = () => minioClient(servers());
export const qdrant = () => qdrantClient(servers());
export const none = async <T>(work: Promise<T>): Promise<T | string> =>
  work.catch((error: { code?: string }) => String(error.code));

export const settings = ({ role, database }: TenantNames) =>
  rows(`SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting
        WHERE setrole = '${role}'::regrole OR setdatabase = (SELECT oid FROM pg_database WHERE datname = '${database}')
        ORDER BY 1, 2`);
export const attributes = ({ role }: TenantNames) =>
  rows(`SELECT rolcanlogin, rolcreatedb, rolcreaterole, rolreplication, rolbypassrls, rolsuper, rolinherit, rolconnlimit,
          rolvaliduntil, md5(rolpassword) AS password FROM pg_authid WHERE rolname = '${role}'`);
export const members = ({ role }: TenantNames) =>
  rows(`SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members
        WHERE roleid = '${role}'::regrole OR member = '${role}'::regrole ORDER BY 1, 2`);
/** Default privileges that are granted again are another object. */
export const rights = ({ role }: TenantNames) =>
  rows(`SELECT dbid, classid, CASE WHEN classid = 'pg_default_acl'::regclass THEN 0 ELSE objid END AS objid, deptype
        FROM pg_shdepend WHERE refobjid = '${role}'::regrole ORDER BY 1, 2, 3, 4`);
export const databaseRights = ({ database }: TenantNames) =>
  rows(`SELECT datdba::regrole::text, datconnlimit, datallowconn, acl::text FROM pg_database, unnest(datacl) AS acl
        WHERE datname = '${database}' ORDER BY 4`);
export const inside =
  (query: string) =>
  ({ database }: TenantNames) =>
    rows(query, database);
export const schemaRights = inside(
  "SELECT acl::text FROM pg_namespace, unnest(nspacl) AS acl WHERE nspname = 'public' ORDER BY 1",
);
export const defaultRights = inside(
  "SELECT defaclrole::regrole::text, defaclnamespace, defaclobjtype, acl::text FROM pg_default_acl, unnest(defaclacl) AS acl ORDER BY 1, 2, 3, 4",
);
export const catalogRights = inside(
  "SELECT relname, acl::text FROM pg_class, unnest(relacl) AS acl WHERE relname IN ('pg_authid', 'pg_stat_activity') ORDER BY 1, 2",
);
export const hba = async ({ role }: TenantNames) =>
  (await withAdmin(readHba))
    .split("\n")
    .filter((line) => line.includes(role))
    .sort();
export const edit = (change: (text: string) => string) => withAdmin((client) => editHba(client, change));
/** MinIO tells the actions and resources of a policy in any order. */
export const policy = async ({ minioPolicy }: TenantNames) =>
  JSON.parse(
    JSON.stringify(await minioAdminGet(await s3(), "info-canned-policy", { name: minioPolicy })),
    (_, value: unknown) => (Array.isArray(value) ? value.map((one) => JSON.stringify(one)).sort() : value),
  ) as unknown;
export const info = async ({ minioUser }: TenantNames) => {
  const { policyName, status, memberOf } = (await minioAdminGet(await s3(), "user-info", {
    accessKey: minioUser,
  })) as Record<string, unknown>;
  return { policyName, status, memberOf: memberOf ?? [] };
};
export const registry =
  (table: string) =>
  ({ id }: TenantNames) =>
    rows(
      `SELECT to_jsonb(t) - 'updated_at' AS row FROM public.${table} t WHERE tenant_id = '${id}' ORDER BY 1`,
      "platform",
    );
export const file =
  (of: keyof ReturnType<typeof secretFiles>) =>
  async ({ id }: TenantNames) =>
    (await import("node:fs/promises")).stat(secretFiles(id)[of]).then(
      ({ mode }) => mode & 0o777,
      () => "gone",
    );
export const collection = async ({ collection: name }: TenantNames) => {
  const { config, payload_schema } = await (await qdrant()).getCollection(name);
  const { hnsw_config, quantization_config, params, strict_mode_config } = config;
  return {
    hnsw_config,
    quantization_config,
    params,
    strict: strict_mode_config?.max_query_limit,
    fields: Object.keys(payload_schema).sort(),
  };
};
export const tokens = async ({ id }: TenantNames) => {
  const filter = { must: [{ key: "tenant", match: { value: id } }] };
  return (await (await qdrant()).count(tokenStateCollection, { exact: true, filter })).count;
};
export const aliases = async ({ collection: name }: TenantNames) => (await qdrant()).getCollectionAliases(name);
export const redisUser = async ({ redisUser: user }: TenantNames) =>
  withRedis(servers(), async (client) => {
    const view = await viewOf(client, user);
    return view && { ...view, passwordHashes: digest(view.passwordHashes) };
  });
export const objectText =
  (name: string) =>
  async ({ bucket }: TenantNames) => {
    const chunks: Buffer[] = [];
    for await (const chunk of await (await s3()).getObject(bucket, name)) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString("utf8");
  };
export const secretDocument = async ({ id }: TenantNames) => {
  const files = secretFiles(id);
  const text = await readFile(files.encrypted, "utf8");
  return [recipientsOf(text), digest(await decryptCredentials(text, files.key))];
};

/** A role, a group and a policy of somebody else's, made by `prepare` and there until `clean`. */
export const stranger = (names: TenantNames) => `drift_stranger_${names.id}`;
