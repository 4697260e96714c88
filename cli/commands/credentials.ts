// tenant credentials ID: what an application of the tenant needs, decrypted.
import { Command, Option } from "commander";
import { formats, type Format } from "../handover/formats.ts";

interface Options {
  readonly format: Format;
  readonly json?: true;
  readonly write?: string;
  readonly overwrite?: true;
  readonly namespace?: string;
  readonly secretStore?: string;
  readonly remoteKey?: string;
}

export function credentialsCommand(): Command {
  return new Command("credentials")
    .description("print what an application of the tenant needs to connect: endpoints, names, passwords")
    .argument("<id>", "the tenant")
    .addOption(new Option("--format <format>", "how").choices(formats).default("env"))
    .option("--json", "the same as --format json")
    .option("--write <file>", "write a new file (0600) in place of printing")
    .option("--overwrite", "with --write: replace the file")
    .option("--namespace <name>", "kubernetes, external-secrets: the namespace")
    .option("--secret-store <kind/name>", "external-secrets: SecretStore/NAME or ClusterSecretStore/NAME")
    .option("--remote-key <key>", "external-secrets: where that store has what --format json prints (tenants/ID)")
    .addHelpText(
      "after",
      `
They are secrets: the tenant's SOPS file is decrypted with its age key, and nothing is written to disk without --write. That
refuses a file that is there, and one that git would take into a commit.

  env               lines for a POSIX shell or an env file. Load them where the tenant's application runs, not in a shell that runs
                    pulumi or this command: variables such as PGUSER would no longer be the administrator's. tenant exec does not
  json, yaml        the same, by store
  kubernetes        a Secret with env's variables: … --format kubernetes | kubectl apply --server-side -f -
  external-secrets  an ExternalSecret that makes that Secret of what --format json prints, kept in your secret manager; no secret in it
  psql              a service file of libpq: PGSERVICEFILE=FILE psql service=tenant_ID
  redis             a script that is redis-cli as the tenant: sh FILE PING
  s3cfg             for s3cmd: s3cmd -c FILE ls s3://tenant-ID-bucket
  rclone            for rclone: rclone --config FILE ls tenant-ID:tenant-ID-bucket

Example: npm run tenant -- credentials acme --format psql --write /run/user/1000/acme.conf`,
    )
    .action(print);
}

async function print(id: string, options: Options): Promise<void> {
  const format = options.json ? "json" : options.format;
  await refuseIdle(format, options);
  const { tenantConnection } = await import("../handover/connect.ts");
  const { formatted } = await import("../handover/formats.ts");
  const text = await formatted(await tenantConnection(id), format, options);
  if (options.write === undefined) {
    process.stdout.write(text);
    return;
  }
  const { writeCredentials } = await import("../handover/write.ts");
  const file = await writeCredentials(options.write, text, options.overwrite === true);
  const { note } = await import("../output.ts");
  note(`Wrote ${file}, which only you can read. Rotating a credential does not change it: write it again then.`);
}

/** An option that would do nothing is a mistake. */
async function refuseIdle(
  format: Format,
  { write, overwrite, namespace, secretStore, remoteKey }: Options,
): Promise<void> {
  const problems = [
    ...(overwrite && write === undefined ? ["--overwrite: is for --write FILE"] : []),
    ...(namespace !== undefined && !["kubernetes", "external-secrets"].includes(format)
      ? [`--namespace: is for --format kubernetes and external-secrets (given: ${format})`]
      : []),
    ...(secretStore !== undefined && format !== "external-secrets"
      ? [`--secret-store: is for --format external-secrets (given: ${format})`]
      : []),
    ...(remoteKey !== undefined && format !== "external-secrets"
      ? [`--remote-key: is for --format external-secrets (given: ${format})`]
      : []),
  ];
  if (problems.length === 0) return;
  const { Problem } = await import("../errors.ts");
  throw new Problem("usage", `Nothing was printed:\n${problems.map((one) => `  - ${one}`).join("\n")}`);
}
