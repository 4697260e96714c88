// Data of every kind that a tenant can have in its stores, and all of it read back in a form that compares.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import type { Client as Pg } from "pg";
import { tenantNames } from "../../components/names.ts";
import { readCredentials } from "../../providers/clients/credentials.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { closeSession, openSession } from "../../providers/clients/postgresql.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";

/** Bytes that differ from place to place. */
export function noise(length: number, seed: string): Buffer {
  const pieces: Buffer[] = [];
  for (let size = 0, at = 0; size < length; size += 32, at += 1) {
    pieces.push(createHash("sha256").update(`${seed} ${at}`).digest());
  }
  return Buffer.concat(pieces).subarray(0, length);
}

const hash = (content: Uint8Array | string): string => createHash("sha256").update(content).digest("hex").slice(0, 16);

/** Runs `work` as the tenant's own role. */
export async function asRole<T>(id: string, work: (client: Pg) => Promise<T>): Promise<T> {
  const { database, role } = tenantNames(id);
  const { postgres_password: password } = await readCredentials(id);
  const client = await openSession(servers().postgresql, { user: role, password, database });
  try {
    return await work(client);
  } finally {
    await closeSession(client);
  }
}

async function bucketOf(id: string) {
  const { minio_access_key: user, minio_secret_key: password } = await readCredentials(id);
  return { client: await minioClient(servers(), { user, password }), bucket: tenantNames(id).bucket };
}

/** Qdrant's answer to a call with the administrator's key, as text: numbers stay what they are. */
export async function qdrantText(method: string, path: string, body: string): Promise<string> {
  const { url, apiKey } = servers().qdrant;
  const { client } = { client: fetch };
  const headers = { "api-key": apiKey, "content-type": "application/json" };
  const answer = await client(new URL(path, url), { method, headers, body });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  return text;
}

/** Names with everything that a listing, a URL, a file system or a tar file could get wrong. */
export const oddNames = [
  "plain.txt",
  "raw/empty",
  "raw/.keep2",
  "folder/",
  "folder",
  "a+b &=?#%41 ;@:,$!'()*~.txt",
  "ümlaut/日本語/🦄.bin",
  "new\nline\ttab",
  `quote"back\\slash<&>`,
  " leading and trailing ",
  "1.json",
  `long/${"x".repeat(240)}/${"y".repeat(240)}`,
];

export async function fillBucket(id: string): Promise<void> {
  const { client, bucket } = await bucketOf(id);
  for (const [at, name] of oddNames.entries()) {
    const content = name.endsWith("empty") || name.endsWith("/") ? Buffer.alloc(0) : noise(100 * at, name);
    const metadata = {
      "Content-Type": "text/x-odd; charset=utf-8",
      "Content-Language": "de",
      "Cache-Control": "no-store",
      "x-amz-meta-Owner": `number ${at}, = ; "quoted"`,
      "x-amz-meta-empty": "",
    };
    await client.putObject(bucket, name, content, content.length, metadata);
    if (at % 3 === 0) await client.setObjectTagging(bucket, name, { kind: `k ${at}`, "a b": "c/d+e=f" });
  }
  const big = noise(1024 * 1024, "big");
  await client.putObject(bucket, "big", Buffer.concat(Array.from({ length: 70 }, () => big)), 70 * big.length);
}

export async function bucketContents(id: string): Promise<Record<string, unknown>> {
  const { client, bucket } = await bucketOf(id);
  const found: Record<string, unknown> = {};
  for await (const item of client.listObjectsV2(bucket, "", true) as AsyncIterable<{ name: string }>) {
    const stat = await client.statObject(bucket, item.name);
    const digest = createHash("sha256");
    for await (const piece of await client.getObject(bucket, item.name)) digest.update(piece as Buffer);
    const tags: unknown = await client.getObjectTagging(bucket, item.name);
    found[item.name] = { size: stat.size, metaData: stat.metaData, content: digest.digest("hex"), tags };
  }
  return found;
}

const schema = `
  CREATE EXTENSION citext;
  CREATE SCHEMA "Odd ""schema""";
  CREATE TYPE mood AS ENUM ('sad', 'ok');
  CREATE DOMAIN positive AS int CHECK (VALUE > 0);
  CREATE TABLE "Odd ""schema""".documents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, title citext NOT NULL, "odd; -- column" mood DEFAULT 'ok',
    amount positive, body bytea, at timestamptz, tags text[], meta jsonb, double int GENERATED ALWAYS AS (amount * 2) STORED);
  CREATE TABLE notes (id uuid PRIMARY KEY, document bigint REFERENCES "Odd ""schema""".documents ON DELETE CASCADE, text text);
  CREATE INDEX ON notes (document);
  ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
  ALTER TABLE notes FORCE ROW LEVEL SECURITY;
  CREATE POLICY visible ON notes USING (text <> 'hidden');
  CREATE TABLE measured (at date, value int) PARTITION BY RANGE (at);
  CREATE TABLE measured_1 PARTITION OF measured FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
  CREATE TABLE measured_2 PARTITION OF measured FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
  CREATE FUNCTION loud(x text) RETURNS text LANGUAGE sql IMMUTABLE AS 'SELECT pg_catalog.upper(x)';
  CREATE INDEX loud_titles ON "Odd ""schema""".documents (public.loud(title::text));
  CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.text := NEW.text || '!'; RETURN NEW; END $$;
  CREATE TRIGGER stamp BEFORE INSERT ON notes FOR EACH ROW EXECUTE FUNCTION stamp();
  CREATE VIEW titles AS SELECT title FROM "Odd ""schema""".documents;
  CREATE MATERIALIZED VIEW counted AS SELECT count(*) FROM "Odd ""schema""".documents;
  CREATE SEQUENCE numbers START 41;
  COMMENT ON TABLE notes IS E'a comment\\nwith two lines; DROP TABLE notes;';
`;

