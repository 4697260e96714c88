// eval "$(npm run -s env)": points a shell at the local stores.
import { Command } from "commander";
import { errorOutput, showError } from "../cli/errors.ts";
import { withManners } from "../cli/manners.ts";
import { quoted } from "../cli/shell.ts";
import { conflictingVariables, environment, placementText } from "./environment.ts";

interface Options {
  readonly cluster?: true;
  readonly json?: true;
  readonly placement?: string;
}

const program = withManners(new Command("npm run -s env --"))
  .description(
    `Prints the variables that point Pulumi and the tenant command at the local stores, for: eval "$(npm run -s env)"
They replace what the shell has set, also if that was a real deployment's: a new shell has the old values.`,
  )
  .option("--cluster", "those of the set in which each is several servers (npm run stores -- start --cluster)")
  .option("--json", "print them as one JSON object")
  .option("--placement <name>", "print the stores' settings as a placement, for the file of TENANT_PLACEMENTS_FILE")
  .action(({ cluster, json, placement }: Options) => {
    const options = { ...(cluster && { cluster }) };
    if (placement !== undefined) return void process.stdout.write(placementText(placement, options));
    const variables = environment(options);
    process.stdout.write(json ? `${JSON.stringify(variables, null, 2)}\n` : shellLines(variables));
  });

// `unset` of a variable that is not set is no error in any POSIX shell, also not under `set -eu`.
function shellLines(variables: Record<string, string>): string {
  const lines = Object.entries(variables).map(([name, value]) => `export ${name}=${quoted(value)}\n`);
  return `unset ${conflictingVariables.join(" ")}\n${lines.join("")}`;
}

try {
  await program.parseAsync();
} catch (error) {
  showError("env", error, errorOutput(process.argv));
  process.exitCode = 1;
}
