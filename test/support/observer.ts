// Looks at what is gone when a command has ended: command lines and environments of processes, temporary files.
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { Worker } from "node:worker_threads";

/** What was seen. */
export interface Observed {
  /** Of every process on the machine, the arguments with a space between. */
  readonly commandLines: readonly string[];
  /** Of every process that may be looked at: NAME=VALUE, with a zero byte between. */
  readonly environments: readonly string[];
}

/** Somebody who looks. */
export interface Observer {
  /** Waits until every process that runs now was looked at. */
  readonly look: () => Promise<void>;
  readonly end: () => Promise<Observed>;
}

/**
 * Begins to look at every process some hundred times a second, and to keep every file that appears in `folder`, also when it is
 * removed, as a second name in `keep` (of the same file system). A process or file that lives for less than a few milliseconds
 * may be missed.
 */
export async function observe(folder: string, keep: string): Promise<Observer> {
  for (const made of [folder, keep]) mkdirSync(made, { recursive: true });
  const worker = new Worker(new URL("observer-worker.ts", import.meta.url), { workerData: { folder, keep } });
  await once(worker, "message");
  const ask = async (what: "look" | "end"): Promise<unknown> => {
    const answer = once(worker, "message");
    worker.postMessage(what);
    return ((await answer) as unknown[])[0];
  };
  return {
    look: async () => void (await ask("look")),
    end: async () => (await ask("end")) as Observed,
  };
}