export async function fillDatabase(id: string): Promise<void> {
  await asRole(id, async (client) => {
    await client.query(schema);
    await client.query(
      `INSERT INTO "Odd ""schema""".documents (title, amount, body, at, tags, meta)
       SELECT 'title ' || n, n, decode(md5(n::text), 'hex'), '2026-01-01 12:00+02'::timestamptz + n * interval '1 s',
              ARRAY['a', NULL, '"b"'], jsonb_build_object('n', n, 'text', E'line\\nbreak') FROM generate_series(1, 2000) AS n`,
    );
    await client.query(
      `INSERT INTO notes SELECT gen_random_uuid(), n, CASE n WHEN 7 THEN 'visible' ELSE 'note ' || n END FROM generate_series(1, 10) AS n`,
    );
    await client.query("INSERT INTO measured SELECT '2026-01-01'::date + n, n FROM generate_series(0, 50) AS n");
    await client.query("REFRESH MATERIALIZED VIEW counted");
    await client.query("SELECT nextval('numbers')");
  });
}

/** Every row of every table, and the definition of everything that is none. */
export async function databaseContents(id: string): Promise<Record<string, unknown>> {
  return asRole(id, async (client) => {
    const rows = async (query: string) => (await client.query<{ row: string }>(query)).rows.map(({ row }) => row);
    const relations = await rows(
      `SELECT format('%I.%I', nspname, relname) AS row FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
       WHERE relkind IN ('r', 'm', 'v') AND nspname !~ '^pg_|^information_schema$' ORDER BY 1`,
    );
    const contents: Record<string, unknown> = {};
    for (const name of relations)
      contents[name] = hash((await rows(`SELECT t::text AS row FROM ${name} AS t ORDER BY 1`)).join());
    return {
      ...contents,
      sequences: await rows("SELECT format('%s %s', sequencename, last_value) AS row FROM pg_sequences ORDER BY 1"),
      owners: await rows(
        `SELECT DISTINCT replace(pg_get_userbyid(relowner), current_user, 'own') AS row FROM pg_class c JOIN pg_namespace n
         ON n.oid = relnamespace WHERE nspname !~ '^pg_|^information_schema$' ORDER BY 1`,
      ),
      indexes: await rows("SELECT indexdef AS row FROM pg_indexes WHERE schemaname !~ '^pg_' ORDER BY 1"),
      constraints: await rows("SELECT pg_get_constraintdef(oid) AS row FROM pg_constraint ORDER BY 1"),
      functions: await rows(
        `SELECT pg_get_functiondef(p.oid) AS row FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
         WHERE nspname = 'public' AND prokind = 'f' AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
         ORDER BY 1`,
      ),
      triggers: await rows("SELECT pg_get_triggerdef(oid) AS row FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1"),
      policies: await rows("SELECT policyname || qual AS row FROM pg_policies ORDER BY 1"),
      comments: await rows("SELECT description AS row FROM pg_description WHERE objoid = 'notes'::regclass"),
      extensions: await rows("SELECT extname AS row FROM pg_extension ORDER BY 1"),
      columns: await rows(
        `SELECT format('%s %s %s %s', attrelid::regclass, attname, format_type(atttypid, atttypmod), attgenerated) AS row
         FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
         WHERE nspname !~ '^pg_|^information_schema$' AND attnum > 0 ORDER BY 1`,
      ),
    };
  });
}

/** Ids and numbers that a JavaScript number cannot hold. */
export async function fillCollection(id: string, points = 300): Promise<void> {
  const { collection } = tenantNames(id);
  const vector = (at: number): string => JSON.stringify(Array.from({ length: 8 }, (_, n) => Math.sin(at * 8 + n)));
  const many = Array.from(
    { length: points },
    (_, at) =>
      `{"id":${at},"vector":${vector(at)},"payload":{"n":${at},"text":"${noise(20, String(at)).toString("hex")}"}}`,
  );
  const odd = [
    `{"id":18446744073709551615,"vector":${vector(-1)},"payload":{"big":9223372036854775807,"small":1e-300,"nested":{"a":[null,true,"\\"points\\":[],\\"next_page_offset\\":1}"]}}}`,
    `{"id":"0191f2f0-7f2e-7000-8000-0123456789ab","vector":${vector(-2)}}`,
  ];
  await qdrantText("PUT", `/collections/${collection}/points?wait=true`, `{"points":[${[...many, ...odd].join()}]}`);
}

