// Many tenants that are only there: everything that a tenant has in the servers and in the platform database, made with the
// stores' own clients, many at a time, without the engine. They have no stack, no files and no known secret.
import { createHash, randomBytes } from "node:crypto";
import type { Client as Postgres } from "pg";
import { bucketPrefixes, prefixPurposes, tenantNames, type TenantNames } from "../components/names.ts";
import { bucketPolicy } from "../components/object-storage.ts";
import { databaseOwner, templateDatabase } from "../components/shared.ts";
import { strictMode } from "../components/vector-store.ts";
import { emitEvent, newEventId } from "../providers/clients/audit.ts";
import { editHba } from "../providers/clients/hba-file.ts";
import { minioClient, prefixKeeper } from "../providers/clients/minio.ts";
import { withEntry } from "../providers/clients/pg-hba.ts";
import { withPlatform } from "../providers/clients/platform-db.ts";
import { withAdmin } from "../providers/clients/postgresql.ts";
import { qdrantClient, tokenStateCollection } from "../providers/clients/qdrant.ts";
import { tenantCommands } from "../providers/clients/redis-commands.ts";
import { withRedis } from "../providers/clients/redis.ts";
import { getTenant, upsertTenant } from "../providers/clients/registry.ts";
import { latestReport, storeReport } from "../providers/clients/reports.ts";
import { reserve } from "../providers/clients/reservations.ts";
import { scramVerifier } from "../providers/clients/scram.ts";
import { servers } from "../providers/clients/servers.ts";
import { aclRules } from "../providers/redis-acl-user.ts";
import { attachPolicies, setPolicy, setUser } from "../test/support/minio-admin.ts";

/** A neighbour's id and its network, by number: 0 to 16,383. */
export const neighbour = (number: number) => ({
  id: `neighbour${String(number).padStart(5, "0")}`,
  network: `10.${128 + (number >> 7)}.${(number & 127) * 2}.0/23`,
});

type Neighbour = ReturnType<typeof neighbour> & { readonly names: TenantNames };

/** Seconds a neighbour took in each place. */
export type Seconds = Readonly<Record<"minio" | "postgresql" | "qdrant" | "redis" | "platform", number>>;

const secret = (): string => randomBytes(32).toString("hex");

