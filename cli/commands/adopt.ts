// tenant adopt ID: a tenant that was made without this tool is taken over, as it is.
import { Command } from "commander";
import type { AdoptionPlan } from "../adopt/plan.ts";

interface Options {
  readonly network: readonly string[];
  readonly secrets?: string;
  readonly dryRun?: true;
  readonly giveUp?: true;
  readonly json?: true;
}

export function adoptCommand(): Command {
  return new Command("adopt")
    .description("take over a tenant that was made without this tool, with its data and credentials")
    .argument("<id>", "the tenant: its bucket, database, collection and Redis user have the names that provision gives")
    .option(
      "--network <cidr>",
      "a network of the tenant; repeat it for more. Default: those its lines in pg_hba.conf name",
      (one: string, all: readonly string[]) => [...all, one],
      [],
    )
    .option("--secrets <folder>", "its key.age and secrets.enc.yaml; without them it gets new credentials")
    .option("--dry-run", "only look, and say what would be taken over")
    .option("--give-up", "leave a tenant whose adoption is not complete as it is, and forget it")
    .option("--json", "print what was found, and the outcome, as JSON")
    .addHelpText(
      "after",
      `
Looks first, at every store, and says everything that stands in the way at once. Then Pulumi imports what is there and
observes the rest. Nothing of the tenant is changed: what hardening changes shows pulumi preview, and the next provision
(or pulumi up) applies it. Safe to repeat; a run that fails deletes nothing.

Example: npm run tenant -- adopt oldco --network 10.30.0.0/16 --secrets /srv/runbook/.secrets/tenants/oldco`,
    )
    .action(adopt);
}

async function adopt(id: string, { network, secrets, dryRun, giveUp, json }: Options): Promise<void> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(id);
  const { say, sayJson } = await import("../output.ts");
  if (giveUp) return stop(id, json === true);
  const { planAdoption } = await import("../adopt/plan.ts");
  const { beginProgress } = await import("../progress.ts");
  const looking = await beginProgress(`Looking at what there is of tenant ${id}`);
  const plan = await planAdoption(id, {
    networks: network,
    ...(secrets === undefined ? {} : { secrets }),
  }).finally(looking.end);
  if (!json) for (const line of described(plan)) say(line);
  if (plan.problems.length > 0) {
    if (json) sayJson({ ...summary(plan), outcome: "refused" });
    const { Problem } = await import("../errors.ts");
    const list = plan.problems.map((problem) => `  - ${problem}`).join("\n");
    throw new Problem("adopt-refused", `Tenant ${id} cannot be adopted as it is, and nothing was touched:\n${list}`);
  }
  if (dryRun) return json ? sayJson({ ...summary(plan), outcome: "dry run" }) : say("Nothing was touched.");

  const { withInterrupts } = await import("../engine/interrupt.ts");
  const { adoptTenant } = await import("../engine/adopt.ts");
  const progress = await beginProgress(`Adopting tenant ${id}`);
  const event = await withInterrupts(() => adoptTenant(plan, progress)).finally(progress.end);
  if (json) return sayJson({ ...summary(plan), outcome: "adopted", event });
  say(`Tenant ${id} is taken over, and nothing of it was changed. Recorded: TENANT_ADOPTED ${event}`);
  say(`What hardening will change: pulumi preview --stack ${id} --diff`);
  say(`Harden, verify and register it: npm run tenant -- provision ${id}`);
}

async function stop(id: string, json: boolean): Promise<void> {
  const [{ giveUp }, { withInterrupts }, { say, sayJson }] = await Promise.all([
    import("../engine/adopt.ts"),
    import("../engine/interrupt.ts"),
    import("../output.ts"),
  ]);
  await withInterrupts(() => giveUp(id));
  if (json) return sayJson({ tenant_id: id, outcome: "given up" });
  say(`The adoption of tenant ${id} is given up. The tenant is as it was; its folder of secrets stays, too.`);
}

const titles = { minio: "MinIO", postgresql: "PostgreSQL", qdrant: "Qdrant", redis: "Redis" } as const;

function described(plan: AdoptionPlan): string[] {
  const { id, look, notes, secrets } = plan;
  const stores = Object.entries(titles).flatMap(([store, title]) => {
    const { found, missing } = look.stores[store as keyof typeof titles];
    return [...found, ...missing.map((one) => `${one} is missing: the first update makes it`)].map(
      (line, index) => `  ${(index === 0 ? title : "").padEnd(12)}${line}`,
    );
  });
  const settings = Object.entries(settingsOf(plan)).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
  return [
    `Tenant ${id} in the stores:`,
    ...stores,
    secrets === undefined
      ? "Credentials: new ones are made, which the tenant's applications need once the first update has set them."
      : "Credentials: kept. Only the Qdrant key is new: a token for this collection alone. Load it when it suits you.",
    ...(settings.length > 0 ? [`Settings for stacks/Pulumi.${id}.yaml: ${settings.join(", ")}`] : []),
    ...notes.map((note) => `Note: ${note}`),
  ];
}

const settingsOf = ({ look }: AdoptionPlan): Record<string, unknown> =>
  Object.assign({}, ...Object.values(look.stores).map(({ settings }) => settings)) as Record<string, unknown>;

/** No secret. */
function summary(plan: AdoptionPlan) {
  const { id, look, secrets, notes, problems } = plan;
  const stores = Object.fromEntries(
    Object.entries(look.stores).map(([store, { found, missing }]) => [store, { found, missing }]),
  );
  const credentials = secrets === undefined ? "new" : "kept";
  return { tenant_id: id, stores, credentials, settings: settingsOf(plan), notes, problems };
}
