// tenant audit [ID]: reads the audit log, proves it, and begins a new key.
import { Command, InvalidArgumentError } from "commander";
import { readFile } from "node:fs/promises";

interface Options {
  readonly limit: number;
  readonly since?: Date;
  readonly verify?: true;
  readonly publicKey?: string;
  readonly newKey?: true;
  readonly reason?: string;
  readonly json?: true;
}

export function auditCommand(): Command {
  return new Command("audit")
    .description("what happened to a tenant, or to all; and whether the log is what was written")
    .argument("[id]", "the tenant, or platform; without it, everybody")
    .option("--limit <number>", "the newest so many events", count, 50)
    .option("--since <time>", "from this time on, such as 2026-02-11 or 2026-02-11T12:00:00Z", instant)
    .option("--verify", "prove every event of the log: its place, content and signature")
    .option("--public-key <file>", "with --verify: trust these keys, not those of this machine (PEM)")
    .option("--new-key", "begin a new key: the old one is lost, or the database was restored from a backup")
    .option("--reason <text>", "with --new-key: why; it is recorded")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
Newest last. --verify: exit code 0 when the log is unbroken, 1 when it is not; the first broken place is named first.

Example: npm run tenant -- audit acme --since 2026-02-11
         npm run tenant -- audit --verify`,
    )
    .action(audit);
}

function count(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0 && value <= 100_000) return value;
  throw new InvalidArgumentError("Give a number from 1 to 100000.");
}

function instant(text: string): Date {
  const time = new Date(text);
  if (!Number.isNaN(time.getTime())) return time;
  throw new InvalidArgumentError("Give a time such as 2026-02-11 or 2026-02-11T12:00:00Z.");
}

async function audit(id: string | undefined, options: Options): Promise<void> {
  await requireSense(id, options);
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  if (options.verify) return verify(options);
  if (options.newKey) return newKey(options.reason ?? "");
  return read(id, options);
}

async function requireSense(id: string | undefined, options: Options): Promise<void> {
  const { Problem } = await import("../errors.ts");
  const { verify, newKey, reason, publicKey } = options;
  const problems = [
    verify && newKey && "--verify and --new-key are two commands",
    (verify ?? newKey) && id !== undefined && `the log is the platform's: leave out ${id}`,
    newKey && !reason?.trim() && "--new-key needs --reason TEXT",
    !newKey && reason !== undefined && "--reason is for --new-key",
    !verify && publicKey !== undefined && "--public-key is for --verify",
  ].filter((one) => typeof one === "string");
  if (problems.length > 0) throw new Problem("usage", `${problems.join("; ")}. Help: npm run tenant -- audit --help`);
}

async function read(id: string | undefined, { limit, since, json }: Options): Promise<void> {
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { newestEvents } = await import("../../providers/clients/audit.ts");
  const { say, sayJson } = await import("../output.ts");
  const found = await withPlatform((client) =>
    newestEvents(client, { limit, ...(id && { tenant: id }), ...(since && { since }) }),
  );
  if (json) return sayJson(found);
  if (found.length === 0) {
    if (id === undefined || since !== undefined) return say("No event.");
    const { unknownTenant } = await import("../tenants.ts");
    throw await unknownTenant(id);
  }
  const { eventTable } = await import("../audit/table.ts");
  say(await eventTable(found, id === undefined));
}

async function verify({ publicKey, json }: Options): Promise<void> {
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { verifyAudit } = await import("../audit/verify.ts");
  const { formatVerdict } = await import("../audit/verdict.ts");
  const { say, sayJson } = await import("../output.ts");
  const { beginProgress } = await import("../progress.ts");
  const keys = publicKey === undefined ? undefined : { file: publicKey, text: await readFile(publicKey, "utf8") };
  const progress = await beginProgress("Verifying the audit log");
  let told = 0;
  const news = (events: number): void => {
    if (events - told < 20_000) return;
    told = events;
    progress.news(`${events} events`);
  };
  const verdict = await withPlatform((client) => verifyAudit(client, keys, news)).finally(progress.end);
  if (json) sayJson(verdict);
  else say(formatVerdict(verdict));
  if (!verdict.unbroken) process.exitCode = 1;
}

async function newKey(reason: string): Promise<void> {
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { newEventId } = await import("../../providers/clients/audit.ts");
  const { auditFiles } = await import("../../providers/clients/audit-key.ts");
  const { beginKey } = await import("../../providers/clients/audit-log.ts");
  const { note, say } = await import("../output.ts");
  const { log, key } = await withPlatform((client) => beginKey(client, newEventId(), reason));
  say(`Key ${key} signs the audit log from now on.`);
  note(
    `It is in ${auditFiles(log).folder}: copy that folder to whoever else runs this. Show it in the stack's outputs:`,
  );
  note("  pulumi up --stack platform --refresh");
}
