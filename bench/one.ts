// One tenant at a time: made, looked at, brought up again, taken away; beside the runbook and an empty program.
import { inTurn } from "./repeat.ts";
import { row, type Row } from "./results.ts";
import type { World } from "./world.ts";

const quick = ["--yes", "--skip-preview"];
const names = {
  runbook: "runbook, provision and verify",
  deprovision: "runbook, deprovision",
  up: "empty program, up",
  preview: "empty program, preview",
} as const;

/** @param tell gets all rows so far */
export async function measureOne(world: World, runs: number, tell: (rows: readonly Row[]) => void): Promise<void> {
  const { pulumi, emptyPulumi, runbook, tenant } = world;
  const rows: Row[] = [];
  const add = (...more: Row[]): void => {
    rows.push(...more);
    tell(rows);
  };
  await world.measure(emptyPulumi("stack", "init", "empty"));
  for (let index = 0; index < runs; index += 1) {
    world.writeTenant(`plain${index}`, `10.${index}.0.0/16`);
    await world.measure(pulumi("stack", "init", `plain${index}`));
  }
  const book = (index: number): string => `book${index}`;
  const of = (index: number): string[] => ["--stack", `plain${index}`];
  const typed = (index: number): string => `typed${index}`;

  const made = await inTurn(world, runs, {
    [names.runbook]: (index) => world.shell(`"$runbook" provision ${book(index)}; "$runbook" verify ${book(index)}`),
    "pulumi up": (index) => pulumi("up", ...of(index), ...quick),
    "tenant provision": (index) => tenant("provision", typed(index), "--network", `10.${100 + index}.0.0/16`),
  });
  for (const command of ["pulumi up", "tenant provision"] as const) {
    add(row(`new tenant: ${command}`, made[command], names.runbook, made[names.runbook], { target: 2 }));
  }

  const again = await inTurn(world, runs, {
    [names.up]: () => emptyPulumi("up", "--stack", "empty", ...quick),
    "pulumi up": (index) => pulumi("up", ...of(index), ...quick),
  });
  add(row("unchanged: pulumi up", again["pulumi up"], names.up, again[names.up]));
  const looked = await inTurn(world, runs, {
    [names.preview]: () => emptyPulumi("preview", "--stack", "empty"),
    "pulumi preview": (index) => pulumi("preview", ...of(index)),
  });
  add(
    row("unchanged: pulumi preview", looked["pulumi preview"], names.preview, looked[names.preview], { target: 1.7 }),
  );

  const removed = await inTurn(world, runs, {
    [names.deprovision]: (index) => runbook("deprovision", book(index)),
    "pulumi destroy": (index) => pulumi("destroy", ...of(index), ...quick),
    "tenant deprovision": (index) => tenant("deprovision", typed(index)),
  });
  for (const command of ["pulumi destroy", "tenant deprovision"] as const) {
    add(row(command, removed[command], names.deprovision, removed[names.deprovision]));
  }
}
