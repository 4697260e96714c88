// tenant suspend ID and tenant resume ID: a setting in the stack file, and the pulumi up that makes it so.
import { Command } from "commander";
import type { Suspension } from "../engine/suspension.ts";

interface Options {
  readonly reason?: string;
  readonly json?: true;
}

export function suspendCommand(): Command {
  return new Command("suspend")
    .description("shut a tenant out of every store at once, open connections too; nothing is deleted")
    .argument("<id>", "the tenant")
    .option("--reason <text>", "why, for the registry and the audit log")
    .option("--json", "print the outcome and the verification report as JSON")
    .addHelpText(
      "after",
      `
Sets suspended: true in stacks/Pulumi.<id>.yaml and runs pulumi up; a pull request that sets it does the same. Ends with a
verification: every server refuses the tenant's valid credentials. A store that is down keeps none of the others open.
Safe to repeat.

Example: npm run tenant -- suspend initech --reason "invoice 4711"`,
    )
    .action((id: string, options: Options) => change(id, true, options));
}

export function resumeCommand(): Command {
  return new Command("resume")
    .description("let a suspended tenant in again, with the credentials it had")
    .argument("<id>", "the tenant")
    .option("--json", "print the outcome and the verification report as JSON")
    .addHelpText(
      "after",
      `
Takes suspended out of stacks/Pulumi.<id>.yaml and runs pulumi up, which ends with the ordinary verification. Safe to repeat.

Example: npm run tenant -- resume initech`,
    )
    .action((id: string, options: Options) => change(id, false, options));
}

async function change(id: string, suspended: boolean, { reason, json }: Options): Promise<void> {
  const { idProblem } = await import("../../components/names.ts");
  const { unknownTenant } = await import("../tenants.ts");
  if (idProblem(id) !== undefined) throw await unknownTenant(id);
  const { findStack } = await import("../engine/workspace.ts");
  const stack = await findStack(id);
  if (stack === undefined) throw await unknownTenant(id);
  const { planSuspension } = await import("../engine/stack-file.ts");
  const edit = await planSuspension(id, { suspended, reason });
  const { resumeTenant, suspendTenant } = await import("../engine/suspension.ts");
  const { withInterrupts } = await import("../engine/interrupt.ts");
  const { beginProgress } = await import("../progress.ts");
  const progress = await beginProgress(`${suspended ? "Suspending" : "Resuming"} tenant ${id}`);
  const run = suspended ? suspendTenant : resumeTenant;
  const outcome = await withInterrupts(() => run(stack, edit, progress)).finally(progress.end);

  const { storedReport } = await import("./provision.ts");
  const report = await storedReport(id);
  const { say, sayJson } = await import("../output.ts");
  if (json) return sayJson({ tenant_id: id, outcome, verification: report ?? null });
  if (report !== undefined) {
    const { formatReport } = await import("../verify/index.ts");
    say(await formatReport(report));
  }
  say(said(id, suspended, outcome));
}

function said(id: string, suspended: boolean, outcome: Suspension): string {
  if (outcome === "unchanged") {
    return suspended
      ? `Tenant ${id} was suspended before: nothing changed.`
      : `Tenant ${id} was not suspended: nothing changed.`;
  }
  return suspended
    ? `Tenant ${id} is suspended: its credentials open nothing, its data are kept. Let it in again: npm run tenant -- resume ${id}`
    : `Tenant ${id} is let in again, with the credentials it had.`;
}
