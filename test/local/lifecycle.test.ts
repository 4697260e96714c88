// Start, status, stop and reset of the real servers.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Redis } from "ioredis";
import { Client as MinioClient } from "minio";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { environment, storesEnv } from "../../local/environment.ts";
import { startStores, statusStores, stopStores, type StoreStatus } from "../../local/lifecycle.ts";
import { command, temporaryStores } from "./support.ts";

// Real servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const stores = temporaryStores(3000);
const { dir, ports } = stores;
let first: StoreStatus[];

beforeAll(async () => {
  first = await startStores({ dir, ports });
});
afterAll(() => stores.remove());

const numbers = (states: readonly StoreStatus[]): (number | undefined)[] => states.map(({ pid }) => pid);

function postgresql(): pg.Client {
  const variables = storesEnv({ dir, ports });
  return new pg.Client({
    ssl: false,
    host: variables["PGHOST"] ?? "",
    port: Number(variables["PGPORT"]),
    user: variables["PGUSER"] ?? "",
    password: variables["PGPASSWORD"] ?? "",
    database: variables["PGDATABASE"] ?? "",
  });
}

function minio(): MinioClient {
  const { minio } = stores.credentials();
  return new MinioClient({
    endPoint: "127.0.0.1",
    port: ports.minio,
    useSSL: false,
    accessKey: minio.user,
    secretKey: minio.password,
  });
}

