// The contract every dynamic provider of ours keeps, on the real stores: create, create again, read, an outside change is
// seen and repaired, update, delete, delete again.
import { readdirSync } from "node:fs";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { editHba, readHba } from "../../providers/clients/hba-file.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient, tokenStateCollection } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { scramVerifier } from "../../providers/clients/scram.ts";
import { servers } from "../../providers/clients/servers.ts";
import { digestOf } from "../../providers/sops-file.ts";
import { attachPolicies, removeUser, setUser } from "../support/minio-admin.ts";
import { platformUp } from "../support/platform.ts";

/** A provider as the engine calls it. */
interface Provider {
  check(olds: object, news: object): Promise<{ failures?: unknown[] }>;
  diff(id: string, olds: object, news: object): Promise<{ changes?: boolean; replaces?: string[] }>;
  create(news: object): Promise<{ id: string; outs?: object }>;
  read(id: string, state: object): Promise<{ id?: string; props?: object }>;
  update(id: string, olds: object, news: object): Promise<{ outs?: object }>;
  delete(id: string, state: object): Promise<void>;
}

interface Case {
  readonly file: string;
  readonly inputs: () => object;
  /** Inputs that update, when the resource has any. */
  readonly changed?: () => object;
  /** What somebody does behind our back. `gone`: it then counts as deleted. */
  readonly outside?: { readonly change: () => Promise<unknown>; readonly gone?: true };
  /** Asks the store, not the provider. */
  readonly exists?: () => Promise<boolean>;
  /** What it stands on. */
  readonly prepare?: () => Promise<unknown>;
  /** What another resource does after an update. */
  readonly settle?: () => Promise<unknown>;
  readonly clean?: () => Promise<unknown>;
}

const tenant = "contract";
const database = `tenant_${tenant}`;
const role = `${database}_user`;
const encrypted = servers().postgresql.sslMode !== "disable";
const bucket = `tenant-${tenant}-bucket`;
const minioUser = `tenant-${tenant}-access`;
const jti = "0198c0de-0000-4000-8000-000000000001";
let folder: string;
let recipient: string;
/** Another key, whose holder may open the file too. */
const recovery = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z";

const sql = (text: string, on = "postgres") => withAdmin((client) => client.query(text), on);
const acl = (...words: string[]) => withRedis(servers(), (client) => client.call("ACL", ...words));
const credentials = (suffix: string) => ({
  minio_access_key: "a" + suffix,
  minio_secret_key: "b" + suffix,
  postgres_password: "c" + suffix,
  qdrant_api_key: "d" + suffix,
  redis_password: "e" + suffix,
  tenant_api_key: "f" + suffix,
});
const collection = (over: object = {}) => ({
  collection: database,
  vectorSize: 4,
  distance: "Cosine",
  strictMode: { enabled: true, max_query_limit: 100 },
  payloadIndexes: {},
  ...over,
});
const aclUser = (hash: string, enabled: boolean) => ({
  user: role,
  prefix: `tenant:${tenant}:`,
  passwordHash: hash.repeat(64),
  commands: ["-@all", "+get", "+set"],
  enabled,
});
const handover = (password: string) => ({
  ...{ tenant, role, login: true },
  verifier: scramVerifier(role, password),
  digest: digestOf("encrypted"),
});
const row = (over: object = {}) => ({
  tenant,
  networks: ["10.99.0.0/16"],
  endpoints: { minio: "http://one" },
  agePublicKey: "age1abc",
  credentialsRef: `${tenant}/secrets.enc.yaml`,
  reportId: reportId,
  verifiedAt: "2026-02-11T12:00:00Z",
  suspended: false,
  suspensionReason: "",
  ...over,
});
const reportId = "0198c0de-0000-7000-8000-000000000002";
const report = JSON.stringify({
  report_id: reportId,
  tenant_id: tenant,
  checks: [{ store: "minio", test: "cross_tenant_access", result: "DENIED", timestamp: "2026-02-11T12:00:00Z" }],
  overall_pass: true,
});

