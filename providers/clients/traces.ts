// What exists of a tenant, asked of each server: before anything is made (is the name free?), before data is deleted (how much
// is it?) and after everything is gone (is it?).
import { readdir } from "node:fs/promises";
import { Problem } from "../../errors/problem.ts";
import { minioUserOf, type TenantNames } from "../../components/names.ts";
import { readHba } from "./hba-file.ts";
import { countObjects, minioAdminGet, minioClient, minioReason, s3Code } from "./minio.ts";
import { networksIn } from "./pg-hba.ts";
import { withAdmin } from "./postgresql.ts";
import { onEveryServer, withEveryNode } from "./postgresql-nodes.ts";
import { httpStatus, qdrantClient, tokenStateCollection } from "./qdrant.ts";
import { countKeys } from "./redis-keys.ts";
import { onEveryNode, withRedisNodes } from "./redis-nodes.ts";
import { secretFiles } from "./secrets-dir.ts";
import type { Servers } from "./servers.ts";
import { tlsProblems } from "./tls-problems.ts";

/** The places a tenant can leave something in. */
export type Place = "files" | "minio" | "postgresql" | "qdrant" | "redis";

/** Something that exists: `{ place: "minio", what: "bucket tenant-acme-bucket" }`. */
export interface Trace {
  readonly place: Place;
  readonly what: string;
}

/** What to ask besides what every tenant has. */
export interface Extent {
  /** Also walk the Redis key space, which takes time in proportion to it. */
  readonly keys: boolean;
  /** How many rotations of the MinIO user there may have been. @default 0 */
  readonly minioRotations?: number | undefined;
}

/** Asks one place what exists of the tenant. */
type Look = (names: TenantNames, servers: Servers, extent: Extent) => Promise<(string | false)[]>;

const looks: Readonly<Record<Place, Look>> = {
  async files({ id }) {
    const { folder } = secretFiles(id);
    const found = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return [];
      throw error;
    });
    return found.map((name) => `file ${folder}/${name}`);
  },

  async minio(names, servers, { minioRotations = 0 }) {
    const { bucket, minioPolicy } = names;
    const client = await minioClient(servers);
    const users = Array.from({ length: minioRotations + 1 }, (_, rotation) => minioUserOf(names, rotation));
    const [hasBucket, policy, ...infos] = await Promise.all([
      client.bucketExists(bucket),
      minioAdminGet(client, "info-canned-policy", { name: minioPolicy }),
      ...users.map((accessKey) => minioAdminGet(client, "user-info", { accessKey })),
    ]);
    return [
      hasBucket && `bucket ${bucket}`,
      ...users.map((user, index) => infos[index] !== undefined && `user ${user}`),
      policy !== undefined && `policy ${minioPolicy}`,
    ];
  },

  postgresql: async ({ database, role }, servers) =>
    withEveryNode(async (nodes) => {
      const { rows } = await nodes[0].client.query<{ what: string }>(
        `SELECT 'database ' || datname AS what FROM pg_database WHERE datname = $1
         UNION ALL SELECT 'role ' || rolname FROM pg_roles WHERE rolname = $2`,
        [database, role],
      );
      const lines = await onEveryServer(nodes, async ({ client, name }) => {
        const found = networksIn(await readHba(client), { database, role }).length;
        return found > 0 && `${found} lines of pg_hba.conf${nodes.length === 1 ? "" : ` on ${name}`}`;
      });
      return [...rows.map(({ what }) => what), ...lines];
    }, servers),

  async qdrant({ id, collection }, servers) {
    const client = await qdrantClient(servers);
    const tokens = client
      .count(tokenStateCollection, { exact: true, filter: { must: [{ key: "tenant", match: { value: id } }] } })
      .then(({ count }) => count)
      .catch((error: unknown) => {
        if (httpStatus(error) === 404) return 0;
        throw error;
      });
    const [{ exists }, valid] = await Promise.all([client.collectionExists(collection), tokens]);
    return [exists && `collection ${collection}`, valid > 0 && `${valid} valid tokens`];
  },

  redis: async ({ redisUser, keyPrefix }, servers, { keys: walk }) =>
    withRedisNodes(servers, async (nodes) => {
      const users = await onEveryNode(nodes, ({ client }) => client.call("ACL", "GETUSER", redisUser));
      const holders = nodes.filter((_, index) => users[index] !== null).map(({ name }) => name);
      const where = nodes.length === 1 ? "" : ` on ${holders.join(", ")}`;
      const keys = walk ? await countKeys(nodes, keyPrefix) : 0;
      return [holders.length > 0 && `user ${redisUser}${where}`, keys > 0 && `${keys} keys under ${keyPrefix}`];
    }),
};

/** The plan's step at which something in this place would be made. */
const stepOf: Readonly<Record<Place, string>> = {
  files: "step 1, age key",
  minio: "step 4, MinIO",
  postgresql: "step 5, PostgreSQL",
  qdrant: "step 6, Qdrant",
  redis: "step 7, Redis",
};

/** Names the place, the plan's step and the cause of an error. */
async function cannotAsk(place: Place, cause: unknown, servers: Servers): Promise<Error> {
  if (place !== "files") {
    const tls = await tlsProblems({ [place]: servers[place] });
    if (tls.length > 0) return new Problem("tls-refused", `${tls.join("; ")} (${stepOf[place]})`, { cause });
  }
  const code = s3Code(cause);
  const detail = (cause as { cause?: { message?: string } }).cause?.message;
  const reason = [minioReason((cause as Error).message) || code, detail].filter(Boolean).join(": ");
  return new Problem("server-unreachable", `${place} (${stepOf[place]}) does not answer: ${reason}`, { cause });
}

