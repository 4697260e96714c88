// tenant exec ID -- COMMAND…: a program with the tenant's credentials in its environment.
import { Command } from "commander";

/** As the command was typed: later it is completed with what only this tool needs. */
const typed = { ...process.env };

export function execCommand(): Command {
  return new Command("exec")
    .description("run a program with the tenant's credentials in its environment, and none of the administrator's")
    .argument("<id>", "the tenant")
    .argument("<command...>", "after --, the program and its arguments")
    .addHelpText(
      "after",
      `
The program gets the variables of tenant credentials, those that the AWS tools know (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL_S3, …) and
REDIS_HOST, REDIS_PORT, REDIS_USER, REDISCLI_AUTH. Of your own environment it gets everything but what begins with MINIO_, PG, QDRANT_,
REDIS, AWS_, MC_, RCLONE_, PULUMI_, TENANT_, EXPORT_S3_ or SOPS_. No credential is among its arguments, where other users could read it.
It has your terminal; its exit code is this command's, and 127 when there is no such program.

Examples:
  npm run tenant -- exec acme -- psql
  npm run tenant -- exec acme -- sh -c 'redis-cli -h "$REDIS_HOST" -p "$REDIS_PORT" --user "$REDIS_USER"'
  npm run tenant -- exec acme -- node migrate.js`,
    )
    .action(run);
}

async function run(id: string, command: readonly string[]): Promise<void> {
  const { tenantConnection } = await import("../handover/connect.ts");
  const found = await tenantConnection(id);
  const { programEnvironment, runProgram } = await import("../handover/exec.ts");
  await runProgram(command, programEnvironment(typed, found));
}
