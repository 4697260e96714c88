// What tenants that are only there cost: every store asked about itself, and the commands that have to do with all tenants, with
// more and more tenants present. For docs/scale.md.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { stateDir } from "../local/settings.ts";
import { diskOf, figuresOf, restartFigures, serverFigures, type Figure } from "./figures.ts";
import type { Cost } from "./measure.ts";
import { firstId, Population } from "./population.ts";
import { probes } from "./probes.ts";
import { during } from "./progress.ts";
import type { World } from "./world.ts";

/** Everything that was asked with so many tenants present. */
export interface StoresAt {
  readonly present: number;
  readonly figures: readonly Figure[];
}

const servers = ["minio", "postgresql", "qdrant", "redis"] as const;

/** @param tell gets everything so far */
export async function measureScale(
  world: World,
  counts: readonly number[],
  tell: (scale: readonly StoresAt[]) => void,
): Promise<void> {
  const population = await Population.begin(world);
  const found: StoresAt[] = [];
  for (const count of counts) {
    await population.growTo(count);
    const figures: Figure[] = [];
    const ask = async (what: string, work: () => Promise<readonly Figure[]>): Promise<void> => {
      figures.push(
        ...(await during(`${population.present} present: ${what}`, work, (some) => `${some.length} figures`)),
      );
      tell([...found, { present: population.present, figures }]);
    };
    await ask("servers at rest", async () =>
      (await Promise.all(servers.map((name) => serverFigures(world.stores, name)))).flat(),
    );
    for (const [name, probe] of Object.entries(probes)) {
      await ask(`${name}, asked`, () => probe(world.stores.dir ?? ""));
    }
    await ask("commands", () => commandFigures(world));
    for (const name of servers) await ask(`restart of ${name}`, () => restartFigures(world.stores, name));
    found.push({ present: population.present, figures });
  }
}

/** The cheapest of several. */
async function leastOf(times: number, work: () => Promise<Cost>): Promise<Cost> {
  const costs: Cost[] = [];
  for (let index = 0; index < times; index += 1) costs.push(await work());
  return costs.reduce((least, one) => ((one.cpu ?? 0) < (least.cpu ?? 0) ? one : least));
}

/** The commands that read what all tenants have in common, and one that is one tenant's. */
async function commandFigures(world: World): Promise<Figure[]> {
  const { seconds, bytes } = figuresOf("commands");
  const output = join(world.checkout, "tenants.prom");
  const commands = {
    "tenant list": world.tenant("list"),
    "tenant audit --verify": world.tenant("audit", "--verify"),
    "tenant metrics": world.tenant("metrics", "--output", output),
    "pulumi stack ls": world.pulumi("stack", "ls"),
    "tenant verify, one tenant": world.tenant("verify", firstId),
    "tenant drift, one tenant": world.tenant("drift", firstId),
    "tenant provision, one unchanged tenant": world.tenant("provision", firstId),
  };
  const times: Figure[] = [];
  for (const [what, command] of Object.entries(commands)) {
    // Not the time: that is the machine's business.
    const { cpu = Number.NaN } = await leastOf(3, () => world.measure(command));
    times.push(seconds(`processor time of ${what}`, cpu));
  }
  rmSync(output, { force: true });
  const state = await diskOf(join(stateDir(world.stores.dir ?? ""), ".pulumi"));
  const secrets = await diskOf(join(world.secrets, firstId));
  return [...times, bytes("state on disk", state.bytes), bytes("one tenant's secrets folder", secrets.bytes)];
}
