// What a server is asked about itself, with so many tenants present: bytes, seconds, numbers.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { promisify } from "node:util";
import { startStores, statusStores, stopStores } from "../local/lifecycle.ts";
import type { StoreName, StoresOptions } from "../local/settings.ts";
import { usageOf } from "./processes.ts";

/** One of them. */
export interface Figure {
  /** Whose: a store's name, or what else. */
  readonly of: string;
  readonly what: string;
  readonly unit: "bytes" | "seconds" | "number";
  readonly value: number;
}

/** Figures of one store: `const { bytes } = figuresOf("redis")`. */
export const figuresOf = (of: string) => ({
  bytes: (what: string, value: number): Figure => ({ of, what, unit: "bytes", value }),
  seconds: (what: string, value: number): Figure => ({ of, what, unit: "seconds", value }),
  number: (what: string, value: number): Figure => ({ of, what, unit: "number", value }),
});

/** Seconds of the quickest of several calls: whatever else the machine does only adds to a short one. */
export async function timed(work: () => Promise<unknown>, times = 15): Promise<number> {
  const found: number[] = [];
  for (let index = 0; index < times; index += 1) {
    const started = performance.now();
    await work();
    found.push((performance.now() - started) / 1000);
  }
  return Math.min(...found);
}

/** Bytes on the disk below a folder, and the number of files. */
export async function diskOf(folder: string): Promise<{ readonly bytes: number; readonly files: number }> {
  const total = async (unit: string): Promise<number> => {
    // A server removes files meanwhile: du says so, and counts the rest.
    const { stdout } = await promisify(execFile)("du", ["-s", unit, folder]).catch(
      (error: unknown) => error as { readonly stdout: string },
    );
    return Number.parseInt(stdout, 10);
  };
  const [bytes, files] = await Promise.all([total("--block-size=1"), total("--inodes")]);
  return { bytes, files };
}

async function pidOf(stores: StoresOptions, name: StoreName): Promise<number> {
  const [status] = await statusStores({ ...stores, only: [name] });
  if (status?.pid === undefined) throw new Error(`${name} does not run`);
  return status.pid;
}

/** Memory of the server and its processes, what it holds open, and what it does while nobody asks for anything. */
export async function serverFigures(stores: StoresOptions, name: StoreName): Promise<Figure[]> {
  const { bytes, number, seconds } = figuresOf(name);
  const pid = await pidOf(stores, name);
  const pause = 10;
  const before = usageOf([pid]);
  await setTimeout(pause * 1000);
  const after = usageOf([pid]);
  return [
    bytes("memory", after.memory.all),
    bytes("memory that is no file's", after.memory.own),
    number("open files", readdirSync(`/proc/${pid}/fd`).length),
    number("memory mappings", readFileSync(`/proc/${pid}/maps`, "utf8").split("\n").length - 1),
    number("threads", readdirSync(`/proc/${pid}/task`).length),
    seconds("processor time of an idle second", (after.cpu - before.cpu) / pause),
  ];
}

/** Stops the server and starts it again: seconds until it answers with credentials, and its memory then. */
export async function restartFigures(stores: StoresOptions, name: StoreName): Promise<Figure[]> {
  const { bytes, seconds } = figuresOf(name);
  const only = { ...stores, only: [name] };
  await stopStores(only);
  const took = await timed(() => startStores(only), 1);
  const { all, own } = usageOf([await pidOf(stores, name)]).memory;
  return [
    seconds("start until it answers", took),
    bytes("memory after the start", all),
    bytes("memory that is no file's, after the start", own),
  ];
}
