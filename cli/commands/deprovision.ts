// tenant deprovision ID: what goes is said first.
import { Command } from "commander";

interface Options {
  readonly confirm?: string;
  readonly bar?: true;
  readonly reason?: string;
  readonly keepConfig?: true;
  readonly json?: true;
}

export function deprovisionCommand(): Command {
  return new Command("deprovision")
    .description("remove a tenant from every store, and prove that it is gone")
    .argument("<id>", "the tenant")
    .option("--confirm <id>", "the tenant's id again: delete it although it holds data")
    .option("--keep-config", "keep stacks/Pulumi.<id>.yaml; it goes on claiming the tenant's networks")
    .option("--bar", "also bar the id from being used again")
    .option("--reason <text>", "with --bar: why; it is recorded, and shown to who wants the id")
    .option("--json", "print the deletion report as JSON")
    .addHelpText(
      "after",
      `
Refuses to delete data without --confirm (or allowDestroy: true in the tenant's stack file). Deletes the stack and its file.
Keeps the tenant's events and a report of the deletion: tenant deletion-report ID. Goes on where an interrupted run stopped.

Example: npm run tenant -- deprovision initech --confirm initech`,
    )
    .action(deprovision);
}

async function deprovision(id: string, { confirm, keepConfig, bar, reason, json }: Options): Promise<void> {
  const { Problem } = await import("../errors.ts");
  const { idProblem, tenantNames } = await import("../../components/names.ts");
  const { unknownTenant } = await import("../tenants.ts");
  if (idProblem(id) !== undefined) throw await unknownTenant(id);
  if (confirm !== undefined && confirm !== id) {
    throw new Problem(`--confirm ${confirm} is not ${id}. Nothing was deleted. Repeat the id: --confirm ${id}`);
  }
  if (reason !== undefined && !bar) throw new Problem("--reason is for --bar. Nothing was deleted.");
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(id);
  const { note } = await import("../output.ts");
  const { dataOf, deprovisionTenant, finishDeprovision, refusal } = await import("../engine/deprovision.ts");
  const { allowsDestroy, isAdopting } = await import("../engine/stack-file.ts");
  const { findStack } = await import("../engine/workspace.ts");
  const { describeCounts } = await import("../../providers/clients/traces.ts");

  const stack = await findStack(id);
  if (stack === undefined) {
    await requireGone(id);
    const finished = await finishDeprovision(id, keepConfig === true);
    if (finished === undefined) throw await unknownTenant(id);
    note(`Tenant ${id} was gone already; what an interrupted run had left of Pulumi's state is removed too.`);
    if (bar) await barId(id, reason);
    return tell(id, json === true);
  }
  if (isAdopting(id)) {
    throw new Problem(
      `The adoption of tenant ${id} is not complete. Nothing was deleted. Finish it first: npm run tenant -- adopt ${id}. ` +
        `Or leave the tenant as it is: npm run tenant -- adopt ${id} --give-up`,
    );
  }
  const counts = await dataOf(id);
  const holdsData = Object.values(counts).some((count: number) => count > 0);
  const confirmed = confirm === id;
  if (holdsData && !confirmed && !allowsDestroy(id)) throw refusal(id, counts);

  // Before the id is free: nobody takes it in between.
  if (bar) await barId(id, reason);
  const { bucket, database, collection, keyPrefix } = tenantNames(id);
  note(
    `Removing bucket ${bucket}, database ${database}, collection ${collection}, keys ${keyPrefix}* (${describeCounts(counts)})`,
  );
  const { withInterrupts } = await import("../engine/interrupt.ts");
  const { beginProgress } = await import("../progress.ts");
  const progress = await beginProgress(`Removing tenant ${id}`);
  const { left } = await withInterrupts(() =>
    deprovisionTenant(stack, { confirmed, keepConfig: keepConfig === true }, progress),
  ).finally(progress.end);
  if (left !== null) note(`Pulumi's backend is not ours to clean: ${left} may still be there. Remove it.`);
  await tell(id, json === true);
}

async function barId(id: string, reason = ""): Promise<void> {
  const { bar } = await import("../../providers/clients/barred.ts");
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  await withPlatform((client) => bar(client, id, reason));
}

/** The end, and its proof. */
async function tell(id: string, json: boolean): Promise<void> {
  const { deletionOf } = await import("../../providers/clients/deletion.ts");
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { describeCounts } = await import("../../providers/clients/traces.ts");
  const { say, sayJson } = await import("../output.ts");
  const found = await withPlatform((client) => deletionOf(client, id));
  // Of an empty stack there is nothing to report.
  if (json) return sayJson(found ?? { tenant_id: id, report: null });
  const begun = found?.report.begun;
  say(`Tenant ${id} is gone: every store was asked.${begun ? ` Deleted: ${describeCounts(begun.deleted)}.` : ""}`);
  if (found?.event !== undefined) {
    say(`Recorded: ${found.event.event_type} ${found.event.event_id}`);
    say(`Report:   npm run tenant -- deletion-report ${id}`);
  }
}

/** There is no stack: of a tenant that is there, the state is elsewhere. */
async function requireGone(id: string): Promise<void> {
  const { tenantNames } = await import("../../components/names.ts");
  const { servers } = await import("../../providers/clients/servers.ts");
  const { listTraces, tracesOf } = await import("../../providers/clients/traces.ts");
  const traces = await tracesOf(tenantNames(id), servers(), { keys: true });
  if (traces.length === 0) return;
  const { Problem } = await import("../errors.ts");
  throw new Problem(
    `Tenant ${id} has no stack in ${process.env["PULUMI_BACKEND_URL"] ?? "Pulumi's backend"}, but it exists: ` +
      `${listTraces(traces)}. Nothing was deleted. Use the backend it was made with: set PULUMI_BACKEND_URL`,
  );
}
