// What a whole command takes: time, processor time, memory; and what the stores do meanwhile.
import { execFile } from "node:child_process";
import { everyProcess, hasProc, memoryOf, processOf, usageOf, withDescendants, type Process } from "./processes.ts";

/** One command and where it runs. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** What a command took. Without /proc the seconds only. */
export interface Cost {
  /** Wall-clock time. */
  readonly seconds: number;
  /** Processor time, user and system, of the command and everything it started. Seconds. */
  readonly cpu?: number;
  /** The same of the stores, meanwhile: also what they do by themselves. Seconds. */
  readonly storesCpu?: number;
  /** The most that the command and everything it started held at one of the looks, five a second. Bytes (PSS). None under a second. */
  readonly memory?: number;
  /** The most that the command's own process held. Bytes (PSS). */
  readonly ownMemory?: number;
}

const lookEvery = 200;

/** Looks at a command and everything it started, until it is told that it has ended. */
class Observer {
  memory = 0;
  ownMemory = 0;
  private readonly pid: number;
  /** The newest view of each process, by pid and start. */
  private readonly seen = new Map<string, Process>();
  private readonly timer: NodeJS.Timeout;

  constructor(pid: number) {
    this.pid = pid;
    this.look();
    this.timer = setInterval(() => this.look(), lookEvery);
  }

  private look(): void {
    const all = everyProcess();
    // Also those whose parent has ended meanwhile.
    const roots = new Set([this.pid, ...all.filter((one) => this.seen.has(keyOf(one))).map(({ pid }) => pid)]);
    const tree = withDescendants(all, roots);
    for (const one of tree) this.seen.set(keyOf(one), one);
    const memory = tree.map(({ pid }) => memoryOf(pid).all);
    this.memory = Math.max(
      this.memory,
      memory.reduce((sum, one) => sum + one, 0),
    );
    this.ownMemory = Math.max(this.ownMemory, memory[tree.findIndex(({ pid }) => pid === this.pid)] ?? 0);
  }

  /** Processor time that nobody waited for: of those that outlived their parent. Seconds. */
  end(): number {
    clearInterval(this.timer);
    const pids = new Set([process.pid, ...[...this.seen.values()].map(({ pid }) => pid)]);
    return [...this.seen.values()].reduce((sum, last) => {
      const now = processOf(last.pid);
      if (now !== undefined && keyOf(now) === keyOf(last)) return sum + now.own + now.ended;
      return pids.has(last.parent) ? sum : sum + last.own + last.ended;
    }, 0);
  }
}

const keyOf = ({ pid, started }: Process): string => `${pid} ${started}`;

/**
 * Runs the command. One at a time: the processor time of children is this process's.
 * @param stores process ids of the servers
 * @throws Error with its output when it fails.
 */
export async function measure({ program, args, cwd, env }: Command, stores: readonly number[] = []): Promise<Cost> {
  const childrenBefore = processOf("self")?.ended ?? 0;
  const storesBefore = usageOf(stores).cpu;
  const started = performance.now();
  let observer: Observer | undefined;
  await new Promise<void>((done, fail) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 28 };
    const child = execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) done();
      else fail(new Error(`${program} ${args.join(" ")} failed:\n${stdout}\n${stderr}`));
    });
    if (hasProc && child.pid !== undefined) observer = new Observer(child.pid);
  }).finally(() => observer?.end());
  const seconds = (performance.now() - started) / 1000;
  if (observer === undefined) return { seconds };
  // Of a shorter one there are too few looks.
  const memory = seconds >= 1 && { memory: observer.memory, ownMemory: observer.ownMemory };
  return {
    seconds,
    cpu: (processOf("self")?.ended ?? 0) - childrenBefore + observer.end(),
    storesCpu: usageOf(stores).cpu - storesBefore,
    ...memory,
  };
}

/** The middle one of several measurements. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** The median of each part of several costs. */
export function medianCost(costs: readonly Cost[]): Cost {
  const parts = [...new Set(costs.flatMap((cost) => Object.keys(cost)))] as (keyof Cost)[];
  const medians = parts.map((part) => [part, median(costs.flatMap((cost) => cost[part] ?? []))]);
  return { seconds: Number.NaN, ...(Object.fromEntries(medians) as Partial<Cost>) };
}