const cases: readonly Case[] = [
  {
    file: "reservation",
    inputs: () => ({ tenant, stack: tenant, networks: ["10.99.0.0/16"] }),
    changed: () => ({ tenant, stack: tenant, networks: ["10.98.0.0/16"] }),
    outside: {
      change: () => sql(`DELETE FROM public.reservations WHERE tenant_id = '${tenant}'`, "platform"),
      gone: true,
    },
  },
  {
    file: "sops-file",
    inputs: () => ({ tenant, recipients: [recipient], credentials: credentials("1") }),
    changed: () => ({ tenant, recipients: [recipient, recovery].sort(), credentials: credentials("2") }),
    outside: { change: () => writeFile(secretFiles(tenant).encrypted, "sops: {}"), gone: true },
    // The credentials are handed over when the stores accept them.
    settle: () => rename(secretFiles(tenant).staged, secretFiles(tenant).encrypted),
  },
  {
    file: "bucket-encryption",
    inputs: () => ({ bucket, algorithm: "AES256" }),
    outside: { change: async () => (await minioClient(servers())).removeBucketEncryption(bucket), gone: true },
  },
  {
    file: "minio-access",
    prepare: async () => setUser(await minioClient(servers()), servers().minio.password, minioUser, "contract-secret"),
    inputs: () => ({ user: minioUser, policy: "readonly", secret: "contract-secret" }),
    changed: () => ({ user: minioUser, policy: "writeonly", secret: "contract-secret-2" }),
    outside: {
      change: async () => {
        const client = await minioClient(servers());
        await attachPolicies(client, minioUser, "readonly,readwrite");
        await setUser(client, servers().minio.password, minioUser, "contract-secret-3");
      },
    },
    clean: async () => removeUser(await minioClient(servers()), minioUser),
  },
  {
    file: "role-limits",
    inputs: () => ({ role, tempFileLimit: "10MB" }),
    changed: () => ({ role, tempFileLimit: "20MB" }),
    // Wins over the role's own, which is as it was.
    outside: { change: () => sql(`ALTER ROLE ${role} IN DATABASE ${database} SET temp_file_limit = '-1'`) },
  },
  {
    file: "role-login",
    inputs: () => ({ role, database, verifier: scramVerifier(role, "one"), login: true }),
    changed: () => ({ role, database, verifier: scramVerifier(role, "two"), login: false }),
    outside: { change: () => sql(`ALTER ROLE ${role} NOLOGIN`) },
  },
  {
    file: "credentials-handover",
    prepare: () => writeFile(secretFiles(tenant).encrypted, "encrypted"),
    inputs: () => handover("one"),
    changed: () => handover("two"),
    clean: () => rm(secretFiles(tenant).encrypted),
    outside: { change: () => sql(`ALTER ROLE ${role} PASSWORD 'its own'`) },
  },
  {
    file: "database-hardening",
    inputs: () => ({ database, version: 1 }),
    changed: () => ({ database, version: 2 }),
    outside: { change: () => sql("GRANT SELECT ON pg_locks TO PUBLIC", database) },
  },
  {
    file: "pg-hba-entry",
    inputs: () => ({ database, role, networks: ["10.99.0.0/16", "fd00:99::/48"], encrypted }),
    changed: () => ({ database, role, networks: ["10.98.0.0/16"], encrypted }),
    outside: {
      change: () => withAdmin((client) => editHba(client, (text) => text.replace(`${role} 10.`, `${role} 11.`))),
    },
    exists: async () => (await withAdmin(readHba)).includes(database),
  },
  {
    file: "qdrant-collection",
    inputs: () => collection(),
    changed: () =>
      collection({ strictMode: { enabled: true, max_query_limit: 50 }, payloadIndexes: { document: "keyword" } }),
    outside: {
      change: async () =>
        (await qdrantClient(servers())).updateCollection(database, { strict_mode_config: { max_query_limit: 7 } }),
    },
    exists: async () => (await (await qdrantClient(servers())).collectionExists(database)).exists,
  },
  {
    file: "qdrant-token",
    inputs: () => ({ tenant, collection: database, days: 0 }),
    changed: () => ({ tenant, collection: database, days: 30 }),
  },
  {
    file: "qdrant-access",
    inputs: () => ({ tenant, jti, enabled: true }),
    changed: () => ({ tenant, jti, enabled: false }),
    outside: {
      change: async () => (await qdrantClient(servers())).delete(tokenStateCollection, { wait: true, points: [jti] }),
    },
    exists: async () =>
      (await (await qdrantClient(servers())).retrieve(tokenStateCollection, { ids: [jti] })).length === 1,
  },
  {
    file: "redis-acl-user",
    inputs: () => aclUser("a", true),
    changed: () => aclUser("b", false),
    outside: { change: () => acl("SETUSER", role, "+keys", "allkeys", ">second") },
    exists: async () => (await acl("GETUSER", role)) !== null,
  },
  {
    file: "redis-password",
    prepare: () => acl("SETUSER", role, "on"),
    inputs: () => ({ user: role, passwordHash: "c".repeat(64) }),
    outside: { change: () => acl("SETUSER", role, "resetpass"), gone: true },
    exists: async () => JSON.stringify(await acl("GETUSER", role)).includes("c".repeat(64)),
    clean: () => acl("DELUSER", role),
  },
  { file: "verification-record", inputs: () => ({ tenant, report }) },
  { file: "audit-event", inputs: () => ({ tenant, reportId, suspended: false, reason: "" }) },
  {
    file: "registry-row",
    inputs: () => row(),
    changed: () =>
      row({
        endpoints: { minio: "http://two" },
        suspended: true,
        suspensionReason: "unpaid",
        labels: { plan: "gold" },
      }),
    outside: {
      change: () =>
        sql(`UPDATE public.tenants SET credentials_ref = 'elsewhere' WHERE tenant_id = '${tenant}'`, "platform"),
    },
  },
  {
    file: "data-guard",
    inputs: () => ({ tenant, allowDestroy: false }),
    changed: () => ({ tenant, allowDestroy: true }),
  },
  {
    file: "age-key",
    inputs: () => ({ tenant }),
    outside: { change: () => rm(secretFiles(tenant).publicKey) },
  },
];

