// Many tenants by one command, as an operator types it, beside the runbook in a loop.
import { during, inWords } from "./progress.ts";
import { repeat } from "./repeat.ts";
import { row, type Row } from "./results.ts";
import type { World } from "./world.ts";
import type { Command, Cost } from "./measure.ts";

/** @param tell gets all rows so far */
export async function measureFleet(world: World, count: number, tell: (rows: readonly Row[]) => void): Promise<void> {
  const { tenant, emptyPulumi } = world;
  const rows: Row[] = [];
  const add = (one: Row): void => {
    rows.push(one);
    tell(rows);
  };
  const once = async (title: string, command: Command): Promise<Cost> =>
    during(title, () => world.measure(command), inWords);
  const inLoop = (steps: string): Command => world.shell(`for t in $(seq -f book%.0f 1 ${count}); do ${steps}; done`);

  const looped = await once(
    `runbook, ${count} tenants in a loop`,
    inLoop(`"$runbook" provision $t; "$runbook" verify $t`),
  );
  await world.measure(inLoop(`"$runbook" deprovision $t`));
  await world.measure(emptyPulumi("stack", "init", "empty"));
  const floor = await repeat(world, "empty program, up", 3, () =>
    emptyPulumi("up", "--stack", "empty", "--yes", "--skip-preview"),
  );

  const few = Math.max(1, Math.round(count / 5));
  for (let index = 0; index < count; index += 1) {
    const labels = `{fleet: bench, few: "${index < few ? "yes" : "no"}"}`;
    world.writeTenant(`fleet${index}`, `10.${index >> 8}.${index & 255}.0/24`, labels);
  }
  const all = ["--select", "fleet=bench"];
  const up = await once(`tenant up, ${count} new tenants`, tenant("up", ...all));
  add(row(`${count} new tenants: tenant up`, up, `runbook in a loop, ${count} tenants`, looped, { target: 1 }));
  const again = await once(`tenant up, ${count} unchanged tenants`, tenant("up", ...all));
  const floors = { seconds: floor.seconds * count, ...(floor.cpu !== undefined && { cpu: floor.cpu * count }) };
  add(row(`${count} unchanged tenants: tenant up`, again, `${count} × empty program, up`, floors));
  const fewer = await once(`tenant up, ${few} unchanged tenants`, tenant("up", "--select", "few=yes"));
  // The command's own process: what it starts, it starts --parallel times.
  const beside = `the same for ${few}`;
  add(row(`memory of tenant up for ${count}`, again, beside, fewer, { target: 1.2, of: "ownMemory" }));
  const preview = await once(`tenant preview, ${count} unchanged tenants`, tenant("preview", ...all, "--summary"));
  add(row(`${count} unchanged tenants: tenant preview`, preview, `${count} × empty program, up`, floors));
  const verified = await once(`tenant verify --all, ${count} tenants`, tenant("verify", "--all"));
  add(row(`${count} tenants: tenant verify --all`, verified, `runbook in a loop, ${count} tenants`, looped));
}
