// tenant deprovision ID: what goes is said first.
import { Command } from "commander";

interface Options {
  readonly confirm?: string;
  readonly keepConfig?: true;
  readonly json?: true;
}

export function deprovisionCommand(): Command {
  return new Command("deprovision")
    .description("remove a tenant from every store, and prove that it is gone")
    .argument("<id>", "the tenant")
    .option("--confirm <id>", "the tenant's id again: delete it although it holds data")
    .option("--keep-config", "keep stacks/Pulumi.<id>.yaml; it goes on claiming the tenant's networks")
    .option("--json", "print what was deleted as JSON")
    .addHelpText(
      "after",
      `
Refuses to delete data without --confirm (or allowDestroy: true in the tenant's stack file). Deletes the stack and its file.
The audit log keeps the tenant's events and reports. Goes on where an interrupted run stopped.

Example: npm run tenant -- deprovision initech --confirm initech`,
    )
    .action(deprovision);
}

async function deprovision(id: string, { confirm, keepConfig, json }: Options): Promise<void> {
  const { Problem } = await import("../errors.ts");
  const { idProblem, tenantNames } = await import("../../components/names.ts");
  const { unknownTenant } = await import("../tenants.ts");
  if (idProblem(id) !== undefined) throw await unknownTenant(id);
  if (confirm !== undefined && confirm !== id) {
    throw new Problem(`--confirm ${confirm} is not ${id}. Nothing was deleted. Repeat the id: --confirm ${id}`);
  }
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(id);
  const { note, say, sayJson } = await import("../output.ts");
  const { dataOf, deprovisionTenant, refusal } = await import("../engine/deprovision.ts");
  const { allowsDestroy, isAdopting } = await import("../engine/stack-file.ts");
  const { findStack } = await import("../engine/workspace.ts");
  const { describeCounts } = await import("../../providers/clients/traces.ts");

  const stack = await findStack(id);
  if (stack === undefined) throw await withoutStack(id);
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

  const { bucket, database, collection, keyPrefix } = tenantNames(id);
  note(
    `Removing bucket ${bucket}, database ${database}, collection ${collection}, keys ${keyPrefix}* (${describeCounts(counts)})`,
  );
  const { withInterrupts } = await import("../engine/interrupt.ts");
  const { beginProgress } = await import("../progress.ts");
  const progress = await beginProgress(`Removing tenant ${id}`);
  await withInterrupts(() =>
    deprovisionTenant(stack, { confirmed, keepConfig: keepConfig === true }, progress),
  ).finally(progress.end);

  const event = await lastEventOf(id);
  if (json) return sayJson({ tenant_id: id, deleted: counts, event: event ?? null });
  say(`Tenant ${id} is gone: every store was asked. Deleted: ${describeCounts(counts)}.`);
  if (event?.event_type === "TENANT_DEPROVISIONED") say(`Recorded: ${event.event_type} ${event.event_id}`);
}

/** There is no stack: a mistyped id, or a tenant whose state is elsewhere. */
async function withoutStack(id: string): Promise<Error> {
  const { tenantNames } = await import("../../components/names.ts");
  const { servers } = await import("../../providers/clients/servers.ts");
  const { listTraces, tracesOf } = await import("../../providers/clients/traces.ts");
  const { unknownTenant } = await import("../tenants.ts");
  const traces = await tracesOf(tenantNames(id), servers(), { keys: true });
  if (traces.length === 0) return unknownTenant(id);
  const { Problem } = await import("../errors.ts");
  return new Problem(
    `Tenant ${id} has no stack in ${process.env["PULUMI_BACKEND_URL"] ?? "Pulumi's backend"}, but it exists: ` +
      `${listTraces(traces)}. Nothing was deleted. Use the backend it was made with: set PULUMI_BACKEND_URL`,
  );
}

async function lastEventOf(id: string): Promise<{ event_type: string; event_id: string } | undefined> {
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { lastEvent } = await import("../../providers/clients/audit.ts");
  const found = await withPlatform((client) => lastEvent(client, id));
  return found === undefined ? undefined : { event_type: found.event_type, event_id: found.event_id };
}
