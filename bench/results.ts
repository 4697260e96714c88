// What a run of the benchmarks found: rows with ratios, and how costs grow. Written as JSON after every measurement.
import { readFileSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, totalmem } from "node:os";
import { Problem } from "../errors/problem.ts";
import type { Cost } from "./measure.ts";
import type { StoresAt } from "./scale.ts";

export const partNames = ["one", "fleet", "growth", "scale"] as const;
export type PartName = (typeof partNames)[number];

/** One comparison. */
export interface Row {
  readonly what: string;
  readonly cost: Cost;
  /** What it is compared with. */
  readonly beside: string;
  readonly base: Cost;
  /** The part of the cost that the target is about. */
  readonly of: "seconds" | "ownMemory";
  /** That part of `cost`, divided by that of `base`. */
  readonly ratio: number;
  /** The same of the processor time. */
  readonly cpuRatio?: number;
  /** The ratio is to be this at most. */
  readonly target?: number;
}

/** Costs with so many tenants present. */
export interface GrowthPoint {
  readonly present: number;
  readonly provision: Cost;
  readonly unchanged: Cost;
  readonly verify: Cost;
  readonly list: Cost;
}

/** What one part found, as far as it came. */
export interface PartResult {
  readonly rows: readonly Row[];
  readonly growth?: readonly GrowthPoint[];
  readonly scale?: readonly StoresAt[];
  /** Why it stopped. */
  readonly error?: string;
  /** How long the part took. */
  readonly seconds?: number;
}

export interface Results {
  /** ISO 8601, UTC. */
  readonly started: string;
  readonly machine: { readonly processor: string; readonly cores: number; readonly memory: number };
  /** Measurements of each kind of one tenant; the median counts. */
  readonly runs: number;
  /** Tenants of the fleet. */
  readonly tenants: number;
  readonly parts: Readonly<Partial<Record<PartName, PartResult>>>;
}

export function newResults(runs: number, tenants: number): Results {
  const machine = { processor: cpus()[0]?.model ?? "unknown", cores: availableParallelism(), memory: totalmem() };
  return { started: new Date().toISOString(), machine, runs, tenants, parts: {} };
}

/** Compares a cost with another one. */
export function row(
  what: string,
  cost: Cost,
  beside: string,
  base: Cost,
  { target, of = "seconds" }: { readonly target?: number; readonly of?: Row["of"] } = {},
): Row {
  const cpu = cost.cpu !== undefined && base.cpu !== undefined && of === "seconds" && { cpuRatio: cost.cpu / base.cpu };
  const ratio = (cost[of] ?? Number.NaN) / (base[of] ?? Number.NaN);
  return { what, cost, beside, base, of, ratio, ...cpu, ...(target !== undefined && { target }) };
}

/** Of all parts, in their order. */
export function rowsOf({ parts }: Results): readonly Row[] {
  return [parts.one, parts.fleet, parts.growth].flatMap((part) => part?.rows ?? []);
}

export function writeResults(file: string, results: Results): void {
  writeFileSync(file, `${JSON.stringify(results, undefined, 2)}\n`);
}

/** @throws Problem when the file is not what `--json` writes. */
export function readResults(file: string): Results {
  try {
    const found = JSON.parse(readFileSync(file, "utf8")) as Results;
    if (typeof found.parts === "object" && typeof found.machine === "object") return found;
    throw new Error("it has no parts");
  } catch (cause) {
    throw new Problem(
      "usage",
      `${file} is not what npm run bench -- --json FILE writes (${(cause as Error).message}): leave out --from, or name another file`,
      { cause },
    );
  }
}
