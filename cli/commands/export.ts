// tenant export ID --to WHERE: a snapshot of the tenant's four stores, encrypted; export --check WHERE looks one over.
import { Command } from "commander";

interface Options {
  readonly to?: string;
  readonly check?: string;
  readonly keyCopy?: string;
  readonly json?: true;
}

export function exportCommand(): Command {
  return new Command("export")
    .description(
      "write a snapshot of a tenant's four stores, encrypted to its age key and the recipients of its configuration",
    )
    .argument("[id]", "the tenant")
    .option("--to <where>", "a new folder, or s3://BUCKET/PREFIX with nothing under it")
    .option(
      "--key-copy <file>",
      "also write the tenant's private key to a new file: it opens the export after a destroy",
    )
    .option("--check <where>", "look over an export instead: every checksum, and whether the platform has recorded it")
    .option("--json", "print what was exported or checked as JSON")
    .addHelpText(
      "after",
      `
Nothing is ever overwritten. Run again after an interruption, it goes on where it stopped. The tenant may go on working meanwhile;
suspend it for a snapshot of one moment. For a bucket: EXPORT_S3_ENDPOINT, EXPORT_S3_ACCESS_KEY, EXPORT_S3_SECRET_KEY (and
EXPORT_S3_REGION, EXPORT_S3_CA_FILE).

Examples:
  npm run tenant -- export acme --to /backup/acme-2026-02-11
  npm run tenant -- export --check /backup/acme-2026-02-11`,
    )
    .action(run);
}

async function run(id: string | undefined, options: Options): Promise<void> {
  const { Problem } = await import("../errors.ts");
  if (options.check !== undefined) {
    if (options.to !== undefined)
      throw new Problem("usage", "--check looks at an export and --to makes one: give one of them");
    const { printCheck } = await import("../snapshot/print.ts");
    return printCheck(id, options.check, options.json === true);
  }
  if (id === undefined || options.to === undefined) {
    throw new Problem(
      "usage",
      "Say whom to export and where to: npm run tenant -- export acme --to /backup/acme-2026-02-11",
    );
  }
  const { useStackConfig } = await import("../environment.ts");
  const { requireTenant } = await import("../tenants.ts");
  await requireTenant(id);
  await useStackConfig(id);
  const { exportTenant } = await import("../snapshot/export.ts");
  const { beginProgress } = await import("../progress.ts");
  const progress = await beginProgress(`Exporting tenant ${id}`);
  const { keyCopy } = options;
  const done = await exportTenant(id, options.to, progress, keyCopy === undefined ? {} : { keyCopy }).finally(
    progress.end,
  );
  const { printExported } = await import("../snapshot/print.ts");
  return printExported(done, { json: options.json === true, keyCopy });
}
