// `npm run bench`: what the program costs beside the plan as a shell runbook (the yardstick) and an empty Pulumi program (the floor),
// for one tenant, for many, and with many present; in one run, on stores of its own. Prints ratios, asserts nothing.
import { Command as Cli, InvalidArgumentError } from "commander";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { errorOutput, showError } from "../cli/errors.ts";
import { withLock } from "../local/lock.ts";
import { benchSteps, toolchainSteps } from "../toolchain/install.ts";
import { localDir } from "../toolchain/paths.ts";
import { runSteps } from "../toolchain/steps.ts";
import { measureParts } from "./parts.ts";
import { say } from "./progress.ts";
import { newResults, partNames, readResults, writeResults, type PartName, type Results } from "./results.ts";
import { showResults } from "./show.ts";

interface Options {
  readonly only?: readonly PartName[];
  readonly runs: number;
  readonly tenants: number;
  readonly neighbours?: readonly number[];
  readonly from?: string;
  readonly json?: true | string;
  readonly svg?: string;
}

const kept = join(localDir, "bench.json");

const program = new Cli("npm run bench --")
  .description("Measures the program beside the plan's shell runbook and an empty Pulumi program, and prints ratios.")
  .option("--only <parts>", `of ${partNames.join(", ")}, with commas (default: one,fleet,growth)`, partsOf)
  .option("--runs <n>", "measurements of each kind of one tenant; the median counts", wholeFrom(1), 3)
  .option("--tenants <n>", "tenants of the fleet", wholeFrom(1), 50)
  .option(
    "--neighbours <counts>",
    "growth and scale: tenants present, such as 10,100,500 (default: that; scale 1,100,500,1000)",
    countsOf,
  )
  .option("--from <file>", "begin with an earlier run's JSON and measure what --only names; without --only, nothing")
  .option("--json [file]", "write the results there, after every measurement; without a file, print them at the end")
  .option("--svg <file>", "draw them")
  .addHelpText(
    "after",
    `
one     a tenant made, looked at, brought up again, taken away
fleet   many tenants by one command, beside the runbook in a loop
growth  what the next tenant costs with 10, 100, 500 present (by default)
scale   what tenants that are only there cost each store: memory, disk, time; for docs/scale.md

Every part has stores of its own, 2,000 ports from those of the checkout, and removes them. A part that fails does not stop the
others: the exit code is then 1, and this measures it again and keeps the rest:

  npm run bench -- --from .local/bench.json --only PART

Results are always in .local/bench.json, too. For docs/performance.md:

  npm run bench -- --svg docs/performance.svg`,
  );

function partsOf(text: string): readonly PartName[] {
  const names = text.split(",");
  const unknown = names.filter((name) => !(partNames as readonly string[]).includes(name));
  if (unknown.length === 0) return names as PartName[];
  throw new InvalidArgumentError(`${unknown.join(", ")}: the parts are ${partNames.join(", ")}.`);
}

function wholeFrom(least: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (Number.isInteger(number) && number >= least && number <= 10_000) return number;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to 10000.`);
  };
}

function countsOf(text: string): readonly number[] {
  const counts = text.split(",").map(wholeFrom(1));
  if (counts.every((count, index) => index === 0 || count > (counts[index - 1] ?? 0))) return counts;
  throw new InvalidArgumentError("Each count must be greater than the one before.");
}

async function run({ only, runs, tenants, neighbours, from, json, svg }: Options): Promise<void> {
  const before = from === undefined ? newResults(runs, tenants) : readResults(from);
  const chosen = only ?? (from === undefined ? (["one", "fleet", "growth"] as const) : []);
  const results = chosen.length === 0 ? before : await measured(before, chosen);
  await showResults(results, { print: json === true, ...(svg !== undefined && { svg }) });
  const failed = chosen.filter((name) => results.parts[name]?.error !== undefined);
  if (failed.length > 0) process.exitCode = 1;

  async function measured(begin: Results, parts: readonly PartName[]): Promise<Results> {
    await runSteps([...toolchainSteps(), ...benchSteps()]);
    mkdirSync(localDir, { recursive: true });
    const files = [kept, ...(typeof json === "string" ? [json] : [])];
    const keep = (now: Results): void => files.forEach((file) => writeResults(file, now));
    // Two at a time would take each other's stores away, and measure each other.
    return withLock(
      kept,
      () => say("waiting for another run of the benchmarks to end"),
      () => measureParts({ ...begin, runs, tenants }, { parts, runs, tenants, neighbours }, keep),
    );
  }
}

try {
  await run(program.parse().opts<Options>());
} catch (error) {
  showError("bench", error, errorOutput(process.argv.slice(2)));
  process.exitCode = 1;
}