async function load(file: string): Promise<Provider> {
  return ((await import(`../../providers/${file}.ts`)) as { provider: Provider }).provider;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "contract-"));
  process.env["TENANT_SECRETS_DIR"] = folder;
  await platformUp();
  // What the resources under test stand on.
  const ageKey = (await (await load("age-key")).create({ tenant })).outs as { recipient: string };
  recipient = ageKey.recipient;
  await sql(`DROP ROLE IF EXISTS ${role}`);
  await sql(`CREATE ROLE ${role}`);
  await sql(`DROP DATABASE IF EXISTS ${database}`);
  await sql(`CREATE DATABASE ${database} TEMPLATE template0`);
  const minio = await minioClient(servers());
  if (!(await minio.bucketExists(bucket))) await minio.makeBucket(bucket);
});

afterAll(async () => {
  await sql(`DROP DATABASE IF EXISTS ${database}`);
  await sql(`DROP ROLE IF EXISTS ${role}`);
  await (await minioClient(servers())).removeBucket(bucket);
  await withPlatform((client) => client.query("DELETE FROM public.reservations WHERE tenant_id = $1", [tenant]));
  await rm(folder, { recursive: true, force: true });
});

describe.each(cases)("$file", ({ file, inputs, changed, outside, exists, prepare, settle, clean }) => {
  let provider: Provider;
  let id: string;
  let state: object;
  beforeAll(async () => {
    provider = await load(file);
    if (file === "reservation") await clearForReservation();
    await prepare?.();
  });
  afterAll(async () => clean?.());

  it("accepts its inputs and refuses missing ones, naming each", async () => {
    expect((await provider.check({}, inputs())).failures).toEqual([]);
    const failures = (await provider.check({}, {})).failures ?? [];
    expect(failures).toHaveLength(Object.keys(inputs()).length);
  });

  it("creates, and creating again changes nothing", async () => {
    const first = await provider.create(inputs());
    id = first.id;
    const again = await provider.create(inputs());
    expect(again.id).toBe(id);
    // A token is signed anew, with a new id, whenever it is asked for.
    if (file !== "qdrant-token") expect(again.outs).toEqual(first.outs);
    state = again.outs ?? {};
    expect(state).toMatchObject(inputs());
    if (exists) expect(await exists()).toBe(true);
  });

  it("reads what it wrote, without a difference", async () => {
    const read = await provider.read(id, state);
    expect(read.props).toEqual(state);
    expect((await provider.diff(id, state, inputs())).changes).toBe(false);
  });

  it.runIf(outside)("sees an outside change and repairs it", async () => {
    await outside?.change();
    const read = await provider.read(id, state);
    if (outside?.gone) {
      expect(read.id).toBeUndefined();
      state = (await provider.create(inputs())).outs ?? {};
    } else {
      expect(read.id).toBe(id);
      expect((await provider.diff(id, read.props ?? {}, inputs())).changes).toBe(true);
      state = (await provider.update(id, read.props ?? {}, inputs())).outs ?? {};
    }
    expect((await provider.read(id, state)).props).toEqual(state);
  });

  it.runIf(changed)("updates in place", async () => {
    const next = changed?.() ?? {};
    expect(await provider.diff(id, state, next)).toMatchObject({ changes: true, replaces: [] });
    state = (await provider.update(id, state, next)).outs ?? {};
    expect(state).toMatchObject(next);
    await settle?.();
    expect((await provider.read(id, state)).props).toEqual(state);
  });

  it("deletes, and deleting again is done", async () => {
    if (file === "reservation") await clearForReservation();
    await provider.delete(id, state);
    await provider.delete(id, state);
    if (exists) expect(await exists()).toBe(false);
    if (file === "reservation") await restoreAfterReservation();
  });
});

