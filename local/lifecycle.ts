// Start, stop, status and reset of the local stores.
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { canaryId } from "../components/names.ts";
import { Problem } from "../errors/problem.ts";
import { secretFiles } from "../providers/clients/secrets-dir.ts";
import { credentialsFile, ensureCredentials } from "./credentials.ts";
import { isAlive } from "./identity.ts";
import { accepts } from "./listeners.ts";
import { withLock } from "./lock.ts";
import { logFile } from "./logs.ts";
import { checkOwner } from "./owner.ts";
import { listensAt, runningServer } from "./records.ts";
import {
  clusterNames,
  type Ports,
  type Settings,
  settingsOf,
  stateDir,
  type StoreName,
  type StoresOptions,
} from "./settings.ts";
import { inOrder } from "./order.ts";
import { areRedisNodesJoined, joinRedisNodes } from "./redis-cluster.ts";
import { clusters, single, storesOf } from "./servers.ts";
import { isDiskFull, startServer } from "./start-server.ts";
import { stopServer } from "./stop-server.ts";
import type { Store } from "./store.ts";
import { authorityOf, ensureAuthority, removeAuthority } from "./tls.ts";

/** One store, as it is now. */
export interface StoreStatus {
  readonly name: StoreName;
  readonly title: string;
  /** Its process is there. */
  readonly running: boolean;
  /** It accepts connections, and has answered with credentials since it was started. */
  readonly ready: boolean;
  readonly pid?: number;
  readonly port: number;
  readonly url: string;
  /** It speaks TLS and nothing else. */
  readonly tls: boolean;
  readonly folder: string;
  readonly log: string;
  readonly version?: string;
}

/** One store that was stopped. */
export interface Stopped {
  readonly name: StoreName;
  readonly title: string;
  /** The signal that ended it; undefined when it did not run. */
  readonly by?: NodeJS.Signals;
}

export interface Progress {
  /** Gets a line whenever there is news: "Redis answers". */
  readonly say?: (line: string) => void;
}

/** The chosen stores' descriptions. */
export function chosen(settings: Settings): readonly Store[] {
  const stores = storesOf(settings);
  return settings.only.map((name) => {
    const store = stores[name];
    if (store !== undefined) return store;
    throw new Problem("usage", `${name} is one server of a cluster: npm run stores -- COMMAND --cluster ${name}`);
  });
}

/** Whether all servers of all clusters are meant. */
const areAll = ({ cluster, only }: Settings): boolean => cluster && clusterNames.every((name) => only.includes(name));

/** Each store's state, without changing anything. */
export async function statusStores(options: StoresOptions = {}): Promise<StoreStatus[]> {
  const settings = settingsOf(options);
  checkOwner(settings.dir, "look");
  const ports = portsInUse(settings);
  return await Promise.all(chosen(settings).map((store) => statusOf(store, settings.dir, ports)));
}

async function statusOf(store: Store, dir: string, ports: Ports): Promise<StoreStatus> {
  const running = runningServer(dir, store);
  const port = store.listensOn(ports)[0] ?? 0;
  const { name, title } = store;
  const tls = authorityOf(dir) !== undefined;
  return {
    name,
    title,
    running: running !== undefined,
    ready: running?.version !== undefined && (await accepts(port)),
    ...(running !== undefined && { pid: running.pid }),
    port,
    url: store.url(ports, tls),
    tls,
    folder: store.folder(dir),
    log: logFile(dir, name),
    ...(running?.version !== undefined && { version: running.version }),
  };
}

/**
 * Starts what does not run, all at the same time, and waits until each answers with the administrator's credentials.
 * What runs is left alone (the whole call then takes milliseconds), unless it has to speak TLS and does not, or the other way
 * round. Throws one error that names every store that failed; the others run on, and the next call starts only what is
 * missing.
 */
