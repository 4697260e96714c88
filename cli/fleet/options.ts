// The options that every command of many tenants has.
import { InvalidArgumentError, type Command } from "commander";
import { availableParallelism } from "node:os";

export interface FleetOptions {
  readonly all?: true;
  readonly select?: string;
  readonly changedSince?: string;
  readonly parallel?: number;
  readonly canary?: string;
  readonly failFast?: true;
  readonly json?: true;
}

/** Runs of pulumi keep a core busy each; the stores and this process need some of it, too. */
export const defaultParallel = (): number => Math.max(2, Math.min(16, availableParallelism()));

function parallelOf(text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1 && number <= 64) return number;
  throw new InvalidArgumentError("It must be a whole number from 1 to 64.");
}

/** Adds them. */
export function addFleetOptions(command: Command, { changedSince = true } = {}): Command {
  command
    .option("--all", "every tenant")
    .option("--select <labels>", "the tenants whose labels say so: k=v, k!=v or k, with commas for and")
    .option("--parallel <n>", `how many at a time (here ${defaultParallel()})`, parallelOf)
    .option("--canary <id>", "this one first, and no other when it fails")
    .option("--fail-fast", "begin no more after a failure; without it, nobody's failure stops another");
  if (changedSince)
    command.option("--changed-since <ref>", "those that git says a change touches: their stack file, or the program");
  return command;
}

/** Whether the command was asked for more than the tenants that are named. */
export const asksForMany = (ids: readonly string[], options: FleetOptions): boolean =>
  ids.length !== 1 || Object.keys(options).some((option) => forMany.includes(option));

const forMany = ["all", "select", "changedSince", "parallel", "canary", "failFast"];

/** The options that a retry of some tenants needs again, as they are typed. */
export function repeated({ parallel, failFast }: FleetOptions): string {
  return `${parallel === undefined ? "" : ` --parallel ${parallel}`}${failFast ? " --fail-fast" : ""}`;
}
