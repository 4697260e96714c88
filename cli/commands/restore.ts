// tenant restore ID --from WHERE: an export, back into a tenant that holds no data.
import { Command } from "commander";

interface Options {
  readonly from: string;
  readonly as?: string;
  readonly identity?: string;
  readonly checksum?: string;
  readonly json?: true;
}

export function restoreCommand(): Command {
  return new Command("restore")
    .description("restore an export into the tenant it is of, or into another, that is provisioned and holds no data")
    .argument("<id>", "the tenant that was exported")
    .requiredOption("--from <where>", "the export: a folder, or s3://BUCKET/PREFIX")
    .option("--as <id>", "the tenant to restore into, when it is another")
    .option("--identity <file>", "an age identity file that opens the export, when the tenant's own key is gone")
    .option("--checksum <checksum>", "what the export printed, when the platform's audit log does not know it")
    .option("--json", "print what was restored as JSON")
    .addHelpText(
      "after",
      `
Everything is checked before anything is written, and counted afterwards. Nothing is ever overwritten. Run again after an
interruption, it goes on where it stopped. Credentials are not in an export: the tenant has those it was provisioned with.

Example:
  npm run tenant -- provision acme --network 10.12.0.0/16
  npm run tenant -- restore acme --from /backup/acme-2026-02-11 --identity recovery.age`,
    )
    .action(run);
}

async function run(id: string, { from, as, identity, checksum, json }: Options): Promise<void> {
  const { Problem } = await import("../errors.ts");
  const { idProblem } = await import("../../components/names.ts");
  for (const one of [id, ...(as === undefined ? [] : [as])]) {
    const problem = idProblem(one);
    if (problem !== undefined) throw new Problem("id-invalid", problem);
  }
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(as ?? id);
  const { restoreTenant } = await import("../snapshot/restore.ts");
  const { beginProgress } = await import("../progress.ts");
  const progress = await beginProgress(`Restoring tenant ${as ?? id}`);
  const given = Object.entries({ as, identity, checksum }).filter(([, value]) => value !== undefined);
  const done = await restoreTenant(id, from, progress, Object.fromEntries(given)).finally(progress.end);
  const { printRestored } = await import("../snapshot/print.ts");
  printRestored(done, json === true);
}