/** The reservation asks every server for the tenant's names: nothing of the tenant may exist while it is tested. */
async function clearForReservation(): Promise<void> {
  await sql(`DROP DATABASE IF EXISTS ${database}`);
  await sql(`DROP ROLE IF EXISTS ${role}`);
  const minio = await minioClient(servers());
  if (await minio.bucketExists(bucket)) await minio.removeBucket(bucket);
  await rm(join(folder, tenant), { recursive: true, force: true });
}
async function restoreAfterReservation(): Promise<void> {
  await sql(`CREATE DATABASE ${database} TEMPLATE template0`);
  await sql(`CREATE ROLE ${role}`);
  await (await minioClient(servers())).makeBucket(bucket);
  const outs = (await (await load("age-key")).create({ tenant })).outs as { recipient: string };
  recipient = outs.recipient;
}

it("covers every provider that has a lifecycle in a store", () => {
  // bucket-contents, platform-schema and tenant-template are exercised by the whole-stack tests, pg-hba-closing in test/network,
  // audit-key in test/audit, placement in test/placement.
  const listed = readdirSync(join(import.meta.dirname, "../../providers"))
    .filter((name) => name.endsWith(".ts") && !["dynamic.ts", "lifecycle.ts"].includes(name))
    .map((name) => name.slice(0, -3));
  const covered = [
    ...cases.map(({ file }) => file),
    "audit-key",
    "bucket-contents",
    "pg-hba-closing",
    "placement",
    "platform-schema",
    "tenant-template",
  ];
  expect(listed.sort()).toEqual(covered.sort());
});
