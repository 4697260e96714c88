// One tenant at a time: made, looked at, brought up again, taken away; beside the runbook and an empty program.
import { repeat } from "./repeat.ts";
import { row, type Row } from "./results.ts";
import type { World } from "./world.ts";

const quick = ["--yes", "--skip-preview"];

/** @param tell gets all rows so far */
export async function measureOne(world: World, runs: number, tell: (rows: readonly Row[]) => void): Promise<void> {
  const { pulumi, emptyPulumi, runbook, tenant } = world;
  const rows: Row[] = [];
  const add = (...more: Row[]): void => {
    rows.push(...more);
    tell(rows);
  };
  const times = (title: string, command: Parameters<typeof repeat>[3]) => repeat(world, title, runs, command);

  await world.measure(emptyPulumi("stack", "init", "empty"));
  const floor = await times("empty program, up", () => emptyPulumi("up", "--stack", "empty", ...quick));
  const floorPreview = await times("empty program, preview", () => emptyPulumi("preview", "--stack", "empty"));

  const book = (index: number): string => `book${index}`;
  const made = await times("runbook, provision and verify", (index) =>
    world.shell(`"$runbook" provision ${book(index)}; "$runbook" verify ${book(index)}`),
  );
  const removed = await times("runbook, deprovision", (index) => runbook("deprovision", book(index)));

  for (let index = 0; index < runs; index += 1) {
    world.writeTenant(`plain${index}`, `10.${index}.0.0/16`);
    await world.measure(pulumi("stack", "init", `plain${index}`));
  }
  const of = (index: number): string[] => ["--stack", `plain${index}`];
  const up = await times("new tenant, pulumi up", (index) => pulumi("up", ...of(index), ...quick));
  const besideMade = "runbook, provision and verify";
  add(row("new tenant: pulumi up", up, besideMade, made, { target: 2 }));
  const again = await times("unchanged, pulumi up", (index) => pulumi("up", ...of(index), ...quick));
  add(row("unchanged: pulumi up", again, "empty program, up", floor));
  const preview = await times("unchanged, pulumi preview", (index) => pulumi("preview", ...of(index)));
  add(row("unchanged: pulumi preview", preview, "empty program, preview", floorPreview, { target: 1.7 }));
  const destroyed = await times("pulumi destroy", (index) => pulumi("destroy", ...of(index), ...quick));
  add(row("pulumi destroy", destroyed, "runbook, deprovision", removed));

  const network = (index: number): string[] => ["--network", `10.${100 + index}.0.0/16`];
  const provisioned = await times("new tenant, tenant provision", (index) =>
    tenant("provision", `typed${index}`, ...network(index)),
  );
  add(row("new tenant: tenant provision", provisioned, besideMade, made, { target: 2 }));
  const gone = await times("tenant deprovision", (index) => tenant("deprovision", `typed${index}`));
  add(row("tenant deprovision", gone, "runbook, deprovision", removed));
}
