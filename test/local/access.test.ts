// What the stores let in, and what they keep to themselves.
import { readdirSync, readFileSync, readlinkSync, statSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { Client as MinioClient } from "minio";
import pg from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { secretsIn } from "../../local/credentials.ts";
import { writeComposeEnv } from "../../local/compose.ts";
import { startStores, type StoreStatus } from "../../local/lifecycle.ts";
import { adminName, commandLines, temporaryStores } from "./support.ts";

// Real servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const stores = temporaryStores(3100);
const { dir, ports } = stores;
let states: StoreStatus[];

beforeAll(async () => {
  states = await startStores({ dir, ports });
});
afterAll(() => stores.remove());

const mode = (path: string): number => statSync(path).mode & 0o777;
const processOf = (name: string): number => states.find((state) => state.name === name)?.pid ?? 0;

test("credentials are for the owner's eyes", () => {
  expect(mode(join(dir, "credentials.json"))).toBe(0o600);
  expect(mode(join(dir, "pulumi-passphrase"))).toBe(0o600);
  expect(mode(writeComposeEnv({ dir, ports }))).toBe(0o600);
  expect(mode(join(dir, "redis/redis.conf"))).toBe(0o600);
  expect(mode(join(dir, "redis/users.acl"))).toBe(0o600);
  for (const name of ["minio", "postgresql", "qdrant", "gateway", "redis"]) expect(mode(join(dir, name))).toBe(0o700);
});

test("no secret is in a command line, a log or Redis's files", () => {
  const shown = [
    commandLines(),
    ...readdirSync(join(dir, "logs")).map((log) => readFileSync(join(dir, "logs", log), "utf8")),
    readFileSync(join(dir, "redis/users.acl"), "utf8"),
    readFileSync(join(dir, "redis/redis.conf"), "utf8"),
  ].join("\n");
  for (const secret of secretsIn(stores.credentials())) expect(shown).not.toContain(secret);
  expect(readdirSync(join(dir, "postgresql"))).toEqual(["data"]);
});

test("everything listens on the loopback address only", () => {
  const wanted = Object.values<number>({ ...ports });
  const addresses = ["/proc/net/tcp", "/proc/net/tcp6"]
    .flatMap((table) => readFileSync(table, "utf8").split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter(
      ([, local = "", , state]) => state === "0A" && wanted.includes(Number.parseInt(local.split(":")[1] ?? "", 16)),
    )
    .map(([, local = ""]) => local.split(":")[0]);
  expect(addresses.length).toBeGreaterThanOrEqual(wanted.length);
  for (const address of addresses) expect(["0100007F", "00000000000000000000000001000000"]).toContain(address);
});

test.runIf(process.getuid?.() === 0)("started by root, PostgreSQL, Redis and nginx do not run as root", () => {
  for (const name of ["postgresql", "redis", "gateway"]) {
    expect(readFileSync(`/proc/${processOf(name)}/status`, "utf8")).not.toMatch(/^Uid:\s+0\s/m);
    // Nor with a capability: this folder needs none.
    expect(readFileSync(`/proc/${processOf(name)}/status`, "utf8")).toMatch(/^CapEff:\s+0+$/m);
  }
});

test("the servers see nothing of the caller's environment", () => {
  expect(process.env["VITEST"]).toBeDefined();
  for (const { pid } of states) expect(readFileSync(`/proc/${pid}/environ`, "utf8")).not.toContain("VITEST");
  expect(readlinkSync(`/proc/${processOf("minio")}/cwd`)).toBe(join(dir, "minio"));
});

test("Redis refuses the default user, and calls without a user", async () => {
  const refused = new Redis({
    host: "127.0.0.1",
    port: ports.redis,
    retryStrategy: () => null,
    maxRetriesPerRequest: 0,
  });
  refused.on("error", () => undefined);
  await expect(refused.ping()).rejects.toThrow(/NOAUTH/);
  refused.disconnect();

  const { user, password } = stores.credentials().redis;
  const admin = new Redis({ host: "127.0.0.1", port: ports.redis, username: user, password });
  expect(await admin.call("ACL", "LIST")).toContainEqual(expect.stringMatching(/^user default off .*-@all$/));
  expect(await admin.config("GET", "appendonly")).toEqual(["appendonly", "yes"]);
  expect(await admin.config("GET", "proto-max-bulk-len")).toEqual(["proto-max-bulk-len", String(8 * 1024 * 1024)]);
  admin.disconnect();
});

test("Qdrant refuses calls without the key, and takes tokens", async () => {
  const url = `http://127.0.0.1:${ports.qdrant}/collections`;
  expect((await fetch(url)).status).toBe(401);
  expect((await fetch(url, { headers: { "api-key": "wrong" } })).status).toBe(401);
  const { SignJWT } = await import("jose");
  const key = new TextEncoder().encode(stores.credentials().qdrant.apiKey);
  const token = await new SignJWT({ access: "r" })
    .setProtectedHeader({ alg: "HS256" })
    .setExpirationTime("1m")
    .sign(key);
  expect((await fetch(url, { headers: { "api-key": token } })).status).toBe(200);
});

test("MinIO refuses strangers, has no console, and encrypts with its own key", async () => {
  const { user, password } = stores.credentials().minio;
  const options = { endPoint: "127.0.0.1", port: ports.minio, useSSL: false, region: "us-east-1" };
  await expect(new MinioClient(options).listBuckets()).rejects.toThrow(/Access Denied/i);
  expect(
    (await fetch(`http://127.0.0.1:${ports.minio}/`, { headers: { accept: "text/html", "user-agent": "Mozilla/5.0" } }))
      .status,
  ).toBe(403);

  const client = new MinioClient({ ...options, accessKey: user, secretKey: password });
  await client.makeBucket("sealed");
  await client.setBucketEncryption("sealed", {
    Rule: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }],
  });
  await client.putObject("sealed", "object", "plain text of the object");
  const { metaData } = await client.statObject("sealed", "object");
  expect(metaData).toMatchObject({ "x-amz-server-side-encryption": "AES256" });
});

