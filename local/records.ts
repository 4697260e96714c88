// What runs, remembered across commands: <dir>/run/<store>.json.
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hasTexts, readIfThere, writePrivate } from "./files.ts";
import { identify, type Identity, isAlive, serverIn } from "./identity.ts";
import type { Ports } from "./settings.ts";
import type { Store } from "./store.ts";

/** A server that runs. */
export interface Running extends Identity {
  /** The ports it was told, the main one first; empty when its starter was killed before it could say. */
  readonly listensOn: readonly number[];
  /** Set once it answered with credentials. */
  readonly version?: string;
}

const recordFile = (dir: string, store: Store): string => join(dir, "run", `${store.name}.json`);

/** The running server of that store, or undefined. A record of a process that is gone, or is another's now, is none. */
export function runningServer(dir: string, store: Store): Running | undefined {
  const record = readRecord(dir, store);
  if (record !== undefined && isAlive(record)) return record;
  const unrecorded = serverIn(store.workingFolder(dir), store.program);
  return unrecorded === undefined ? undefined : { ...unrecorded, listensOn: [] };
}

export function remember(dir: string, store: Store, running: Running): void {
  mkdirSync(join(dir, "run"), { recursive: true });
  writePrivate(recordFile(dir, store), `${JSON.stringify(running)}\n`);
}

export function forget(dir: string, store: Store): void {
  rmSync(recordFile(dir, store), { force: true });
}

/** A server that was started just now. Undefined when it has ended already. */
export function newlyStarted(pid: number, listensOn: readonly number[]): Running | undefined {
  const identity = identify(pid);
  return identity === undefined ? undefined : { ...identity, listensOn };
}

/** True when it listens where the settings say, as far as is known. */
export function listensAt(running: Running, store: Store, ports: Ports): boolean {
  return running.listensOn.length === 0 || running.listensOn.join() === store.listensOn(ports).join();
}

// A record that cannot be read is one that was not written: the search for the process takes over.
function readRecord(dir: string, store: Store): Running | undefined {
  const text = readIfThere(recordFile(dir, store));
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isRunning(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRunning(value: unknown): value is Running {
  return (
    hasTexts(value, ["bootId"]) &&
    Number.isInteger(value["pid"]) &&
    Number.isInteger(value["startTime"]) &&
    Array.isArray(value["listensOn"]) &&
    (value["version"] === undefined || hasTexts(value, ["version"]))
  );
}
