// What the next tenant costs with so many tenants present. Those present are rows of the stores (neighbours.ts): they cost the
// stores what tenants without data cost them, and nobody a run of pulumi.
import { Population } from "./population.ts";
import { repeat } from "./repeat.ts";
import { row, type GrowthPoint, type Row } from "./results.ts";
import type { World } from "./world.ts";

/** @param tell gets all rows and points so far */
export async function measureGrowth(
  world: World,
  { counts, runs }: { readonly counts: readonly number[]; readonly runs: number },
  tell: (rows: readonly Row[], growth: readonly GrowthPoint[]) => void,
): Promise<void> {
  const population = await Population.begin(world);
  const points: GrowthPoint[] = [];
  for (const count of counts) {
    await population.growTo(count);
    await settled(world);
    const { present } = population;
    const id = (index: number): string => `grown${present}n${index}`;
    const network = (index: number): string => `10.${1 + points.length}.${index}.0/24`;
    const times = (title: string, command: Parameters<typeof repeat>[3]) =>
      repeat(world, `${present} present: ${title}`, runs, command);
    const { tenant } = world;
    const provision = await times("tenant provision", (index) =>
      tenant("provision", id(index), "--network", network(index)),
    );
    const unchanged = await times("the same again", (index) => tenant("provision", id(index)));
    const verify = await times("tenant verify", (index) => tenant("verify", id(index)));
    const list = await times("tenant list", () => tenant("list"));
    population.provisioned(runs);
    points.push({ present, provision, unchanged, verify, list });
    tell(rowsOf(points), points);
  }
}

/** Waits until the stores have done what those that are present gave them to do: at most a fifth of a core for 5 s, or 2 minutes. */
async function settled(world: World): Promise<void> {
  for (let tries = 0; tries < 24; tries += 1) {
    const { storesCpu = 0 } = await world.measure(world.shell("sleep 5"));
    if (storesCpu <= 1) return;
  }
}

/** The last point beside the first. */
function rowsOf(points: readonly GrowthPoint[]): Row[] {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || first === last) return [];
  const beside = `with ${first.present} present`;
  const compared = (what: string, cost: keyof Omit<GrowthPoint, "present">, target?: number): Row =>
    row(
      `${what} with ${last.present} present`,
      last[cost],
      beside,
      first[cost],
      target === undefined ? {} : { target },
    );
  return [
    compared("tenant provision", "provision", 1.3),
    compared("unchanged tenant provision", "unchanged"),
    compared("tenant verify", "verify"),
    compared("tenant list", "list"),
  ];
}
