// A tenant as an operator's shell runbook leaves it (bench/runbook.sh, the plan without its hardening): made with the stores' own
// clients and the same statements, filled with data, compared.
import { createHash, randomBytes } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tenantNames, type TenantNames } from "../../components/names.ts";
import { encryptCredentials, pipeThrough, type Credentials } from "../../providers/clients/credentials.ts";
import { editHba, readHba } from "../../providers/clients/hba-file.ts";
import { minioAdminGet, minioClient } from "../../providers/clients/minio.ts";
import { openSession, withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { attachPolicies, setPolicy, setUser } from "./minio-admin.ts";

/** `openssl rand -base64 32` */
const random = (): string => randomBytes(32).toString("base64");

/** Not what the program would choose: it has to be taken over. */
export const vectorSize = 4;

/** The runbook's rights: no denials. */
export const runbookPolicy = (bucket: string): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      { Effect: "Allow", Action: ["s3:ListBucket", "s3:GetBucketLocation"], Resource: [`arn:aws:s3:::${bucket}`] },
      {
        Effect: "Allow",
        Action: ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        Resource: [`arn:aws:s3:::${bucket}/*`],
      },
    ],
  });

/** Writes key.age, key.pub and secrets.enc.yaml into `folder`, and returns what is in them. */
export async function makeSecrets(id: string, folder: string): Promise<Credentials> {
  await mkdir(folder, { recursive: true });
  const identity = await pipeThrough("age-keygen", [], "");
  const recipient = (await pipeThrough("age-keygen", ["-y"], identity)).trim();
  const credentials = {
    minio_access_key: tenantNames(id).minioUser,
    minio_secret_key: random(),
    postgres_password: random(),
    qdrant_api_key: random(), // Of no use: the server does not know it.
    redis_password: random(),
    tenant_api_key: random(),
  };
  await writeFile(join(folder, "key.age"), identity, { mode: 0o600 });
  await writeFile(join(folder, "key.pub"), `${recipient}\n`);
  await writeFile(join(folder, "secrets.enc.yaml"), await encryptCredentials(credentials, [recipient]));
  return credentials;
}

async function makeBucket({ bucket }: TenantNames): Promise<void> {
  const admin = await minioClient(servers());
  await admin.makeBucket(bucket);
  await admin.setBucketEncryption(bucket, {
    Rule: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
  });
}

async function makeUser({ bucket, minioPolicy, minioUser }: TenantNames, secretKey: string): Promise<void> {
  const admin = await minioClient(servers());
  await setUser(admin, servers().minio.password, minioUser, secretKey);
  await setPolicy(admin, minioPolicy, runbookPolicy(bucket));
  await attachPolicies(admin, minioUser, minioPolicy);
}

async function makeRole({ database, role }: TenantNames, password: string): Promise<void> {
  await withAdmin(async (client) => {
    await client.query(`CREATE USER ${role} WITH ENCRYPTED PASSWORD ${client.escapeLiteral(password)}`);
    await client.query(`GRANT ALL PRIVILEGES ON DATABASE ${database} TO ${role}`);
    await client.query(`REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC`);
    await editHba(client, (text) => `host ${database} ${role} 127.0.0.0/8 scram-sha-256\n${text}`);
  });
  await withAdmin(async (client) => {
    await client.query(`GRANT ALL ON SCHEMA public TO ${role}`);
    for (const kind of ["TABLES", "SEQUENCES"]) {
      await client.query(`ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON ${kind} TO ${role}`);
    }
  }, database);
}

/** Only bucket and database, as a runbook that failed early leaves them. */
export async function makeHalf(id: string): Promise<TenantNames> {
  const names = tenantNames(id);
  await makeBucket(names);
  await withAdmin((client) => client.query(`CREATE DATABASE ${names.database} TEMPLATE template0`));
  return names;
}

/** The whole tenant; its secrets are in `folder`. */
export async function makeRunbookTenant(id: string, folder: string): Promise<Credentials> {
  const names = await makeHalf(id);
  const credentials = await makeSecrets(id, folder);
  await makeUser(names, credentials.minio_secret_key);
  await makeRole(names, credentials.postgres_password);
  const qdrant = await qdrantClient(servers());
  await qdrant.createCollection(names.collection, { vectors: { size: vectorSize, distance: "Dot" } });
  await qdrant.createPayloadIndex(names.collection, { field_name: "document_id", field_schema: "keyword", wait: true });
  await withRedis(servers(), async (client) => {
    const rules = ["on", `>${credentials.redis_password}`, `~${names.keyPrefix}*`, "+@all", "-@dangerous"];
    await client.call("ACL", "SETUSER", names.redisUser, ...rules);
    await client.call("ACL", "SAVE");
  });
  return credentials;
}