/** What one place answered, and when. */
export interface Answer {
  readonly place: Place;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** What was asked for. */
  readonly asked: readonly string[];
  /** What is there. */
  readonly found: readonly string[];
}

/** What each place is asked for, in words. */
export function asked({ id, bucket, minioUser, minioPolicy, ...names }: TenantNames): Record<Place, readonly string[]> {
  const { database, role, collection, redisUser, keyPrefix } = names;
  return {
    files: [`files in ${secretFiles(id).folder}`],
    minio: [`bucket ${bucket}`, `user ${minioUser}`, `policy ${minioPolicy}`],
    postgresql: [`database ${database}`, `role ${role}`, `lines of pg_hba.conf for ${role}`],
    qdrant: [`collection ${collection}`, `valid tokens of ${id}`],
    redis: [`user ${redisUser}`, `keys under ${keyPrefix}`],
  };
}

/**
 * Asks all places at once what exists of the tenant.
 * @throws Error naming every place that does not answer, at once.
 */
export async function askAll(names: TenantNames, servers: Servers, extent: Extent): Promise<Answer[]> {
  const ask = async (place: Place): Promise<Answer> => {
    const found = await looks[place](names, servers, extent);
    const at = new Date().toISOString();
    return { place, at, asked: asked(names)[place], found: found.filter((what) => what !== false) };
  };
  return everyAnswer(
    (Object.keys(looks) as Place[]).map((place) => ({ place, answer: ask(place) })),
    servers,
  );
}

/** What all places answer. @throws Error naming every place that does not, at once. */
async function everyAnswer<T>(
  asked: readonly { readonly place: Place; readonly answer: Promise<T> }[],
  servers: Servers,
): Promise<T[]> {
  const answers = await Promise.allSettled(asked.map(({ answer }) => answer));
  const failures = await Promise.all(
    answers.flatMap((answer, index) => {
      const place = asked[index]?.place;
      return answer.status === "rejected" && place !== undefined ? [cannotAsk(place, answer.reason, servers)] : [];
    }),
  );
  if (failures.length > 0) {
    throw new AggregateError(failures, failures.map(({ message }) => message).join("; "));
  }
  return answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : []));
}

/** Everything that exists of the tenant. @throws Error as `askAll` does. */
export async function tracesOf(names: TenantNames, servers: Servers, extent: Extent): Promise<Trace[]> {
  return foundIn(await askAll(names, servers, extent));
}

/** Everything that these answers name. */
export function foundIn(answers: readonly Answer[]): Trace[] {
  return answers.flatMap(({ place, found }) => found.map((what) => ({ place, what })));
}

/** One line for messages: `minio: bucket tenant-acme-bucket (step 4, MinIO); …`. */
export function listTraces(traces: readonly Trace[]): string {
  return traces.map(({ place, what }) => `${place}: ${what} (${stepOf[place]})`).join("; ");
}

/** How much data a tenant holds. */
export interface DataCounts {
  /** Objects, up to 100,000: more is not counted. */
  readonly objects: number;
  readonly tables: number;
  readonly points: number;
  readonly keys: number;
}

const objectLimit = 100_000;

/** Counts the tenant's data in the four stores at once. What is absent counts as zero. @throws Error as `askAll` does. */
export async function countData(names: TenantNames, servers: Servers): Promise<DataCounts> {
  const tables = async (): Promise<number> => {
    const present = await withAdmin(
      async (client) => (await client.query("SELECT FROM pg_database WHERE datname = $1", [names.database])).rowCount,
      "postgres",
      servers,
    );
    if (present !== 1) return 0;
    return withAdmin(
      async (client) => {
        // The catalog only: the tenant's own views and functions are never run.
        const { rows } = await client.query<{ count: number }>(
          `SELECT count(*)::int AS count FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
           WHERE c.relkind IN ('r', 'p', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`,
        );
        return rows[0]?.count ?? 0;
      },
      names.database,
      servers,
    );
  };
  const points = async (): Promise<number> => {
    try {
      return (await (await qdrantClient(servers)).count(names.collection, { exact: true })).count;
    } catch (error) {
      if (httpStatus(error) === 404) return 0;
      throw error;
    }
  };
  const objects = minioClient(servers).then((client) => countObjects(client, names.bucket, objectLimit));
  const keys = withRedisNodes(servers, (nodes) => countKeys(nodes, names.keyPrefix));
  const [objectCount = 0, tableCount = 0, pointCount = 0, keyCount = 0] = await everyAnswer(
    [
      { place: "minio", answer: objects },
      { place: "postgresql", answer: tables() },
      { place: "qdrant", answer: points() },
      { place: "redis", answer: keys },
    ],
    servers,
  );
  return { objects: objectCount, tables: tableCount, points: pointCount, keys: keyCount };
}

/** `12 objects, 3 tables, 0 points, 44 keys`. */
export function describeCounts({ objects, tables, points, keys }: DataCounts): string {
  const many = objects >= objectLimit ? `at least ${objectLimit}` : String(objects);
  return `${many} objects, ${tables} tables, ${points} points, ${keys} keys`;
}
