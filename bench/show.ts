// The results for a person, as JSON and as a picture.
import { writeFileSync } from "node:fs";
import { table } from "../cli/output.ts";
import { drawResults } from "./plot.ts";
import { rowsOf, type Results, type Row } from "./results.ts";
import { scaleTable } from "./scale-table.ts";

/** Prints the tables, or JSON; draws where it is told to. */
export async function showResults(
  results: Results,
  { print, svg }: { readonly print: boolean; readonly svg?: string },
): Promise<void> {
  if (svg !== undefined) writeFileSync(svg, drawResults(results));
  if (print) return void process.stdout.write(`${JSON.stringify(results, undefined, 2)}\n`);
  const rows = rowsOf(results);
  if (rows.length > 0) {
    const head = ["what", "", "beside", "", "ratio", "processor", "target"];
    process.stdout.write(`${await table(head, rows.map(cells))}\n`);
  }
  const { scale } = results.parts.scale ?? {};
  if (scale !== undefined && scale.length > 0) process.stdout.write(`${await scaleTable(scale)}\n`);
  for (const [name, part] of Object.entries(results.parts)) {
    if (part.error === undefined) continue;
    process.stderr.write(
      `${name} failed. Measure it again: npm run bench -- --from .local/bench.json --only ${name}\n`,
    );
  }
}

function cells({ what, cost, beside, base, of, ratio, cpuRatio, target }: Row): string[] {
  const amount = (value: number | undefined): string =>
    value === undefined ? "–" : of === "seconds" ? `${value.toFixed(2)} s` : `${(value / 2 ** 20).toFixed(0)} MB`;
  return [
    ...[what, amount(cost[of]), beside, amount(base[of])],
    Number.isNaN(ratio) ? "–" : ratio.toFixed(2),
    cpuRatio?.toFixed(2) ?? "",
    target === undefined ? "" : `at most ${target}`,
  ];
}
