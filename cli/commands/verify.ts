// tenant verify ID: proves the isolation with the tenant's own credentials. The Pulumi program runs the same command.
import { Command, Option } from "commander";
import type { Check } from "../verify/report.ts";

interface Options {
  readonly expect?: "active" | "suspended";
  readonly json?: true;
}

export function verifyCommand(): Command {
  return new Command("verify")
    .description("prove with the tenant's own credentials that it reaches its own stores and no other tenant's")
    .argument("<id>", "the tenant")
    .addOption(
      new Option("--expect <status>", "what to prove; without it, what the registry says it is").choices([
        "active",
        "suspended",
      ]),
    )
    .option("--json", "print the report as JSON")
    .addHelpText(
      "after",
      `
Of a suspended tenant it proves that every server refuses its valid credentials, and that its data are there. Leaves nothing behind in the tenant's stores. The report is kept in the platform database.
Exit code 0: every check passed. 1: the tenant is not isolated, or nothing could be proved.

Example: npm run tenant -- verify acme`,
    )
    .action(verify);
}

async function verify(id: string, { expect, json }: Options): Promise<void> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(id);
  const { requireTenant } = await import("../tenants.ts");
  await requireTenant(id);
  const { formatReport, verifyAndStore } = await import("../verify/index.ts");
  const { complain, say, sayJson } = await import("../output.ts");
  const { configuredRecipients } = await import("../recipients.ts");
  // The program says which; a person's run reads the stack's file.
  const told = process.env["TENANT_RECIPIENTS"];
  const extraRecipients = told ? told.split(",") : configuredRecipients(id);
  const suspended = expect === undefined ? await registeredAsSuspended(id) : expect === "suspended";
  const { report, problem } = await verifyAndStore(id, { suspended, extraRecipients });
  if (json) {
    sayJson(report);
    for (const check of report.checks) if (!check.pass) complain(failed(check));
  } else {
    say(await formatReport(report));
  }
  if (problem !== undefined) complain(`The report was not stored: ${problem}`);
  if (!report.overall_pass || problem !== undefined) process.exitCode = 1;
}

/** `redis cross_tenant_prefix: ALLOWED (expected DENIED): not refused: write` */
export function failed({ store, test, result, expected, detail }: Check): string {
  return `${store} ${test}: ${result} (expected ${expected})${detail === "" ? "" : `: ${detail}`}`;
}

async function registeredAsSuspended(id: string): Promise<boolean> {
  const { isSuspended } = await import("../tenants.ts");
  return isSuspended(id);
}
