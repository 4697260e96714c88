// A world of its own for the tests of the tenant command: stores that may be stopped and broken, a copy of the program, a
// platform. What runs is what an operator types.
import type { Redis } from "ioredis";
import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { tenantNames } from "../../components/names.ts";
import { credentialsFile, readCredentials, type Credentials } from "../../local/credentials.ts";
import { environment } from "../../local/environment.ts";
import { resetStores, startStores, stopStores } from "../../local/lifecycle.ts";
import { stateDir, storeNames, type StoreName } from "../../local/settings.ts";
import { events } from "../../providers/clients/audit.ts";
import { readHba } from "../../providers/clients/hba-file.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { reservationOf } from "../../providers/clients/reservations.ts";
import { servers } from "../../providers/clients/servers.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { localDir, toolchainDir } from "../../toolchain/paths.ts";
import { makeCheckout } from "../support/checkout.ts";
import { testOffset, testPorts } from "../support/ports.ts";
import { testTls } from "../support/tls.ts";
import { childrenOf, named } from "../support/processes.ts";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run that goes on. */
export interface Running {
  readonly pid: number;
  readonly ended: Promise<Ran>;
}

const folder = join(localDir, "test", "cli");
// Beside the other tests' stores; see test/run.ts and the offsets of test/local.
const ports = testPorts(5000);
const stores = { dir: join(folder, "stores"), ports, tls: testTls() };
const checkout = join(folder, "checkout");
/** The copy of the program. */
export const checkoutFolder = checkout;
const secrets = join(folder, "secrets");
const outbox = join(folder, "outbox");
const audit = join(folder, "audit");

/** Starts stores, makes the copy, prepares the platform. Safe to repeat. */
export async function openWorld(): Promise<void> {
  for (const rest of [secrets, outbox, audit]) rmSync(rest, { recursive: true, force: true });
  await resetStores(stores);
  mkdirSync(folder, { recursive: true });
  await Promise.all([startStores(stores), makeCheckout(checkout)]);
  Object.assign(process.env, environment(stores), ownVariables);
  const made = await start("pulumi", ["stack", "init", "platform", "--non-interactive"]).ended;
  const up = await start("pulumi", ["up", "--stack", "platform", "--yes", "--skip-preview", "--non-interactive"]).ended;
  if (made.code !== 0 || up.code !== 0) throw new Error(made.stderr + up.stdout + up.stderr);
}

export async function closeWorld(): Promise<void> {
  await resetStores(stores);
}

const ownVariables = {
  TENANT_TOOLCHAIN_DIR: toolchainDir,
  TENANT_STORES_DIR: stores.dir,
  TENANT_STORES_PORT_OFFSET: String(testOffset(5000)),
  TENANT_SECRETS_DIR: secrets,
  TENANT_OUTBOX_DIR: outbox,
  TENANT_AUDIT_DIR: audit,
  NO_COLOR: "1",
};

