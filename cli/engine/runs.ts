// The runs of pulumi that commands of this checkout began. pulumi's lock says who holds a stack, not whether he still lives: with
// these records a command can tell a run that is at work from what a killed one left behind.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { identify, isAlive, link, processIds, type Identity } from "../../local/identity.ts";
import { withLock } from "../../local/lock.ts";
import { localDir } from "../../toolchain/paths.ts";
import { note } from "../output.ts";
import type { LockHolder } from "./command.ts";

interface Run {
  readonly stack: string;
  readonly pulumi: Identity;
  /** What works for it outside of its session (cli/host/). */
  readonly host?: Identity;
  /** The command that began it. */
  readonly command: Identity;
  /** Where these process ids mean something: containers may share a checkout. */
  readonly namespace: string;
}

const folder = join(localDir, "runs");
const fileOf = (pid: number): string => join(folder, `${pid}.json`);
const namespace = (): string | undefined => link(process.pid, "ns/pid");

/** What takes a stack's lock. */
const locking = [
  ...["up", "destroy", "refresh", "import", "preview"],
  ...["stack init", "stack import", "stack rm", "state unprotect"],
];

/** How a run ended: a killed one may have left a lock, one that succeeded had the stack for itself. */
export type RunEnd = "killed" | "failed" | "succeeded";

/** The stack that pulumi is called for; empty when it is not named. */
export function stackIn(args: readonly string[]): string {
  return (args.includes("--stack") ? args[args.indexOf("--stack") + 1] : args[0] === "stack" ? args[2] : "") ?? "";
}

/** Records a run that may take a lock, until the returned function is called with how it ended. */
export function recordRun(
  pid: number | undefined,
  args: readonly string[],
  hostPid: number | undefined,
): (end: RunEnd) => void {
  const [run, command, space] = [pid === undefined ? undefined : identify(pid), identify(process.pid), namespace()];
  const takesLock = locking.some((one) => args.slice(0, one.split(" ").length).join(" ") === one);
  if (!takesLock || run === undefined || command === undefined || space === undefined) return () => undefined;
  const stack = stackIn(args);
  mkdirSync(folder, { recursive: true });
  const host = hostPid === undefined ? undefined : identify(hostPid);
  const record: Run = { stack, pulumi: run, ...(host && { host }), command, namespace: space };
  writeFileSync(fileOf(run.pid), JSON.stringify(record));
  return (end) => {
    if (end !== "killed") rmSync(fileOf(run.pid), { force: true });
    // Nobody held the stack but this one.
    if (end === "succeeded") forgetDead(stack);
  };
}

/** For when no lock of the stack is left: then none needs a dead run's record to be understood. */
export function forgetDead(stack: string): void {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const run = readRun(join(folder, name));
    if (run?.stack === stack && !isAlive(run.pulumi)) rmSync(join(folder, name), { force: true });
  }
}

/** undefined: there is none, or it is half written. */
function readRun(file: string): Run | undefined {
  try {
    return JSON.parse(readFileSync(file, "utf8")) as Run;
  } catch {
    return undefined;
  }
}

function recordOf({ host, pid }: LockHolder): Run | undefined {
  if (host !== hostname()) return undefined;
  const run = readRun(fileOf(pid));
  if (run === undefined) return undefined;
  const [here, now] = [namespace(), identify(process.pid)];
  return here === run.namespace || now?.bootId !== run.pulumi.bootId ? run : undefined;
}

/**
 * Releases a lock that killed commands of this checkout left: ends what is left of them, then calls `cancel`.
 * False when a holder lives, or is not known here: then the lock is somebody's.
 */
export async function releaseAbandoned(
  holders: readonly LockHolder[],
  cancel: () => Promise<unknown>,
): Promise<boolean> {
  if (!areAbandoned(holders)) return false;
  // One at a time: a second command that came to the same conclusion must not cancel the first one's next run.
  await withLock(
    folder,
    () => undefined,
    async () => {
      if (!areAbandoned(holders)) return;
      note("An earlier command was killed in the middle; taking over what it left.");
      await Promise.all(holders.flatMap((holder) => recordOf(holder) ?? []).map(end));
      await cancel();
      for (const { pid } of holders) rmSync(fileOf(pid), { force: true });
    },
  );
  return true;
}

function areAbandoned(holders: readonly LockHolder[]): boolean {
  const runs = holders.map(recordOf);
  return runs.length > 0 && runs.every((run) => run !== undefined && !(isAlive(run.pulumi) && isAlive(run.command)));
}

/** Told to stop, it finishes what it is at and writes it down; it cannot be waited for for ever. */
async function end({ pulumi, host }: Run): Promise<void> {
  if (isAlive(pulumi)) process.kill(pulumi.pid, "SIGINT");
  for (const deadline = Date.now() + 30_000; isAlive(pulumi) && Date.now() < deadline;) await sleep(50);
  if (isAlive(pulumi)) process.kill(pulumi.pid, "SIGKILL");
  endSession(pulumi.pid);
  if (host !== undefined && isAlive(host)) process.kill(host.pid, "SIGKILL");
}

/** Plugins outlive a pulumi that was killed, and one may still be at work. They are in the session that pulumi led. */
export function endSession(session: number): void {
  if (process.platform !== "linux") return;
  for (const pid of processIds()) {
    try {
      // "pid (name) state parent group session …"; a name may hold spaces and brackets.
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      if (Number(fields[3]) === session) process.kill(pid, "SIGKILL");
    } catch {
      // It ended meanwhile.
    }
  }
}