async function qdrant(path: string, method = "GET", body?: unknown): Promise<unknown> {
  const variables = storesEnv({ dir, ports });
  const response = await fetch(`${variables["QDRANT_URL"]}${path}`, {
    method,
    headers: { "api-key": variables["QDRANT_API_KEY"] ?? "", "content-type": "application/json", connection: "close" },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  expect(response.status).toBe(200);
  return response.json();
}

async function withRedis<T>(work: (client: Redis) => Promise<T>): Promise<T> {
  const client = new Redis(storesEnv({ dir, ports })["REDIS_URL"] ?? "");
  try {
    return await work(client);
  } finally {
    client.disconnect();
  }
}

test("all start, answer and are described", () => {
  expect(first.map(({ name }) => name)).toEqual(["minio", "postgresql", "qdrant", "gateway", "redis"]);
  for (const store of first) {
    expect(store).toMatchObject({ running: true, ready: true, port: ports[store.name as keyof typeof ports] });
    expect(store.version).toMatch(/\w/);
    expect(store.folder.startsWith(dir)).toBe(true);
    expect(existsSync(store.log)).toBe(true);
  }
});

test("a second start changes nothing, at once", async () => {
  const again = await command("stores", ["start", "--json"], stores);
  expect(again.code).toBe(0);
  expect(numbers(JSON.parse(again.stdout) as StoreStatus[])).toEqual(numbers(first));
  const started = performance.now();
  await startStores({ dir, ports });
  expect(performance.now() - started).toBeLessThan(300);
});

test("two starts at the same time start one set", async () => {
  await stopStores({ dir, ports, only: ["redis"] });
  const [one, two] = await Promise.all([
    command("stores", ["start", "--json"], stores),
    command("stores", ["start", "--json"], stores),
  ]);
  expect([one.code, two.code]).toEqual([0, 0]);
  expect(one.stdout).toBe(two.stdout);
});

test("data outlive stop and start, and open connections do not hold up the stop", async () => {
  const sql = postgresql();
  // The server ends this connection: that is the point.
  sql.on("error", () => undefined);
  await sql.connect();
  await sql.query("CREATE TABLE kept (n int)");
  await sql.query("INSERT INTO kept VALUES (42)");
  await minio().makeBucket("kept");
  await minio().putObject("kept", "a", "object");
  await qdrant("/collections/kept", "PUT", { vectors: { size: 2, distance: "Cosine" } });
  await withRedis(async (client) => {
    await client.set("kept", "value");
    // A tenant, as the platform makes it: saved to the server's own file.
    await client.call("ACL", "SETUSER", "tenant_kept_user", "on", ">password-of-a-test", "~tenant:kept:*", "+@read");
    await client.call("ACL", "SAVE");
  });

  const started = performance.now();
  const stopped = await stopStores({ dir, ports });
  expect(performance.now() - started).toBeLessThan(10_000);
  expect(stopped.map(({ by }) => by)).toEqual(["SIGTERM", "SIGINT", "SIGTERM", "SIGTERM", "SIGTERM"]);
  expect((await statusStores({ dir, ports })).some(({ running, ready }) => running || ready)).toBe(false);
  await startStores({ dir, ports });

  const after = postgresql();
  await after.connect();
  expect((await after.query("SELECT n FROM kept")).rows).toEqual([{ n: 42 }]);
  await after.end();
  expect((await minio().statObject("kept", "a")).size).toBe(6);
  expect(await qdrant("/collections/kept")).toMatchObject({ status: "ok" });
  await withRedis(async (client) => {
    expect(await client.get("kept")).toBe("value");
    expect(await client.call("ACL", "USERS")).toEqual(["default", "platform_admin", "tenant_kept_user"]);
  });
});

describe("status", () => {
  test("as a table, exit code 0", async () => {
    const { code, stdout } = await command("stores", ["status"], stores);
    expect(code).toBe(0);
    for (const word of ["MinIO", "PostgreSQL", "Qdrant", "Redis", "ready", String(ports.redis)])
      expect(stdout).toContain(word);
  });

  test("a stopped store is shown, exit code 3; start brings only it back", async () => {
    const before = numbers(await statusStores({ dir, ports, only: ["minio", "postgresql", "qdrant"] }));
    expect((await command("stores", ["stop", "redis"], stores)).stdout).toBe("Redis: stopped\n");
    expect((await command("stores", ["stop", "redis"], stores)).stdout).toBe("Redis: was not running\n");
    const { code, stdout } = await command("stores", ["status", "--json"], stores);
    expect(code).toBe(3);
    expect((JSON.parse(stdout) as StoreStatus[]).map(({ ready }) => ready)).toEqual([true, true, true, true, false]);
    const { code: started, stderr } = await command("stores", ["start"], stores);
    expect({ started, stderr }).toMatchObject({ started: 0 });
    expect(numbers(await statusStores({ dir, ports, only: ["minio", "postgresql", "qdrant"] }))).toEqual(before);
  });
});

describe("env", () => {
  test("prints lines that a shell can evaluate, and nothing else", async () => {
    const { code, stdout, stderr } = await command("env", [], stores);
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    for (const line of stdout.trimEnd().split("\n")) expect(line).toMatch(/^(export [A-Z_]+='.*'|unset [A-Z_ ]+)$/);
    expect(stdout).toContain(`export MINIO_ENDPOINT='http://127.0.0.1:${ports.minio}'\n`);
    expect(stdout).toContain(`export PULUMI_BACKEND_URL='${pathToFileURL(join(dir, "state")).href}?metadata=skip'\n`);
  });

  test("as JSON equals environment()", async () => {
    const { stdout } = await command("env", ["--json"], stores);
    const { PATH: _, NODE_COMPILE_CACHE: __, ...rest } = JSON.parse(stdout) as Record<string, string>;
    expect(environment({ dir, ports })).toMatchObject(rest);
    expect(statSync(rest["PULUMI_CONFIG_PASSPHRASE_FILE"] ?? "").mode & 0o777).toBe(0o600);
    expect(rest).not.toHaveProperty("PULUMI_CONFIG_PASSPHRASE");
  });

  test("without stores names the command", async () => {
    const { code, stdout, stderr } = await command("env", [], { ...stores, dir: join(dir, "none") });
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/never started.*npm run stores -- start\nCode: setup-failed \(docs\/errors\.md\)\n$/);
  });
});

describe("reset", () => {
  test("without --yes says what it would delete, and deletes nothing", async () => {
    const { code, stderr } = await command("stores", ["reset"], stores);
    expect(code).toBe(1);
    expect(stderr).toContain(join(dir, "postgresql"));
    expect(stderr).toContain("reset --yes");
    expect((await statusStores({ dir, ports })).every(({ ready }) => ready)).toBe(true);
  });

  test("with --yes stops and deletes all, and the next start has new credentials", async () => {
    const old = readFileSync(join(dir, "credentials.json"), "utf8");
    const { code, stdout } = await command("stores", ["reset", "--yes", "--json"], stores);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toContain(join(dir, "minio"));
    // The passphrase stays: a person's own stack settings may be encrypted with it.
    expect(readdirSync(dir)).toEqual(["pulumi-passphrase"]);
    for (const { pid } of first) expect(existsSync(`/proc/${pid}`)).toBe(false);
    await startStores({ dir, ports });
    expect(readFileSync(join(dir, "credentials.json"), "utf8")).not.toBe(old);
  }, 30_000);
});
