// A tenant made by hand, without the engine, as hardened as the program makes it: verification is tested against it.
import { randomBytes } from "node:crypto";
import { createHash } from "node:crypto";
import { bucketPolicy } from "../../components/object-storage.ts";
import { tenantNames, type TenantNames } from "../../components/names.ts";
import { databaseOwner, templateDatabase } from "../../components/shared.ts";
import { strictMode } from "../../components/vector-store.ts";
import { provider as ageKey } from "../../providers/age-key.ts";
import { provider as bucketEncryption } from "../../providers/bucket-encryption.ts";
import { catalogsVersion } from "../../providers/clients/catalogs.ts";
import { emptyBucket, minioClient, s3Code } from "../../providers/clients/minio.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { tenantCommands } from "../../providers/clients/redis-commands.ts";
import { scramVerifier } from "../../providers/clients/scram.ts";
import { servers } from "../../providers/clients/servers.ts";
import { provider as hardening } from "../../providers/database-hardening.ts";
import { provider as hbaEntry } from "../../providers/pg-hba-entry.ts";
import { provider as qdrantAccess } from "../../providers/qdrant-access.ts";
import { provider as qdrantCollection } from "../../providers/qdrant-collection.ts";
import { provider as qdrantToken } from "../../providers/qdrant-token.ts";
import { provider as redisUser } from "../../providers/redis-acl-user.ts";
import { provider as roleLimits } from "../../providers/role-limits.ts";
import { provider as sopsFile } from "../../providers/sops-file.ts";
import { attachPolicies, removePolicy, removeUser, setPolicy, setUser } from "./minio-admin.ts";

const password = (): string => randomBytes(32).toString("hex");

/** Dimensions: few, for speed. */
const vectorSize = 8;

async function makeBucket(names: TenantNames, secretKey: string): Promise<void> {
  const admin = await minioClient(servers());
  await admin.makeBucket(names.bucket);
  await bucketEncryption.create({ bucket: names.bucket, algorithm: "AES256" });
  await admin.putObject(names.bucket, "raw/.keep", "Original uploaded documents\n");
  await setPolicy(admin, names.minioPolicy, bucketPolicy(names.bucket));
  await setUser(admin, servers().minio.password, names.minioUser, secretKey);
  await attachPolicies(admin, names.minioUser, names.minioPolicy);
}

async function makeDatabase(names: TenantNames, secret: string): Promise<void> {
  const { database, role } = names;
  await withAdmin(async (client) => {
    await client.query(
      `CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT
       CONNECTION LIMIT 20 PASSWORD ${client.escapeLiteral(scramVerifier(role, secret))}`,
    );
    await client.query(
      `CREATE DATABASE ${database} TEMPLATE ${templateDatabase} OWNER ${databaseOwner} CONNECTION LIMIT 25`,
    );
    await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
    await client.query(`GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${database} TO ${role}`);
  });
  await withAdmin((client) => client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${role}`), database);
  await roleLimits.create({ role, tempFileLimit: "256MB" });
  await hardening.create({ database, version: catalogsVersion });
  await hbaEntry.create({ database, role, networks: ["127.0.0.1/32", "::1/128"] });
}

/** Makes the tenant. The platform must be prepared (platform.ts). Removes an earlier one first. */
export async function makeTenant(id: string): Promise<TenantNames> {
  await removeTenant(id);
  const names = tenantNames(id);
  const secrets = { minio: password(), postgresql: password(), redis: password(), api: password() };
  const key = await ageKey.create({ tenant: id });
  const token = await qdrantToken.create({ tenant: id, collection: names.collection, days: 0 });
  const { jti, token: jwt } = token.outs as { jti: string; token: string };
  await sopsFile.create({
    tenant: id,
    recipients: [(key.outs as { recipient: string }).recipient],
    credentials: {
      minio_access_key: names.minioUser,
      minio_secret_key: secrets.minio,
      postgres_password: secrets.postgresql,
      qdrant_api_key: jwt,
      redis_password: secrets.redis,
      tenant_api_key: secrets.api,
    },
  });
  await Promise.all([
    makeBucket(names, secrets.minio),
    makeDatabase(names, secrets.postgresql),
    qdrantCollection
      .create({
        collection: names.collection,
        vectorSize,
        distance: "Cosine",
        strictMode: strictMode({
          ...{ qdrantMaxPoints: 1000, qdrantQuota: 0, qdrantReadsPerMinute: 0, qdrantWritesPerMinute: 0 },
          qdrantUnindexedFilters: false,
        }),
        payloadIndexes: {},
      })
      .then(() => qdrantAccess.create({ tenant: id, jti, enabled: true })),
    redisUser.create({
      user: names.redisUser,
      prefix: names.keyPrefix,
      passwordHash: createHash("sha256").update(secrets.redis).digest("hex"),
      commands: [...tenantCommands],
      enabled: true,
    }),
  ]);
  return names;
}

/** Removes the tenant and its files; what is not there is no error. */
export async function removeTenant(id: string): Promise<void> {
  const names = tenantNames(id);
  const admin = await minioClient(servers());
  const absent = (error: unknown): void => {
    if (!/^NoSuch|XMinioAdminNoSuch/.test(s3Code(error) ?? "")) throw error;
  };
  await Promise.all([
    (async () => {
      await removeUser(admin, names.minioUser).catch(absent);
      await removePolicy(admin, names.minioPolicy).catch(absent);
      await emptyBucket(admin, names.bucket);
      await admin.removeBucket(names.bucket).catch(absent);
    })(),
    (async () => {
      await hbaEntry.delete(names.database, { database: names.database, role: names.role, networks: [] });
      await withAdmin(async (client) => {
        await client.query(`DROP DATABASE IF EXISTS ${names.database} WITH (FORCE)`);
        await client.query(`DROP ROLE IF EXISTS ${names.role}`);
      });
    })(),
    qdrantCollection.delete(names.collection, {
      collection: names.collection,
      vectorSize,
      distance: "Cosine",
      strictMode: {},
      payloadIndexes: {},
    }),
    redisUser.delete(names.redisUser, {
      user: names.redisUser,
      prefix: names.keyPrefix,
      passwordHash: "",
      commands: [],
      enabled: true,
      granted: "",
    }),
  ]);
  await sopsFile.delete(id, { tenant: id } as Parameters<typeof sopsFile.delete>[1]);
  await ageKey.delete(id, { tenant: id, recipient: "" });
}