export async function startStores(options: StoresOptions & Progress = {}): Promise<StoreStatus[]> {
  const settings = settingsOf(options);
  checkOwner(settings.dir, "start");
  const say = options.say ?? (() => undefined);
  if (await allReady(settings)) return await statusStores(settings);
  return await withLock(
    settings.dir,
    () => say("waiting for another stores command to end"),
    async () => {
      try {
        mkdirSync(settings.dir, { recursive: true });
        // A first start writes about 150 MB; later ones little, and may be wanted to delete something.
        const neededMb = existsSync(credentialsFile(settings.dir)) ? 32 : 512;
        if (isDiskFull(settings.dir, neededMb)) throw diskFull(settings.dir, `less than ${neededMb} MB are free`);
        const credentials = ensureCredentials(settings.dir);
        await chooseTls(settings, say);
        const ca = authorityOf(settings.dir);
        const site = { dir: settings.dir, ports: settings.ports, credentials, ...(ca !== undefined && { ca }) };
        const waiting = new Set(chosen(settings).map(({ title }) => title));
        const results = await Promise.allSettled(
          inOrder(settings.dir, chosen(settings), async (store) => {
            await startServer(store, site);
            waiting.delete(store.title);
            if (waiting.size > 0) say(`${store.title} answers, waiting for ${[...waiting].join(", ")}`);
          }),
        );
        throwFailures(results);
        // When all are there: one alone may be started to come back to the others.
        if (areAll(settings)) await joinRedisNodes(site);
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOSPC")
          throw diskFull(settings.dir, "nothing could be written", error);
        throw error;
      }
      return await statusStores(settings);
    },
  );
}

/** Makes the stores speak what is wanted: all of them, and never while one runs. */
async function chooseTls({ cluster, dir, ports, only, tls }: Settings, say: (line: string) => void): Promise<void> {
  if (cluster && tls !== undefined) {
    throw new Problem(
      "usage",
      "the local clusters speak no TLS: leave it out, or use the stores of one server each: npm run stores -- start --tls",
    );
  }
  if (tls === undefined || tls === (authorityOf(dir) !== undefined)) return;
  const settings = settingsOf({ dir, ports });
  if (only.length < settings.only.length) {
    throw new Problem(
      "setup-failed",
      `all stores speak TLS, or none: leave the names out: npm run stores -- start ${tls ? "--tls" : "--no-tls"}`,
    );
  }
  say(`stopping what runs, to start it ${tls ? "with" : "without"} TLS`);
  await stopAll(settings);
  if (tls) await ensureAuthority(dir);
  else removeAuthority(dir);
}

/** The ports in use now: a running server is where it is, also when it was started with another offset than asked. */
export function portsInUse(options: StoresOptions = {}): Ports {
  const { cluster, dir, ports } = settingsOf(options);
  const stores = cluster ? clusters : single;
  const at = (name: keyof typeof single): readonly number[] => {
    const listensOn = runningServer(dir, stores[name])?.listensOn ?? [];
    return listensOn.length === 0 ? stores[name].listensOn(ports) : listensOn;
  };
  const [qdrantPort = ports.qdrant, qdrantGrpc = ports.qdrantGrpc] = at("qdrant");
  const [gatewayPort = ports.gateway, gatewayGrpc = ports.gatewayGrpc] = at("gateway");
  return {
    minio: at("minio")[0] ?? ports.minio,
    postgresql: at("postgresql")[0] ?? ports.postgresql,
    qdrant: qdrantPort,
    qdrantGrpc,
    gateway: gatewayPort,
    gatewayGrpc,
    redis: at("redis")[0] ?? ports.redis,
  };
}

/** True when every chosen store runs where it should and accepts connections. Takes milliseconds. */
export async function allReady(options: StoresOptions = {}): Promise<boolean> {
  const settings = settingsOf(options);
  checkOwner(settings.dir, "look");
  if (settings.tls !== undefined && settings.tls !== (authorityOf(settings.dir) !== undefined)) return false;
  if (areAll(settings) && !areRedisNodesJoined(settings.dir)) return false;
  for (const store of chosen(settings)) {
    const running = runningServer(settings.dir, store);
    if (running?.version === undefined || !listensAt(running, store, settings.ports)) return false;
  }
  const answers = await Promise.all(chosen(settings).map((store) => accepts(store.listensOn(settings.ports)[0] ?? 0)));
  return answers.every(Boolean);
}

