// Starts one server and waits until it answers.
import { spawn } from "node:child_process";
import { closeSync, mkdirSync, statfsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "../errors/problem.ts";
import { secretsIn } from "./credentials.ts";
import { isAlive } from "./identity.ts";
import { whoListens } from "./listeners.ts";
import { logFile, logTail, openLog } from "./logs.ts";
import { listensAt, newlyStarted, remember, runningServer, type Running } from "./records.ts";
import type { Launch, Site, Store } from "./store.ts";
import { stopServer } from "./stop-server.ts";

const answerWithinSeconds = 60;

/** Starts the server if it does not run, and returns when it answered with the administrator's credentials. */
export async function startServer(store: Store, site: Site): Promise<Running> {
  let found = runningServer(site.dir, store);
  const inUse = found === undefined ? portInUse(store, site) : undefined;
  // Looked for once more: a server whose starter was killed may have become ours between the two looks.
  if (inUse !== undefined) found = runningServer(site.dir, store);
  if (found !== undefined) {
    if (!listensAt(found, store, site.ports)) {
      throw new Problem(
        "setup-failed",
        `${store.title} already runs on port ${found.listensOn[0]}, not ${store.listensOn(site.ports)[0]}: npm run stores -- stop ${store.name}, then start again`,
      );
    }
    if (found.version !== undefined) return found;
    // Its starter was killed before it was done: finish the work. Or it is the last child of a server that was killed, and
    // ends any moment: then nothing is in the way of a new one.
    return await answering(store, site, found, undefined, () => startServer(store, site));
  }
  if (store.installed() === undefined) {
    throw new Problem("setup-failed", `${store.title} is not installed (no ${store.program} found): ${store.install}`);
  }
  if (inUse !== undefined) {
    throw new Problem(
      "setup-failed",
      `${inUse}: stop that, or move all stores to other ports: TENANT_STORES_PORT_OFFSET=100 npm run stores -- start`,
    );
  }
  const launch = await store.prepare(site);
  const log = openLog(site.dir, store.name);
  let running: Running;
  try {
    running = await spawnServer(store, site, launch, log.fd);
  } catch (cause) {
    throw failure(store, site, log.from, "ended at once", cause);
  } finally {
    closeSync(log.fd);
  }
  return await answering(store, site, running, log.from, (cause) => {
    throw failure(store, site, log.from, "ended before it answered", cause);
  });
}

function portInUse(store: Store, { ports }: Site): string | undefined {
  for (const port of store.listensOn(ports)) {
    const holder = whoListens(port);
    if (holder !== undefined) return `port ${port}, which ${store.title} needs, is in use by ${holder}`;
  }
  return undefined;
}

async function spawnServer(store: Store, site: Site, launch: Launch, log: number): Promise<Running> {
  const { command, args, ...account } = launch.line;
  const folder = store.workingFolder(site.dir);
  mkdirSync(folder, { recursive: true });
  const child = spawn(command, args, {
    ...account,
    env: launch.env,
    cwd: folder,
    // Its own session: neither the end of this command nor Ctrl-C reaches it.
    detached: true,
    stdio: ["ignore", log, log],
  });
  await new Promise<void>((resolve, reject) => child.once("spawn", resolve).once("error", reject));
  child.unref();
  const running = newlyStarted(child.pid ?? 0, store.listensOn(site.ports));
  if (running === undefined) throw new Problem("setup-failed", "no such process");
  remember(site.dir, store, running);
  return running;
}

/** @param ended what to do when it ends before it answers, with the reason why it did not */
async function answering(
  store: Store,
  site: Site,
  started: Running,
  from: number | undefined,
  ended: (cause: unknown) => Promise<Running>,
): Promise<Running> {
  let running = started;
  const deadline = Date.now() + answerWithinSeconds * 1000;
  let last: unknown;
  while (Date.now() < deadline) {
    try {
      const version = await store.probe(site);
      const answered = { ...running, listensOn: store.listensOn(site.ports), version };
      remember(site.dir, store, answered);
      return answered;
    } catch (error) {
      last = error;
    }
    if (!isAlive(running)) {
      // It may have found the port taken by one that a killed command started in the same instant: that one will do.
      const other = runningServer(site.dir, store);
      if (other === undefined) return await ended(last);
      running = other;
    }
    await sleep(25);
  }
  // Not left behind: a server that hangs would make the next start believe that it only needs waiting for.
  await stopServer(store, site.dir, running);
  throw failure(store, site, from, `did not answer within ${answerWithinSeconds} s and was stopped`, last);
}

function failure(store: Store, site: Site, from: number | undefined, what: string, cause: unknown): Error {
  const tail = logTail(site.dir, store.name, from ?? 0, secretsIn(site.credentials));
  const full = isDiskFull(site.dir) || /no space left|disk full|StorageFull/i.test(tail);
  return new Problem(
    "setup-failed",
    [
      `${store.title} ${what}.${full ? ` The disk of ${site.dir} is full: free some space and start again.` : ""}`,
      ...(tail === "" ? [] : [`Last lines of its log:`, tail.replace(/^/gm, "  ")]),
      `Whole log: ${logFile(site.dir, store.name)}. Then: npm run stores -- start`,
    ].join("\n"),
    { cause },
  );
}

/** True when less than that is free where the folder lies. */
export function isDiskFull(dir: string, neededMb = 32): boolean {
  const { bavail, bsize } = statfsSync(dir);
  return bavail * bsize < neededMb * 1024 * 1024;
}