function start(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, input = ""): Running {
  const child = spawn(program, args, {
    cwd: checkout,
    env: { ...process.env, ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  child.stdin.end(input);
  const ended = new Promise<Ran>((done, fail) => {
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", fail);
    child.on("close", (code) => done({ code, stdout, stderr }));
  });
  return { pid: child.pid ?? 0, ended };
}

/** The variables of a shell that knows nothing of the stores: the command finds them by itself. */
const unset = { MINIO_ENDPOINT: undefined, PGHOST: undefined, QDRANT_URL: undefined, REDIS_URL: undefined };

/** Begins `npm run tenant -- ARGS`. */
export function startTenant(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  return start(process.execPath, ["cli/tenant.ts", ...args], { ...unset, ...env });
}

/** Sends a signal to that child of a process, and returns the child's id: SIGKILL, as the kernel does when memory runs out; SIGSTOP and SIGCONT. */
export function signalChild(parent: number, name: string, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): number {
  const pid = childrenOf(parent).find((child) => named(child) === name);
  if (pid === undefined) throw new Error(`process ${parent} runs no ${name}`);
  process.kill(pid, signal);
  return pid;
}

/** The processes of a session, as `ps` shows them. */
export function processesOf(session: number): string[] {
  const { stdout } = spawnSync("ps", ["-o", "args=", "-s", String(session)], { encoding: "utf8" });
  return stdout.split("\n").filter((line) => line !== "" && !line.includes("<defunct>"));
}

/** `npm run tenant -- ARGS` */
export async function tenant(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return startTenant(args, env).ended;
}

/** `npm run pr-preview -- ARGS` */
export async function prPreview(args: readonly string[]): Promise<Ran> {
  return start(process.execPath, ["ci/pr-preview.ts", ...args], unset).ended;
}

/** What `npm run demo` does once the toolchain is there. */
export async function demo(): Promise<Ran> {
  const code = "const { provisionDemo } = await import('./cli/engine/demo.ts'); await provisionDemo();";
  return start(process.execPath, ["--input-type=module", "--eval", code]).ended;
}

/** Takes the stores' data away behind Pulumi's back, and starts empty ones. */
export async function loseData(): Promise<void> {
  await stopStores(stores);
  for (const name of storeNames) rmSync(storeFolder(name), { recursive: true, force: true });
  await startAll();
}

/** `pulumi ARGS` */
export async function pulumi(args: readonly string[], input?: string): Promise<Ran> {
  return start("pulumi", [...args, "--non-interactive", "--color", "never"], {}, input).ended;
}

/** Writes what an administrator has changed, or is about to, where the local stores and every command find it. */
export function changeCredentials(change: (known: Credentials) => Credentials): void {
  const known = readCredentials(stores.dir);
  if (known === undefined) throw new Error("the stores were never started");
  writeFileSync(credentialsFile(stores.dir), `${JSON.stringify(change(known), null, 2)}\n`);
  Object.assign(process.env, environment(stores), ownVariables);
}

export const stop = async (name: StoreName): Promise<void> => void (await stopStores({ ...stores, only: [name] }));
export const startAll = async (): Promise<void> => void (await startStores(stores));
export const storeFolder = (name: StoreName): string => join(stores.dir, name);
export const secretsFolder = (id: string): string => join(secrets, id);
export const temporaryFolder = join(folder, "temporary");
/** Pulumi's: states, history, backups, locks. */
export const backendFolder = join(stateDir(stores.dir), ".pulumi");

/** Changes the text of a stack's file; of none, makes one. */
export function editStackFile(id: string, edit: (text: string) => string): void {
  const file = join(checkout, "stacks", `Pulumi.${id}.yaml`);
  writeFileSync(file, edit(existsSync(file) ? readFileSync(file, "utf8") : ""));
}

/** Runs a statement as the administrator. */
export async function sql(text: string, database = "postgres"): Promise<void> {
  await withAdmin((client) => client.query(text), database);
}

/** The stack's file as an object; undefined when there is none. */
export function stackFile(id: string): { config: Record<string, unknown> } | undefined {
  const file = join(checkout, "stacks", `Pulumi.${id}.yaml`);
  return existsSync(file) ? (parse(readFileSync(file, "utf8")) as { config: Record<string, unknown> }) : undefined;
}

/** The names of all stacks. */
export async function stacks(): Promise<string[]> {
  const { stdout } = await pulumi(["stack", "ls", "--json"]);
  return (JSON.parse(stdout) as { name: string }[]).map(({ name }) => name);
}

/** Everything that exists of a tenant, asked of servers, files, registry and Pulumi. Nothing: an empty list. */
export async function remains(id: string): Promise<string[]> {
  const traces = await tracesOf(tenantNames(id), servers(), { keys: true });
  const reserved = await withPlatform((client) => reservationOf(client, id));
  return [
    ...traces.map(({ place, what }) => `${place}: ${what}`),
    ...(existsSync(secretsFolder(id)) ? [`secrets folder ${readdirSync(secretsFolder(id)).join(", ")}`] : []),
    ...(reserved === undefined ? [] : ["reservation"]),
    ...((await stacks()).includes(id) ? ["stack"] : []),
    ...(stackFile(id) === undefined ? [] : ["stack file"]),
  ];
}

/** What all servers hold, of everybody: a rollback leaves it as it was. */
export async function everything(): Promise<unknown> {
  const all = servers();
  const client = await minioClient(all);
  const objects: string[] = [];
  const buckets = (await client.listBuckets()).map(({ name }) => name).sort();
  for (const bucket of buckets) {
    for await (const item of client.listObjectsV2(bucket, "", true)) {
      const { name, etag } = item as { name: string; etag: string };
      objects.push(`${bucket}/${name} ${etag}`);
    }
  }
  const inPostgresql = await withAdmin(async (connection) => {
    const { rows } = await connection.query("SELECT datname, datacl::text FROM pg_database ORDER BY 1");
    const roles = await connection.query("SELECT rolname FROM pg_roles ORDER BY 1");
    return { databases: rows, roles: roles.rows, hba: await readHba(connection) };
  });
  const qdrant = await qdrantClient(all);
  const { collections } = await qdrant.getCollections();
  const points = await Promise.all(collections.map(async ({ name }) => `${name} ${(await qdrant.count(name)).count}`));
  const redis = await withRedis(all, async (connection) => ({
    // Redis 7.0 lists what a user may do in another order after each start.
    users: ((await connection.call("ACL", "LIST")) as string[]).map((line) => line.split(" ").sort().join(" ")).sort(),
    // A verification that was killed leaves a key that ends by itself.
    keys: await lasting(connection, (await connection.keys("*")).sort()),
  }));
  const registry = await withPlatform(async (connection) => {
    const reservations = await connection.query("SELECT tenant_id FROM public.reservations ORDER BY 1");
    return reservations.rows as unknown;
  });
  return { buckets, objects, postgresql: inPostgresql, points: points.sort(), redis, registry };
}

/** Those without an end. */
async function lasting(connection: Redis, keys: readonly string[]): Promise<string[]> {
  const ends = await Promise.all(keys.map((key) => connection.pttl(key)));
  return keys.filter((_, index) => (ends[index] ?? 0) === -1);
}

/** The tenant's events, oldest first. */
export async function eventsOf(id: string) {
  return withPlatform(async (client) => (await events(client, id)).reverse());
}

/** Variables with a toolchain in which this program fails, or this plugin is missing. */
export function brokenToolchain(broken: { readonly program?: string; readonly plugin?: string }): NodeJS.ProcessEnv {
  const copy = join(temporaryFolder, "toolchain");
  rmSync(copy, { recursive: true, force: true });
  const [bin, plugins] = [join(copy, "bin"), join(copy, "pulumi", "plugins")];
  mkdirSync(bin, { recursive: true });
  mkdirSync(plugins, { recursive: true });
  const link = (from: string, to: string, left?: string) => {
    const names = readdirSync(from).filter((name) => left === undefined || !name.startsWith(left));
    for (const name of names) symlinkSync(join(from, name), join(to, name));
  };
  link(join(toolchainDir, "bin"), bin, broken.program);
  const installed = join(toolchainDir, "pulumi", "plugins");
  for (const name of readdirSync(installed)) {
    // The engine does not follow a link in place of a plugin's folder.
    if (!statSync(join(installed, name)).isDirectory() || name.startsWith(`resource-${broken.plugin}-`)) continue;
    mkdirSync(join(plugins, name));
    link(join(installed, name), join(plugins, name));
  }
  if (broken.program !== undefined) {
    writeFileSync(join(bin, broken.program), "#!/bin/sh\necho out of memory >&2\nexit 1\n", { mode: 0o755 });
  }
  return { TENANT_TOOLCHAIN_DIR: copy, PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION: "true" };
}