/** Stops the stores, all at the same time. One that does not run is no error. The data stay. */
export async function stopStores(options: StoresOptions & Progress = {}): Promise<Stopped[]> {
  const settings = settingsOf(options);
  checkOwner(settings.dir, "stop");
  const say = options.say ?? (() => undefined);
  return await withLock(
    settings.dir,
    () => say("waiting for another stores command to end"),
    () => stopAll(settings),
  );
}

async function stopAll(settings: Settings): Promise<Stopped[]> {
  const results = await Promise.allSettled(
    chosen(settings).map(async (store): Promise<Stopped> => {
      const { name, title } = store;
      const running = runningServer(settings.dir, store);
      if (running === undefined || !isAlive(running)) return { name, title };
      return { name, title, by: await stopServer(store, settings.dir, running) };
    }),
  );
  throwFailures(results);
  return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

/** What `resetStores` would delete now: only files and folders that the stores made. */
export function resetPaths(options: StoresOptions = {}): string[] {
  const settings = settingsOf(options);
  const { cluster, dir } = settings;
  checkOwner(dir, "reset");
  return [
    ...Object.values(storesOf(settings)).map((store) => store.folder(dir)),
    ...["logs", "run", "tls", "compose.env", "compose-gateway.conf"].map((name) => join(dir, name)),
    // The clusters' tenants have a folder of their own for keys and credentials.
    ...(cluster ? [join(dir, "secrets")] : []),
    // Half written when a command was killed; may hold credentials.
    ...(existsSync(dir)
      ? readdirSync(dir)
          .filter((name) => name.endsWith(".tmp"))
          .map((name) => join(dir, name))
      : []),
    // Keys and credentials of tenants whose data go: they open nothing any more, and would hold the tenants' names.
    ...(cluster ? [] : localTenants(dir).map((id) => secretFiles(id).folder)),
    credentialsFile(dir),
    // The state describes tenants whose data go.
    stateDir(dir),
  ].filter((path) => existsSync(path));
}

/** The tenants that the local state knows: only their keys are the local stores' to delete. */
function localTenants(dir: string): string[] {
  const folder = join(stateDir(dir), ".pulumi", "stacks", "tenant-storage");
  if (!existsSync(folder)) return [];
  const stacks = readdirSync(folder).flatMap((name) => /^([a-z0-9-]+)\.json$/.exec(name)?.[1] ?? []);
  // A platform's tenant is a canary, in a folder by its placement.
  return stacks.map((stack) => stack.replace(/^platform(?=-|$)/, canaryId));
}

/** Stops all stores and deletes everything they hold. Returns what was deleted. */
export async function resetStores(options: Omit<StoresOptions, "only"> & Progress = {}): Promise<string[]> {
  const { cluster, dir, ports } = settingsOf(options);
  const settings = settingsOf({ cluster, dir, ports });
  const say = options.say ?? (() => undefined);
  return await withLock(
    dir,
    () => say("waiting for another stores command to end"),
    async () => {
      await stopAll(settings);
      const paths = resetPaths(settings);
      // The credentials last: until then an interrupted reset leaves stores that still start.
      for (const path of paths) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
      if (existsSync(dir) && readdirSync(dir).length === 0) rmdirSync(dir);
      return paths;
    },
  );
}

function throwFailures(results: readonly PromiseSettledResult<unknown>[]): void {
  const errors = results.flatMap((result): unknown[] => (result.status === "rejected" ? [result.reason] : []));
  if (errors.length === 0) return;
  if (errors.length === 1) throw errors[0];
  const messages = errors.map((error) => (error instanceof Error ? error.message : String(error)));
  throw new AggregateError(errors, messages.join("\n\n"));
}

function diskFull(dir: string, detail: string, cause?: Error): Error {
  return new Problem(
    "setup-failed",
    `the disk of ${dir} is full (${detail}): free some space, then: npm run stores -- start`,
    { cause },
  );
}
