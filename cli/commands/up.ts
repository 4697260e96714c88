// tenant up: pulumi up of the tenants that have a stack file.
import { Command } from "commander";
import { addFleetOptions, type FleetOptions } from "../fleet/options.ts";

export function upCommand(): Command {
  const command = new Command("up")
    .description("bring tenants to what their stack files and the program say; makes those that are new")
    .argument("[ids...]", "tenants that have a file in stacks/; platform, too");
  return addFleetOptions(command)
    .option("--json", "print the outcomes as JSON")
    .addHelpText(
      "after",
      `
The platform stack goes first where it is among them (--all), then the canary, then the rest; tenants of a placement wait for its
platform stack. A new tenant whose run fails is taken back, and its file stays. Ctrl-C begins no more: what runs is taken back, or stops
where the next run goes on. Exit code 1 when any failed, with the command that does only those again. Safe to repeat.

Examples:
  npm run tenant -- up --all --canary acme
  npm run tenant -- up --select 'plan=gold,region!=us' --parallel 4
  npm run tenant -- up --changed-since origin/main`,
    )
    .action(up);
}

async function up(ids: readonly string[], options: FleetOptions): Promise<void> {
  const { upStack } = await import("../engine/up.ts");
  const { writePlatformFiles } = await import("../engine/platforms.ts");
  await writePlatformFiles(ids);
  const { runFleet } = await import("../fleet/run.ts");
  const { findTargets } = await import("../fleet/targets.ts");
  const order = await findTargets(ids, options, { source: "files", withPlatform: "first" });
  await runFleet(
    {
      name: "up",
      doing: "Bringing up",
      work: upStack,
      failed: () => false,
      said: (outcome) => outcome,
      json: (outcome) => ({ change: outcome }),
    },
    order,
    options,
  );
}