export async function collectionContents(id: string): Promise<string> {
  const { collection } = tenantNames(id);
  const body = '{"limit":1000,"with_payload":true,"with_vector":true}';
  return (await qdrantText("POST", `/collections/${collection}/points/scroll`, body)).replace(/"time":.*/, "");
}

/** A moment that is not over while a test runs. */
export const later = 4_102_444_800_000;

export async function fillKeys(id: string): Promise<void> {
  const { keyPrefix, redisUser } = tenantNames(id);
  const { redis_password: password } = await readCredentials(id);
  const key = (name: string) => keyPrefix + name;
  await withRedis(
    servers(),
    async (client) => {
      await client.set(key("cache:text"), "ümlaut");
      await client.set(
        Buffer.concat([Buffer.from(keyPrefix), Buffer.from([0, 255, 10, 42])]),
        Buffer.from([0, 1, 254, 255]),
      );
      await client.set(key("empty"), "");
      await client.set(key("session:1"), "kept", "PXAT", later);
      await client.set(key("big"), noise(3_000_000, "string"));
      await client.rpush(key("queue:list"), "b", "a", "b", "");
      await client.rpush(
        key("queue:long"),
        ...Array.from({ length: 5000 }, (_, at) => `item ${at} ${"x".repeat(200)}`),
      );
      await client.sadd(key("set"), "a", "b", Buffer.from([255]));
      await client.sadd(key("bigset"), ...Array.from({ length: 3000 }, (_, at) => `member ${at}`));
      await client.hset(key("hash"), { a: "1", "": "empty", b: "" });
      await client.hset(
        key("bighash"),
        Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`f${at}`, `v${at}`])),
      );
      await client.pexpireat(key("bighash"), later);
      await client.zadd(key("zset"), "inf", "up", "-inf", "down", "0.1", "tenth", "1e-17", "tiny");
      await client.zadd(key("bigzset"), ...Array.from({ length: 2000 }, (_, at) => [at / 3, `m${at}`]).flat());
      await client.pfadd(key("visitors"), ...Array.from({ length: 500 }, (_, at) => `v${at}`));
      for (let at = 1; at <= 900; at += 1)
        await client.xadd(key("stream"), `${at}-1`, "n", String(at), "x", "y".repeat(50));
      await client.xdel(key("stream"), "900-1", "5-1");
      await client.xgroup("CREATE", key("stream"), "workers", "0");
      await client.xreadgroup("GROUP", "workers", "one", "COUNT", 20, "STREAMS", key("stream"), ">");
      await client.xack(key("stream"), "workers", "1-1", "2-1");
      await client.xgroup("CREATECONSUMER", key("stream"), "workers", "idle");
      await client.xgroup("CREATE", key("emptystream"), "g", "$", "MKSTREAM");
    },
    { user: redisUser, password },
  );
}

async function valueOf(client: Redis, type: string, key: Buffer): Promise<unknown> {
  const flat = async (...command: [string, ...(string | Buffer)[]]): Promise<string[]> =>
    [(await client.callBuffer(...command)) as Buffer[]]
      .flat(9)
      .map((one) => (Buffer.isBuffer(one) ? one.toString("latin1") : String(one)));
  switch (type) {
    case "string":
      return hash((await client.getBuffer(key)) ?? "");
    case "list":
      return flat("LRANGE", key, "0", "-1");
    case "set":
      return (await flat("SMEMBERS", key)).sort();
    case "hash":
      return Object.entries(await client.hgetall(key)).sort();
    case "zset":
      return flat("ZRANGE", key, "0", "-1", "WITHSCORES");
    default: {
      // When something was delivered or a consumer was seen is exact to a millisecond; how the server keeps a stream is its own.
      const info = (await flat("XINFO", "STREAM", key, "FULL", "COUNT", "0")).join(" ");
      return info.replace(/\b1[78]\d{11}\b/g, "time").replace(/radix-tree-\w+ \d+/g, "");
    }
  }
}

export async function keyContents(id: string): Promise<Record<string, unknown>> {
  const { keyPrefix } = tenantNames(id);
  return withRedis(servers(), async (client) => {
    const keys = await client.keysBuffer(`${keyPrefix}*`);
    const found = keys.map(async (key) => {
      const type = await client.type(key);
      const expires = (await client.call("PEXPIRETIME", key)) as number;
      return [
        key.subarray(keyPrefix.length).toString("latin1"),
        { type, expires, value: await valueOf(client, type, key) },
      ] as const;
    });
    return Object.fromEntries((await Promise.all(found)).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}

/** Fills all four stores. */
export async function fill(id: string): Promise<void> {
  await Promise.all([fillBucket(id), fillDatabase(id), fillCollection(id), fillKeys(id)]);
}

/** Everything the tenant has, by store. */
export async function contents(id: string) {
  const [minio, postgresql, qdrant, redis] = await Promise.all([
    bucketContents(id),
    databaseContents(id),
    collectionContents(id),
    keyContents(id),
  ]);
  return { minio, postgresql, qdrant, redis };
}
