// tenant verify: proves the isolation with the tenant's own credentials. The Pulumi program runs the same command.
import { Command, Option } from "commander";
import { addFleetOptions, asksForMany, type FleetOptions } from "../fleet/options.ts";
import { failed, notStored } from "../verify/printed.ts";

interface Options extends FleetOptions {
  readonly expect?: "active" | "suspended";
}

export function verifyCommand(): Command {
  const command = new Command("verify")
    .description("prove with the tenant's own credentials that it reaches its own stores and no other tenant's")
    .argument("[ids...]", "the tenant, or many of those in the registry")
    .addOption(
      new Option("--expect <status>", "what to prove; without it, what the registry says it is").choices([
        "active",
        "suspended",
      ]),
    );
  return addFleetOptions(command)
    .option("--json", "print the report as JSON; of many, the outcomes")
    .addHelpText(
      "after",
      `
Of a suspended tenant it proves that every server refuses its valid credentials, and that its data are there. Leaves nothing behind in the tenant's stores. The report is kept in the platform database.
Exit code 0: every check passed. 1: a tenant is not isolated, or nothing could be proved.

Examples:
  npm run tenant -- verify acme
  npm run tenant -- verify --all --parallel 4`,
    )
    .action(verify);
}

async function verify(ids: readonly string[], options: Options): Promise<void> {
  const [id] = ids;
  if (id === undefined || asksForMany(ids, options)) return verifyMany(ids, options);
  const { verifyNow } = await import("../engine/verification.ts");
  const verification = await verifyNow(id, options.expect);
  const { printed } = await import("../verify/printed.ts");
  const { stdout, stderr, code } = printed(verification);
  if (options.json) {
    process.stdout.write(stdout);
    process.stderr.write(stderr);
  } else {
    const { formatReport } = await import("../verify/index.ts");
    const { complain, say } = await import("../output.ts");
    say(await formatReport(verification.report));
    if (verification.problem !== undefined) complain(notStored(verification.problem));
  }
  process.exitCode = code;
}

/** What is kept of a tenant's verification until the end of all. */
interface Verified {
  readonly checks: number;
  readonly failed: readonly string[];
  readonly reportId: string;
}

async function verifyMany(ids: readonly string[], options: Options): Promise<void> {
  const { verifyNow } = await import("../engine/verification.ts");
  const { runFleet } = await import("../fleet/run.ts");
  const { findTargets } = await import("../fleet/targets.ts");
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  const order = await findTargets(ids, options, { source: "registry" });
  await runFleet<Verified>(
    {
      name: `verify${options.expect === undefined ? "" : ` --expect ${options.expect}`}`,
      doing: "Verifying",
      work: async (id) => {
        const { report, problem } = await verifyNow(id, options.expect);
        const wrong = report.checks.filter(({ pass }) => !pass).map(failed);
        if (problem !== undefined) wrong.push(`the report was not stored: ${problem}`);
        return { checks: report.checks.length, failed: wrong, reportId: report.report_id };
      },
      failed: (verified) => verified.failed.length > 0,
      said: (verified) =>
        verified.failed.length > 0 ? verified.failed.join("\n") : `${verified.checks} checks passed`,
      json: (verified) => ({ checks: verified.checks, failed_checks: verified.failed, report_id: verified.reportId }),
    },
    order,
    options,
  );
}