test("PostgreSQL rejects who has no line of its own, whether the database exists or not", async () => {
  const { password } = stores.credentials().postgresql;
  const admin = new pg.Client({
    ssl: false,
    host: "127.0.0.1",
    port: ports.postgresql,
    user: adminName,
    password,
    database: "postgres",
  });
  await admin.connect();
  await admin.query("CREATE ROLE stranger LOGIN PASSWORD 'password-of-a-test'");
  const { rows } = await admin.query<{ name: string; setting: string }>(
    "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'log_statement', 'log_min_error_statement', 'password_encryption', 'max_connections', 'data_checksums', 'listen_addresses')",
  );
  expect(Object.fromEntries(rows.map(({ name, setting }) => [name, setting]))).toMatchObject({
    fsync: "on",
    log_statement: "none",
    log_min_error_statement: "panic",
    password_encryption: "scram-sha-256",
    max_connections: "200",
    data_checksums: "on",
  });
  await expect(admin.query("ALTER ROLE nobody_at_all PASSWORD 'SECRET-IN-STATEMENT'")).rejects.toThrow(
    /does not exist/,
  );
  await admin.end();
  expect(readFileSync(join(dir, "logs/postgresql.log"), "utf8")).not.toContain("SECRET-IN-STATEMENT");

  const answers = await Promise.all(
    ["postgres", "there_is_none"].map(async (database) => {
      const client = new pg.Client({
        ssl: false,
        host: "127.0.0.1",
        port: ports.postgresql,
        user: "stranger",
        password: "password-of-a-test",
        database,
      });
      client.on("error", () => undefined);
      return await client.connect().then(
        () => "connected",
        (error: Error) => error.message.replace(database, "DATABASE"),
      );
    }),
  );
  expect(answers[0]).toMatch(/^pg_hba\.conf rejects connection/);
  expect(answers[1]).toBe(answers[0]);

  const wrong = new pg.Client({
    ssl: false,
    host: "127.0.0.1",
    port: ports.postgresql,
    user: adminName,
    password: "wrong",
    database: "postgres",
  });
  wrong.on("error", () => undefined);
  await expect(wrong.connect()).rejects.toThrow(/password authentication failed/);
});
