// tenant deletion-report ID: the proof that a tenant is gone.
import { Command } from "commander";

interface Options {
  readonly json?: true;
}

export function deletionReportCommand(): Command {
  return new Command("deletion-report")
    .description("what was deleted of a tenant, and what every server answered afterwards")
    .argument("<id>", "the tenant that was")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
The report of the last deletion, also after a plain pulumi destroy. Exit code 1 when it is not the one whose hash is in the signed
audit log; whether the log itself is unbroken: tenant audit --verify.

Example: npm run tenant -- deletion-report initech`,
    )
    .action(deletionReport);
}

async function deletionReport(id: string, { json }: Options): Promise<void> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { deletionOf } = await import("../../providers/clients/deletion.ts");
  const { say, sayJson } = await import("../output.ts");
  const found = await withPlatform((client) => deletionOf(client, id));
  if (found === undefined) throw await noReport(id);
  const { formatDeletion } = await import("../audit/deletion.ts");
  if (json) sayJson(found);
  else say(formatDeletion(found));
  if (!found.unchanged) process.exitCode = 1;
}

async function noReport(id: string): Promise<Error> {
  const { Problem } = await import("../errors.ts");
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { lastEvent } = await import("../../providers/clients/audit.ts");
  const last = await withPlatform((client) => lastEvent(client, id));
  if (last === undefined) {
    const { unknownTenant } = await import("../tenants.ts");
    return unknownTenant(id);
  }
  const when = last.created_at.toISOString();
  return new Problem(
    "no-deletion-report",
    `Tenant ${id} has no deletion report: its last event is ${last.event_type} of ${when}. All: npm run tenant -- audit ${id}`,
  );
}
