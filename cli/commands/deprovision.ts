// tenant deprovision ID: what goes is said first.
import { Command } from "commander";

interface Options {
  readonly confirm?: string;
  readonly exportTo?: string;
  readonly keyCopy?: string;
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
    .option(
      "--export-to <where>",
      "export it first, to a new folder or s3://BUCKET/PREFIX; without that nothing is deleted",
    )
    .option(
      "--key-copy <file>",
      "with --export-to: the tenant's private key in a new file; it opens the export afterwards",
    )
    .option("--bar", "also bar the id from being used again")
    .option("--reason <text>", "with --bar: why; it is recorded, and shown to who wants the id")
    .option("--json", "print the deletion report as JSON")
    .addHelpText(
      "after",
      `
Refuses to delete data without --confirm (or allowDestroy: true in the tenant's stack file). Deletes the stack and its file.
Keeps the tenant's events and a report of the deletion: tenant deletion-report ID. Goes on where an interrupted run stopped.

Example: npm run tenant -- deprovision initech --confirm initech --export-to /backup/initech --key-copy /safe/initech.age`,
    )
    .action(deprovision);
}

async function deprovision(id: string, options: Options): Promise<void> {
  const { confirm, keepConfig, exportTo, keyCopy, bar, reason, json } = options;
  const { Problem } = await import("../errors.ts");
  const { idProblem, tenantNames } = await import("../../components/names.ts");
  const { unknownTenant } = await import("../tenants.ts");
  if (idProblem(id) !== undefined) throw await unknownTenant(id);
  if (confirm !== undefined && confirm !== id) {
    throw new Problem(
      "usage",
      `--confirm ${confirm} is not ${id}. Nothing was deleted. Repeat the id: --confirm ${id}`,
    );
  }
  if (reason !== undefined && !bar) throw new Problem("usage", "--reason is for --bar. Nothing was deleted.");
  if (keyCopy !== undefined && exportTo === undefined)
    throw new Problem("usage", "--key-copy is for --export-to. Nothing was deleted.");
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(id);
  const { complain, note } = await import("../output.ts");
  const { dataOf, deprovisionTenant, finishDeprovision, refusal } = await import("../engine/deprovision.ts");
  const { allowsDestroy } = await import("../engine/stack-file.ts");
  const { findStack } = await import("../engine/workspace.ts");
  const { describeCounts } = await import("../../providers/clients/traces.ts");

  const stack = await findStack(id);
  if (stack === undefined) {
    const { requireNoTraces } = await import("../engine/removal.ts");
    await requireNoTraces(id);
    const finished = await finishDeprovision(id, keepConfig === true);
    if (finished === undefined) throw await unknownTenant(id);
    note(`Tenant ${id} was gone already; what an interrupted run had left of Pulumi's state is removed too.`);
    if (bar) await barId(id, reason);
    return tell(id, json === true);
  }
  const { refuseAdopting } = await import("../engine/removal.ts");
  refuseAdopting(id);
  const counts = await dataOf(id);
  const holdsData = Object.values(counts).some((count: number) => count > 0);
  const confirmed = confirm === id;
  if (holdsData && !confirmed && !allowsDestroy(id)) throw refusal(id, counts);

  if (exportTo !== undefined) await exportFirst(id, exportTo, keyCopy);
  // Before the id is free: nobody takes it in between.
  if (bar) await barId(id, reason);
  const { bucket, database, collection, keyPrefix } = tenantNames(id);
  // Said to who wants quiet too: it is about to be deleted.
  complain(
    `Removing bucket ${bucket}, database ${database}, collection ${collection}, keys ${keyPrefix}* (${describeCounts(counts)})`,
  );
  const { withInterrupts } = await import("../engine/interrupt.ts");
  const { beginProgress } = await import("../progress.ts");
  const progress = await beginProgress(`Removing tenant ${id}`);
  const { left } = await withInterrupts(() =>
    deprovisionTenant(stack, { confirmed, keepConfig: keepConfig === true }, progress),
  ).finally(progress.end);
  if (left !== null) complain(`Pulumi's backend is not ours to clean: ${left} may still be there. Remove it.`);
  await tell(id, json === true);
}

/** @throws when anything of the export fails: nothing is deleted then. */
async function exportFirst(id: string, to: string, keyCopy: string | undefined): Promise<void> {
  const { existsSync } = await import("node:fs");
  const { secretFiles } = await import("../../providers/clients/secrets-dir.ts");
  const { Problem } = await import("../errors.ts");
  const { note } = await import("../output.ts");
  if (!existsSync(secretFiles(id).key)) {
    throw new Problem(
      "tenant-incomplete",
      `Tenant ${id} is half deleted: its key is gone, so that nothing can be exported. Finish it without --export-to`,
    );
  }
  const { exportTenant } = await import("../snapshot/export.ts");
  const { beginProgress } = await import("../progress.ts");
  const progress = await beginProgress(`Exporting tenant ${id}`);
  const options = { mustOutlive: true, ...(keyCopy === undefined ? {} : { keyCopy }) };
  const { place, checksum } = await exportTenant(id, to, progress, options).finally(progress.end);
  note(`Exported to ${place} (SHA-256 of its manifest ${checksum})`);
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
