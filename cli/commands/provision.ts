// tenant provision ID: the plan's sequence, with its rollback.
import { Command } from "commander";
import type { Report } from "../verify/report.ts";

interface Options {
  readonly network: readonly string[];
  readonly octet?: string;
  readonly placement?: string;
  readonly json?: true;
}

export function provisionCommand(): Command {
  return new Command("provision")
    .description("make a tenant, or bring it up to date: pulumi up, with rollback when the first one fails")
    .argument("<id>", "a-z and 0-9, up to 40 characters")
    .option(
      "--network <cidr>",
      "a network of the tenant; repeat it for more",
      (one: string, all: readonly string[]) => [...all, one],
      [],
    )
    .option("--octet <number>", "short for --network 10.<number>.0.0/16")
    .option("--placement <name>", "where it is to live, if not on the default placement: npm run tenant -- placements")
    .option("--json", "print the outcome and the verification report as JSON")
    .addHelpText(
      "after",
      `
Writes stacks/Pulumi.<id>.yaml (a file that exists keeps its other settings) and runs the steps: age key, credentials,
SOPS file, MinIO, PostgreSQL, Qdrant, Redis, verification, registry. When a step of a new tenant fails, what this run made
is removed in reverse order. A tenant that was provisioned before is never removed. Safe to repeat.

Example: npm run tenant -- provision initech --network 10.14.0.0/16 --network fd00:14::/48`,
    )
    .action(provision);
}

async function provision(id: string, { network, octet, placement, json }: Options): Promise<void> {
  const { warmUp } = await import("../host/index.ts");
  warmUp();
  const { withInterrupts } = await import("../engine/interrupt.ts");
  const { provisionTenant } = await import("../engine/provision.ts");
  const { planStackFile } = await import("../engine/stack-file.ts");
  const { beginProgress } = await import("../progress.ts");
  const edit = await planStackFile(id, {
    networks: network,
    ...(octet === undefined ? {} : { octet }),
    ...(placement === undefined ? {} : { settings: { placement } }),
  });
  if (placement !== undefined) {
    const { refuseMove } = await import("../placement.ts");
    await refuseMove(id, placement);
  }
  const progress = await beginProgress(`Provisioning tenant ${id}`);
  const outcome = await withInterrupts(() => provisionTenant(edit, progress)).finally(progress.end);

  const report = await storedReport(id);
  const { note, say, sayJson } = await import("../output.ts");
  if (json) return sayJson({ tenant_id: id, outcome, verification: report ?? null });
  if (report !== undefined) {
    const { formatReport } = await import("../verify/index.ts");
    say(await formatReport(report));
  }
  const done = {
    provisioned: "is provisioned",
    updated: "is up to date again",
    unchanged: "was up to date: nothing changed",
  };
  say(`Tenant ${id} ${done[outcome]}.`);
  note(
    `\nCredentials for its application: npm run tenant -- credentials ${id}\nPlanned changes: pulumi preview --stack ${id}`,
  );
}

/** The report that the tenant's registration rests on. */
export async function storedReport(id: string): Promise<Report | undefined> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(id);
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { latestReport } = await import("../../providers/clients/reports.ts");
  return withPlatform(async (client) => (await latestReport(client, id))?.report);
}
