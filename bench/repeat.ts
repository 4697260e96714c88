// The same measurement several times: the median counts.
import { medianCost, type Command, type Cost } from "./measure.ts";
import { during, inWords } from "./progress.ts";
import type { World } from "./world.ts";

type Commands<Name extends string> = Readonly<Record<Name, (index: number) => Command>>;

/** Measures `command(0)`, `command(1)` … and returns the median. */
export async function repeat<Name extends string>(
  world: World,
  title: Name,
  runs: number,
  command: (index: number) => Command,
): Promise<Cost> {
  const costs = await inTurn(world, runs, { [title]: command } as Commands<Name>);
  return costs[title];
}

/**
 * The medians of several commands that are to be compared. They take turns: a machine that others use, too, is now faster and now slower.
 * @param commands by what they are called
 */
export async function inTurn<Name extends string>(
  world: World,
  runs: number,
  commands: Commands<Name>,
): Promise<Record<Name, Cost>> {
  const titles = Object.keys(commands) as Name[];
  const measureAll = async (): Promise<Record<Name, Cost>> => {
    const costs = titles.map((): Cost[] => []);
    for (let index = 0; index < runs; index += 1) {
      for (const [position, title] of titles.entries())
        costs[position]?.push(await world.measure(commands[title](index)));
    }
    const medians = titles.map((title, position) => [title, medianCost(costs[position] ?? [])]);
    return Object.fromEntries(medians) as Record<Name, Cost>;
  };
  return during(titles.join(", "), measureAll, (found) => titles.map((title) => inWords(found[title])).join("; "));
}
