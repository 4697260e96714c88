// tenant destroy: removes many tenants with their data. What they hold is said first, and the confirmation names them.
import { Command } from "commander";
import { addFleetOptions, type FleetOptions } from "../fleet/options.ts";

interface Options extends FleetOptions {
  readonly confirm?: string;
  readonly keepConfig?: true;
}

export function destroyCommand(): Command {
  const command = new Command("destroy")
    .description("remove tenants from every store, and prove that they are gone: deprovision, of many")
    .argument("[ids...]", "the tenants");
  return addFleetOptions(command, { changedSince: false })
    .option("--confirm <ids>", "the ids again, with commas, or the code that the command shows without it")
    .option("--keep-config", "keep the tenants' stack files; they go on claiming the networks")
    .option("--json", "print the outcomes as JSON")
    .addHelpText(
      "after",
      `
Without --confirm it only says what each tenant holds, and what to type: nothing is deleted. The confirmation is for exactly these
tenants: one more or one less needs another. Each deletion has its report: tenant deletion-report ID. A last export, or barring the id,
is for one tenant: tenant deprovision ID --export-to WHERE. Goes on where an interrupted run stopped.

Example: npm run tenant -- destroy --select plan=trial`,
    )
    .action(destroy);
}

async function destroy(ids: readonly string[], options: Options): Promise<void> {
  const { useStackConfig } = await import("../environment.ts");
  const { findTargets } = await import("../fleet/targets.ts");
  const { runFleet } = await import("../fleet/run.ts");
  const { confirmation, confirms, describeHeld, refuseUnconfirmed } = await import("../fleet/confirmation.ts");
  const { complain } = await import("../output.ts");
  await useStackConfig("platform");
  const order = await findTargets(ids, options, { source: "reserved" });
  const all = [...order.first, ...order.rest];
  const name = `destroy${options.keepConfig ? " --keep-config" : ""}`;
  if (all.length > 0) {
    complain(await describeHeld(await countAll(all, options)));
    if (!confirms(options.confirm, all))
      throw refuseUnconfirmed(options.confirm, all, `npm run tenant -- ${name} ${asked(ids, options)}`);
  }
  const { removeConfirmed } = await import("../engine/removal.ts");
  await runFleet(
    {
      name,
      doing: "Removing",
      work: async (id, reporter) => {
        await useStackConfig(id);
        return removeConfirmed(id, options.keepConfig === true, reporter);
      },
      failed: () => false,
      said: ({ outcome, left }) =>
        `${outcome}${left === null ? "" : `; Pulumi's backend is not ours to clean: ${left} may still be there`}`,
      json: ({ outcome, left }) => ({ change: outcome, state_left: left }),
      suffix: (some) => ` --confirm ${confirmation(some)}`,
    },
    order,
    options,
  );
}

/** What was asked for, as it is typed. */
function asked(ids: readonly string[], { all, select }: FleetOptions): string {
  return all ? "--all" : select === undefined ? ids.join(" ") : `--select '${select}'`;
}

/** What every tenant holds. @throws when a store does not answer: then nobody knows what would be lost */
async function countAll(ids: readonly string[], { parallel }: FleetOptions) {
  const { dataOf } = await import("../engine/deprovision.ts");
  const { useStackConfig } = await import("../environment.ts");
  const { defaultParallel } = await import("../fleet/options.ts");
  const { schedule } = await import("../fleet/scheduler.ts");
  const { inStackScope } = await import("../../providers/clients/stack-scope.ts");
  const { beginProgress } = await import("../progress.ts");
  const { plural } = await import("../output.ts");
  const progress = await beginProgress(`Counting what is held by ${plural(ids.length, "tenant")}`);
  const count = (id: string) =>
    inStackScope(async () => {
      await useStackConfig(id);
      return dataOf(id);
    });
  const counted = await schedule({ first: [], rest: ids }, count, {
    parallel: parallel ?? defaultParallel(),
    failFast: true,
    stopped: () => false,
    failed: () => false,
  }).finally(progress.end);
  return counted.map(({ id, result }) => {
    if (result.status === "done") return { id, counts: result.value };
    throw result.status === "failed" ? result.error : new Error(result.why);
  });
}
