// The tenant command: its subcommands, what comes before each of them, and how an error is shown.
import { Command, Option } from "commander";
import { readFileSync } from "node:fs";
import { adoptCommand } from "./commands/adopt.ts";
import { auditCommand } from "./commands/audit.ts";
import { completionCommand } from "./commands/completion.ts";
import { barCommand, unbarCommand } from "./commands/bar.ts";
import { credentialsCommand } from "./commands/credentials.ts";
import { deletionReportCommand } from "./commands/deletion-report.ts";
import { destroyCommand } from "./commands/destroy.ts";
import { deprovisionCommand } from "./commands/deprovision.ts";
import { driftCommand } from "./commands/drift.ts";
import { execCommand } from "./commands/exec.ts";
import { exportCommand } from "./commands/export.ts";
import { listCommand } from "./commands/list.ts";
import { metricsCommand } from "./commands/metrics.ts";
import { newCommand } from "./commands/new.ts";
import { placementsCommand } from "./commands/placements.ts";
import { previewCommand } from "./commands/preview.ts";
import { provisionCommand } from "./commands/provision.ts";
import { reportCommand } from "./commands/report.ts";
import { restoreCommand } from "./commands/restore.ts";
import { resumeCommand, suspendCommand } from "./commands/suspend.ts";
import { rotateCommand } from "./commands/rotate.ts";
import { upCommand } from "./commands/up.ts";
import { verifyCommand } from "./commands/verify.ts";
import { runCommandLine } from "./command-line.ts";
import { codeOf, errorOutput, Problem } from "./errors.ts";
import { withManners } from "./manners.ts";
import { complain, note, setVerbosity } from "./output.ts";

/** The whole command line. */
export function program(): Command {
  const tenant = withManners(new Command("tenant"))
    .usage("COMMAND [options]")
    .description("Tenants of the shared stores: each with its own bucket, database, collection and key space.")
    .version(`tenant-storage ${packageVersion()}`, "--version", "print the version")
    .option("--quiet", "print nothing but data, errors and what is about to be deleted")
    .addOption(new Option("--verbose", "also say which programs are run, and how long they take").conflicts("quiet"))
    .option("--debug", "with an error, also show where it came from")
    .helpCommand(false)
    .configureHelp({ showGlobalOptions: true })
    .addHelpText(
      "after",
      `
Servers: MINIO_ENDPOINT, PGHOST, QDRANT_URL, REDIS_URL and the administrator's variables beside them. When none of these
four is set, the local stores are used (npm run stores). Set all or none. TENANT_PLACEMENTS_FILE names others.

Examples:
  npm run tenant -- provision initech --network 10.14.0.0/16
  npm run tenant -- verify initech
  npm run tenant -- deprovision initech

Each command explains itself: npm run tenant -- provision --help`,
    )
    .hook("preAction", async (root, action) => {
      const { quiet, verbose } = root.opts<{ readonly quiet?: true; readonly verbose?: true }>();
      setVerbosity(quiet ? "quiet" : verbose ? "verbose" : "normal");
      // It is run by every shell that starts, and needs no server.
      if (action.name() === "completion") return;
      const { refuseLoudVariables } = await import("../providers/clients/loud-variables.ts");
      refuseLoudVariables();
      const { useEnvironment } = await import("./environment.ts");
      await useEnvironment();
      if (verbose) {
        const { showPrograms, showServers } = await import("./verbose.ts");
        showServers();
        showPrograms();
      }
      await deliverKeptEvents();
      await deliverKeptNotifications();
    });
  const commands = [
    newCommand(),
    ...[provisionCommand(), deprovisionCommand(), adoptCommand(), suspendCommand(), resumeCommand(), rotateCommand()],
    ...[
      previewCommand(),
      upCommand(),
      destroyCommand(),
      verifyCommand(),
      driftCommand(),
      credentialsCommand(),
      execCommand(),
      listCommand(),
      auditCommand(),
    ],
    ...[reportCommand(), metricsCommand(), placementsCommand()],
    ...[exportCommand(), restoreCommand(), deletionReportCommand(), barCommand(), unbarCommand()],
    completionCommand(),
  ];
  for (const command of commands) tenant.addCommand(command.copyInheritedSettings(tenant));
  return tenant;
}

function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")) as {
    version: string;
  };
  return version;
}

/** What could not be said to the webhook earlier. */
async function deliverKeptNotifications(): Promise<void> {
  const { hasKeptNotifications } = await import("./kept-events.ts");
  if (!hasKeptNotifications()) return;
  const { deliverKept } = await import("./notify/index.ts");
  await deliverKept();
}

/** Audit events that the platform database could not take earlier. Without any, this costs nothing. */
async function deliverKeptEvents(): Promise<void> {
  const { hasKeptEvents } = await import("./kept-events.ts");
  if (!hasKeptEvents()) return;
  const { useStackConfig } = await import("./environment.ts");
  await useStackConfig("platform");
  const { deliverOutbox } = await import("../providers/clients/outbox.ts");
  const { delivered, kept, problems } = await deliverOutbox();
  if (delivered > 0) note(`Delivered ${delivered} audit events that were kept while the platform database was down.`);
  if (kept > 0) complain(`${kept} audit events are still kept, for the next command: ${problems.join("; ")}`);
}

/** Runs the command line. Sets the exit code: 0 only on success. */
export async function main(argv: readonly string[]): Promise<void> {
  // What follows -- is another program's.
  const own = argv.includes("--") ? argv.slice(0, argv.indexOf("--")) : argv;
  // The providers' errors too keep their stack trace then.
  if (errorOutput(own).debug) process.env["TENANT_DEBUG"] ??= "1";
  await runCommandLine(program, argv, (error) => withNextStep(error, own.slice(2)));
}

/** Where pulumi was killed before or after its real work, or a server that is asked before it was gone, no command has said what to do. */
async function withNextStep(error: unknown, args: readonly string[]): Promise<unknown> {
  const { PulumiError } = await import("./engine/command.ts");
  const typed = args.map((arg) => (/^[\w./:@=,-]+$/.test(arg) ? arg : JSON.stringify(arg))).join(" ");
  const { message } = error as Error;
  if (codeOf(error) === "server-unreachable" && !/npm run|pulumi \w/.test(message)) {
    const help = `When it answers (the local stores: npm run stores -- start), type it again: npm run tenant -- ${typed}`;
    return new Problem("server-unreachable", `${message}. ${help}`, { cause: error });
  }
  if (!(error instanceof PulumiError) || error.ran.endedBy === undefined) return error;
  return new Problem(error.errorCode, `${error.message}. Type it again: npm run tenant -- ${typed}`, { cause: error });
}
