// The same measurement several times: the median counts.
import { medianCost, type Command, type Cost } from "./measure.ts";
import { during, inWords } from "./progress.ts";
import type { World } from "./world.ts";

/** Measures `command(0)`, `command(1)` … and returns the median. */
export async function repeat(
  world: World,
  title: string,
  runs: number,
  command: (index: number) => Command,
): Promise<Cost> {
  const measureAll = async (): Promise<Cost[]> => {
    const costs: Cost[] = [];
    for (let index = 0; index < runs; index += 1) costs.push(await world.measure(command(index)));
    return costs;
  };
  const costs = await during(title, measureAll, (found) => inWords(medianCost(found)));
  return medianCost(costs);
}
