// Runs the chosen parts, each in a world of its own, and keeps what they find as it comes.
import { measureFleet } from "./fleet.ts";
import { measureGrowth } from "./growth.ts";
import { measureOne } from "./one.ts";
import { during, say } from "./progress.ts";
import type { PartName, PartResult, Results } from "./results.ts";
import { measureScale } from "./scale.ts";
import { makeWorld, removeWorld, type World } from "./world.ts";

export interface Wanted {
  readonly parts: readonly PartName[];
  readonly runs: number;
  readonly tenants: number;
  /** Tenants present, for growth and scale. */
  readonly neighbours?: readonly number[] | undefined;
}

/** Says what a part has found so far. */
type Tell = (found: PartResult) => void;

type Part = (world: World, wanted: Wanted, tell: Tell) => Promise<void>;

const measures: Readonly<Record<PartName, Part>> = {
  one: (world, { runs }, tell) => measureOne(world, runs, (rows) => tell({ rows })),
  fleet: (world, { tenants }, tell) => measureFleet(world, tenants, (rows) => tell({ rows })),
  growth: (world, { runs, neighbours: counts = [10, 100, 500] }, tell) =>
    measureGrowth(world, { counts, runs }, (rows, growth) => tell({ rows, growth })),
  scale: (world, { neighbours: counts = [1, 100, 500, 1000] }, tell) =>
    measureScale(world, counts, (scale) => tell({ rows: [], scale })),
};

/**
 * Measures. A part that fails keeps what it found, with its error, and the next one begins.
 * @param keep gets the results after every measurement
 */
export async function measureParts(
  before: Results,
  wanted: Wanted,
  keep: (results: Results) => void,
): Promise<Results> {
  let results = before;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => void giveUp(signal));
  for (const name of wanted.parts) {
    const began = performance.now();
    let found: PartResult = { rows: [] };
    const tell: Tell = (now) => {
      const seconds = (performance.now() - began) / 1000;
      found = { ...now, seconds };
      results = { ...results, parts: { ...results.parts, [name]: found } };
      keep(results);
    };
    try {
      const world = await during(`${name}: stores and platform`, makeWorld, () => "ready");
      await measures[name](world, wanted, tell);
    } catch (error) {
      say(`${name} failed: ${(error as Error).message}`);
      tell({ ...found, error: (error as Error).message });
    } finally {
      await removeWorld().catch((error: unknown) =>
        say(`what ${name} made is still there: ${(error as Error).message}`),
      );
    }
  }
  return results;
}

/** What was measured so far is kept already. */
async function giveUp(signal: NodeJS.Signals): Promise<void> {
  say(`${signal}: the benchmarks' stores are removed`);
  await removeWorld();
  process.exit(1);
}