/** Runs `work` for all of them, so many at a time. */
async function each<T>(items: readonly T[], parallel: number, work: (item: T) => Promise<void>): Promise<void> {
  const waiting = items[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const item of { [Symbol.iterator]: () => waiting }) await work(item);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

async function inMinio(all: readonly Neighbour[]): Promise<void> {
  const client = await minioClient(servers());
  await each(all, 4, async ({ names: { bucket, minioPolicy, minioUser } }) => {
    await client.makeBucket(bucket);
    await client.setBucketEncryption(bucket, {
      Rule: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
    });
    for (const prefix of bucketPrefixes) {
      await client.putObject(bucket, `${prefix}${prefixKeeper}`, `${prefixPurposes[prefix]}\n`);
    }
    await setPolicy(client, minioPolicy, bucketPolicy(bucket));
    await setUser(client, servers().minio.password, minioUser, secret());
    await attachPolicies(client, minioUser, minioPolicy);
  });
}

async function inPostgresql(all: readonly Neighbour[]): Promise<void> {
  // Its derivation is slow on purpose, and nobody logs in: one for all.
  const verifier = scramVerifier("nobody", secret());
  await each(all, 3, async ({ names: { database, role } }) => {
    await withAdmin(async (client) => {
      await client.query(
        `CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT
         CONNECTION LIMIT 20 PASSWORD ${client.escapeLiteral(verifier)}`,
      );
      await client.query(
        `CREATE DATABASE ${database} TEMPLATE ${templateDatabase} OWNER ${databaseOwner} CONNECTION LIMIT 25`,
      );
      await client.query(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
      await client.query(`GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${database} TO ${role}`);
      await client.query(`ALTER ROLE ${role} SET temp_file_limit = '256MB'`);
      await client.query(`ALTER ROLE CURRENT_USER IN DATABASE ${database} SET search_path = pg_catalog, pg_temp`);
    });
    // A database that nobody has been in, autovacuum leaves alone.
    await withAdmin((client) => client.query(`GRANT USAGE, CREATE ON SCHEMA public TO ${role}`), database);
  });
  await withAdmin((client) => editHba(client, (text) => withLines(text, all)));
}

/** All their lines at once, where the program puts one tenant's. */
function withLines(text: string, all: readonly Neighbour[]): string {
  const mark = "10.0.0.0/32";
  const [{ names } = { names: tenantNames("none") }] = all;
  const { database, role } = names;
  const marked = withEntry(text, { database, role, networks: [mark] });
  const lines = all.flatMap(({ network, names: own }) =>
    [network, "127.0.0.0/8", "::1/128"].map((from) => `host ${own.database} ${own.role} ${from} scram-sha-256`),
  );
  return marked.replace(`host ${database} ${role} ${mark} scram-sha-256`, lines.join("\n"));
}

async function inQdrant(all: readonly Neighbour[], vectorSize: number): Promise<void> {
  const client = await qdrantClient(servers());
  const limits = { qdrantMaxPoints: 1_000_000, qdrantQuota: 2 ** 32, qdrantReadsPerMinute: 30_000 };
  const mode = strictMode({ ...limits, qdrantWritesPerMinute: 120_000, qdrantUnindexedFilters: false });
  await each(all, 2, async ({ id, names: { collection } }) => {
    const vectors = { size: vectorSize, distance: "Cosine" as const };
    await client.createCollection(collection, { vectors, strict_mode_config: mode, shard_number: 1 });
    const jti = crypto.randomUUID();
    const point = { id: jti, vector: [1], payload: { jti, tenant: id } };
    await client.upsert(tokenStateCollection, { wait: true, points: [point] });
  });
}

async function inRedis(all: readonly Neighbour[]): Promise<void> {
  await withRedis(servers(), async (client) => {
    for (const { names } of all) {
      const passwordHash = createHash("sha256").update(secret()).digest("hex");
      const { redisUser: user, keyPrefix: prefix } = names;
      const rules = aclRules({ user, prefix, passwordHash, commands: [...tenantCommands], enabled: true });
      await client.call("ACL", "SETUSER", user, ...rules);
    }
    await client.call("ACL", "SAVE");
  });
}

/** Reservation, report, event and row: those of a tenant that was really provisioned, under another name. */
async function inPlatform(client: Postgres, all: readonly Neighbour[], like: string): Promise<void> {
  const [row, stored] = [await getTenant(client, like), await latestReport(client, like)];
  if (row === undefined || stored === undefined) throw new Error(`tenant ${like} is not registered`);
  for (const { id, network } of all) {
    await reserve(client, { tenant: id, stack: id, networks: [network] });
    const report = { ...stored.report, tenant_id: id, report_id: newEventId() };
    await storeReport(client, report);
    await emitEvent(client, {
      tenant: id,
      type: "TENANT_PROVISIONED",
      details: {
        component: "provisioning-orchestrator",
        status: "success",
        stores_verified: ["minio", "postgresql", "qdrant", "redis"],
        report_id: report.report_id,
      },
    });
    const { age_public_key, endpoints } = row;
    const own = { tenant_id: id, networks: [network], endpoints, age_public_key };
    await upsertTenant(client, {
      ...own,
      credentials_ref: `${id}/secrets.enc.yaml`,
      verified_at: new Date(),
      report_id: report.report_id,
    });
  }
}

/**
 * Makes the neighbours `from` to `to` (without that one).
 * @param like a provisioned tenant: rows and report are made like its own
 * @returns seconds one took in each place, while the other places were at work, too
 */
export async function makeNeighbours(
  [from, to]: readonly [number, number],
  like: string,
  { vectorSize = 768 } = {},
): Promise<Seconds> {
  const all = Array.from({ length: to - from }, (_, index) => {
    const one = neighbour(from + index);
    return { ...one, names: tenantNames(one.id) };
  });
  const timed = async (work: Promise<void>): Promise<number> => {
    const started = performance.now();
    await work;
    return (performance.now() - started) / 1000 / Math.max(1, all.length);
  };
  if (all.length === 0) return { minio: 0, postgresql: 0, qdrant: 0, redis: 0, platform: 0 };
  const [minio, postgresql, qdrant, redis, platform] = await Promise.all([
    timed(inMinio(all)),
    timed(inPostgresql(all)),
    timed(inQdrant(all, vectorSize)),
    timed(inRedis(all)),
    timed(withPlatform((client) => inPlatform(client, all, like))),
  ]);
  return { minio, postgresql, qdrant, redis, platform };
}
