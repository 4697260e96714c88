// tenant credentials ID: what an application of the tenant needs, decrypted.
import { Command, Option } from "commander";

const formats = ["env", "json", "yaml"] as const;

interface Options {
  readonly format: (typeof formats)[number];
  readonly json?: true;
}

export function credentialsCommand(): Command {
  return new Command("credentials")
    .description("print what an application of the tenant needs to connect: endpoints, names, passwords")
    .argument("<id>", "the tenant")
    .addOption(new Option("--format <format>", "how").choices(formats).default("env"))
    .option("--json", "the same as --format json")
    .addHelpText(
      "after",
      `
They are secrets: the tenant's SOPS file is decrypted with its age key, and nothing is written to disk.
env prints lines for a POSIX shell or an env file. Load them where the tenant's application runs, not in a shell that
runs pulumi or this command: variables such as PGUSER would no longer be the administrator's.

Example: (eval "$(npm run -s tenant -- credentials acme)"; psql)`,
    )
    .action(print);
}

async function print(id: string, options: Options): Promise<void> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(id);
  const { idProblem } = await import("../../components/names.ts");
  const { existsSync } = await import("node:fs");
  const { secretFiles } = await import("../../providers/clients/secrets-dir.ts");
  if (idProblem(id) !== undefined || !existsSync(secretFiles(id).folder)) {
    const { unknownTenant } = await import("../tenants.ts");
    throw await unknownTenant(id);
  }
  const { note, say, sayJson } = await import("../output.ts");
  const { connection, variables } = await import("../connection.ts");
  const { isSuspended } = await import("../tenants.ts");
  const [found, suspended] = await Promise.all([connection(id), isSuspended(id)]);
  if (suspended) {
    note(`Tenant ${id} is suspended: every store refuses these until it is resumed (npm run tenant -- resume ${id}).`);
  }
  const format = options.json ? "json" : options.format;
  if (format === "json") return sayJson(found);
  if (format === "yaml") {
    const { stringify } = await import("yaml");
    return say(stringify(found).trimEnd());
  }
  for (const [name, value] of Object.entries(variables(found))) say(`export ${name}=${quoted(value)}`);
}

/** For any POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