/** Objects, also with odd names, and a table of the administrator's with two rows. */
export async function fillHalf({ bucket, database }: TenantNames): Promise<void> {
  const admin = await minioClient(servers());
  const objects = ["raw/a.txt", "raw/Übersicht 1+2 & 3?.pdf", "deep/er/path/%20", ".hidden", "raw/.keep2"];
  for (const name of objects)
    await admin.putObject(bucket, name, `contents of ${name}`, undefined, { "X-Own": "kept" });
  await admin.putObject(bucket, "binary", randomBytes(100_000));
  await withAdmin(async (client) => {
    await client.query("CREATE TABLE public.restored (id int PRIMARY KEY, text text)");
    await client.query("INSERT INTO public.restored VALUES (1, 'one'), (2, 'Zwei')");
  }, database);
}

/** Something in every store, written with the tenant's own credentials where the runbook's tenant has any. */
export async function fill({ id, ...names }: TenantNames, credentials: Credentials): Promise<void> {
  await fillHalf({ id, ...names });
  const session = { user: names.role, password: credentials.postgres_password, database: names.database };
  const client = await openSession(servers().postgresql, session);
  await client.query("CREATE SCHEMA own; CREATE TABLE own.things (id bigserial PRIMARY KEY, made timestamptz)");
  await client.query("INSERT INTO own.things (made) SELECT '2024-01-01'::timestamptz FROM generate_series(1, 500)");
  await client.query("CREATE VIEW public.names AS SELECT relname FROM pg_class");
  await client.end();
  await (
    await qdrantClient(servers())
  ).upsert(names.collection, {
    wait: true,
    points: Array.from({ length: 50 }, (_, index) => ({
      id: index + 1,
      vector: [index, 1, 2, 3],
      payload: { document_id: `d${index}` },
    })),
  });
  await withRedis(servers(), async (redis) => {
    await redis.set(`${names.keyPrefix}cache:one`, "1");
    await redis.set(`${names.keyPrefix}session:ending`, "soon", "EX", 86_400);
    await redis.hset(`${names.keyPrefix}queue:hash`, { a: "1", b: "two" });
  });
}

/** Every object, row, point and key. */
export async function dataOf({ bucket, collection, database, keyPrefix }: TenantNames): Promise<unknown> {
  const admin = await minioClient(servers());
  const objects: Record<string, unknown> = {};
  for await (const item of admin.listObjectsV2(bucket, "", true)) {
    const { name } = item as { name: string };
    if (name.endsWith("/.keep")) continue; // The program's own.
    const hash = createHash("sha256");
    for await (const chunk of await admin.getObject(bucket, name)) hash.update(chunk as Buffer);
    objects[name] = [hash.digest("hex"), (await admin.statObject(bucket, name)).metaData["own"]];
  }
  const tables = await withAdmin(async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
       WHERE schemaname NOT IN ('pg_catalog', 'information_schema') ORDER BY 1`,
    );
    const contents = rows.map(async ({ name }) => [name, (await client.query(`TABLE ${name}`)).rows] as const);
    return Object.fromEntries(await Promise.all(contents));
  }, database);
  const qdrant = await qdrantClient(servers());
  const { exists } = await qdrant.collectionExists(collection);
  const all = { limit: 1000, with_payload: true, with_vector: true };
  const points = exists ? (await qdrant.scroll(collection, all)).points : [];
  const keys = await withRedis(servers(), async (redis) => {
    const names = (await redis.keys(`${keyPrefix}*`)).sort();
    const values = names.map(async (key) => [
      key,
      (await redis.dumpBuffer(key))?.toString("hex"),
      (await redis.ttl(key)) > 0,
    ]);
    return Promise.all(values);
  });
  return { objects, tables, points, keys };
}

/** Every setting of the tenant that hardening would change, as the servers say. */
export async function settingsOf(names: TenantNames): Promise<unknown> {
  const { bucket, collection, database, minioPolicy, minioUser, redisUser, role } = names;
  const admin = await minioClient(servers());
  const [user, policy, quota] = await Promise.all([
    minioAdminGet(admin, "user-info", { accessKey: minioUser }),
    minioAdminGet(admin, "info-canned-policy", { name: minioPolicy }),
    minioAdminGet(admin, "get-bucket-quota", { bucket }),
  ]);
  const postgresql = await withAdmin(async (client) => {
    const roles = await client.query("SELECT * FROM pg_authid WHERE rolname = $1", [role]);
    const databases = await client.query("SELECT * FROM pg_database WHERE datname = $1", [database]);
    const settings = await client.query(
      "SELECT * FROM pg_db_role_setting WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = $1)",
      [database],
    );
    return [roles.rows, databases.rows, settings.rows, await readHba(client)];
  });
  const inside = await withAdmin(
    async (client) => (await client.query("SELECT nspname, nspacl::text FROM pg_namespace ORDER BY 1")).rows as unknown,
    database,
  );
  const qdrant = await qdrantClient(servers());
  const { exists } = await qdrant.collectionExists(collection);
  const config = exists ? (await qdrant.getCollection(collection)).config : undefined;
  const redis = await withRedis(servers(), (client) => client.call("ACL", "GETUSER", redisUser));
  // MinIO writes actions, Redis categories, in another order each time.
  const ordered = JSON.parse(JSON.stringify(policy ?? {}), (_, value: unknown) =>
    Array.isArray(value) && typeof value[0] === "string" ? value.toSorted() : value,
  ) as unknown;
  return { user, policy: ordered, quota, postgresql, inside, config, redis };
}
