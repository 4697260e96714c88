// Processes as /proc shows them: what they used of the processor, and what memory they hold.
import { existsSync, readdirSync, readFileSync } from "node:fs";

/** Whether this machine has /proc. Without it only wall-clock time is measured. */
export const hasProc = existsSync("/proc/self/stat");

/** Linux counts processor time in hundredths of a second, on every architecture of today. */
const ticksPerSecond = 100;

/** One process, at one moment. */
export interface Process {
  readonly pid: number;
  readonly parent: number;
  /** Ticks since boot; with the pid, nobody else's. */
  readonly started: number;
  /** Processor time of its own, user and system. Seconds. */
  readonly own: number;
  /** The same of its children that have ended, and that it waited for; with theirs. Seconds. */
  readonly ended: number;
}

/** Undefined when there is no such process. */
export function processOf(pid: number | "self"): Process | undefined {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The program's name, in parentheses, may hold anything.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const field = (number: number): number => Number(fields[number - 3]);
  return {
    pid: Number.parseInt(text, 10),
    parent: field(4),
    started: field(22),
    own: (field(14) + field(15)) / ticksPerSecond,
    ended: (field(16) + field(17)) / ticksPerSecond,
  };
}

/** All processes. */
export function everyProcess(): Process[] {
  return readdirSync("/proc").flatMap((name) => (/^\d+$/.test(name) ? (processOf(Number(name)) ?? []) : []));
}

/** These processes and all that they started, as far as the one in between is still there. */
export function withDescendants(all: readonly Process[], roots: ReadonlySet<number>): Process[] {
  const found = new Set(roots);
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return all.filter(({ pid }) => found.has(pid));
}

/** Memory of a process. Bytes. */
export interface Memory {
  /** All that it holds, of what it shares with others its part (PSS). */
  readonly all: number;
  /** What is no page of a file: the system cannot take it away when memory is short. */
  readonly own: number;
}

/** Nothing when it has ended. */
export function memoryOf(pid: number): Memory {
  let text = "";
  try {
    text = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  } catch {
    // It has ended meanwhile.
  }
  const field = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? 0) * 1024;
  return { all: field("Pss"), own: field("Pss_Anon") };
}

/** Memory and processor time of servers with their children, at one moment. */
export function usageOf(pids: readonly number[]): { readonly cpu: number; readonly memory: Memory } {
  const tree = hasProc ? withDescendants(everyProcess(), new Set(pids)) : [];
  const memory = tree.map(({ pid }) => memoryOf(pid));
  const sumOf = (part: keyof Memory): number => memory.reduce((sum, one) => sum + one[part], 0);
  return {
    cpu: tree.reduce((sum, { own, ended }) => sum + own + ended, 0),
    memory: { all: sumOf("all"), own: sumOf("own") },
  };
}
