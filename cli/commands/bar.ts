// tenant bar, tenant unbar: ids that must not come back.
import { Command } from "commander";

interface Options {
  readonly reason?: string;
  readonly json?: true;
}

export function barCommand(): Command {
  return new Command("bar")
    .description("bar a tenant id from being used again; without an id: which are barred")
    .argument("[id]", "the id; a tenant that has it keeps it until it is removed")
    .option("--reason <text>", "why; it is recorded, and shown to who wants the id")
    .option("--json", "without an id: print JSON")
    .addHelpText(
      "after",
      `
provision, pulumi preview and pulumi up refuse a barred id. Deprovision and bar at once: tenant deprovision ID --bar

Example: npm run tenant -- bar initech --reason "contract ended, ticket 4711"`,
    )
    .action(bar);
}

export function unbarCommand(): Command {
  return new Command("unbar")
    .description("let a barred tenant id be used again")
    .argument("<id>", "the id")
    .option("--reason <text>", "why; it is recorded")
    .addHelpText("after", "\nExample: npm run tenant -- unbar initech")
    .action(unbar);
}

async function bar(id: string | undefined, { reason = "", json }: Options): Promise<void> {
  const { Problem } = await import("../errors.ts");
  const { idProblem } = await import("../../components/names.ts");
  const { useStackConfig } = await import("../environment.ts");
  if (id === undefined && reason !== "")
    throw new Problem("usage", "--reason is for an id: npm run tenant -- bar ID --reason TEXT");
  const wrong = id === undefined ? undefined : idProblem(id);
  if (wrong !== undefined) throw new Problem("id-invalid", wrong);
  await useStackConfig("platform");
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const barred = await import("../../providers/clients/barred.ts");
  const { say, sayJson, table } = await import("../output.ts");
  if (id !== undefined) {
    const done = await withPlatform((client) => barred.bar(client, id, reason));
    return say(done ? `Tenant id ${id} is barred from reuse.` : `Tenant id ${id} was barred already.`);
  }
  const found = await withPlatform(barred.barredIds);
  if (json) return sayJson(found);
  if (found.length === 0) return say("No tenant id is barred.");
  const rows = found.map((one) => [
    one.tenant_id,
    one.barred_at.toISOString().slice(0, 16).replace("T", " "),
    one.barred_by,
    one.reason,
  ]);
  say(await table(["tenant id", "since (UTC)", "by", "reason"], rows));
}

async function unbar(id: string, { reason = "" }: Options): Promise<void> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const barred = await import("../../providers/clients/barred.ts");
  if (await withPlatform((client) => barred.unbar(client, id, reason))) {
    const { say } = await import("../output.ts");
    return say(`Tenant id ${id} may be used again.`);
  }
  const { Problem } = await import("../errors.ts");
  throw new Problem("not-barred", `Tenant id ${id} is not barred. Which are: npm run tenant -- bar`);
}
