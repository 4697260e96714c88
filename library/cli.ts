// The commands of the package: those that need no checkout. The verification of an update is one of them.
import { Command } from "commander";
import { runCommandLine } from "../cli/command-line.ts";
import { auditCommand } from "../cli/commands/audit.ts";
import { credentialsCommand } from "../cli/commands/credentials.ts";
import { execCommand } from "../cli/commands/exec.ts";
import { listCommand } from "../cli/commands/list.ts";
import { verifyCommand } from "../cli/commands/verify.ts";
import { refuseLoudVariables } from "../providers/clients/loud-variables.ts";

function program(): Command {
  const tenant = new Command("tenant")
    .usage("COMMAND [options]")
    .description("Tenants of the shared stores. Make and remove them with your Pulumi program.")
    .option("--debug", "with an error, also show where it came from")
    .helpCommand(false)
    .addHelpText(
      "after",
      `
Servers: MINIO_ENDPOINT, PGHOST, QDRANT_URL, REDIS_URL and the administrator's variables beside them. Run it in the folder of the
Pulumi project: the tenants' files are in its .secrets/tenants. Where help says npm run tenant --, type npx tenant.`,
    )
    .hook("preAction", () => refuseLoudVariables());
  for (const command of [verifyCommand(), credentialsCommand(), execCommand(), listCommand(), auditCommand()]) {
    tenant.addCommand(command.copyInheritedSettings(tenant));
  }
  return tenant;
}

/** Runs the command line. Sets the exit code: 0 only on success. */
export const main = (argv: readonly string[]): Promise<void> => runCommandLine(program, argv);
