// tenant rotate ID: new secrets, without a moment in which none works.
import { Command, InvalidArgumentError, Option } from "commander";
import { rotatable, type Secret } from "../../components/rotation.ts";
import type { Rotated } from "../engine/rotation.ts";
import { addFleetOptions, asksForMany, type FleetOptions } from "../fleet/options.ts";

interface Options extends FleetOptions {
  readonly store: readonly Secret[];
  readonly ageKey?: true;
}

/** The secrets that stand in the tenant's SOPS file. */
const credentials = rotatable.filter((secret) => secret !== "age");

/** commander's own `choices` keeps the last one only. */
function storeNamed(name: string, before: readonly Secret[]): readonly Secret[] {
  const found = credentials.find((one) => one === name);
  if (found === undefined) throw new InvalidArgumentError(`Allowed choices are ${credentials.join(", ")}.`);
  return [...before, found];
}

export function rotateCommand(): Command {
  const command = new Command("rotate")
    .description("give a tenant new credentials, and end the old ones when the new ones are proven")
    .argument("[ids...]", "the tenant, or many of those in the registry")
    .addOption(
      new Option("--store <store>", "only this one; repeat it for more")
        .choices(credentials)
        .argParser(storeNamed)
        .default([], "all five"),
    )
    .option("--age-key", "also encrypt them to a new age key; without --store, do only that");
  return addFleetOptions(command)
    .option("--json", "print the outcome as JSON")
    .addHelpText(
      "after",
      `
Raises the numbers under rotation in stacks/Pulumi.<id>.yaml and runs pulumi up; a pull request that raises them does the same.
MinIO, Qdrant and Redis accept both credentials until the new ones are verified. PostgreSQL knows one password: it changes
in the moment in which the SOPS file does. An application that reads its credentials again when a server refuses them, or
ends its session, loses no request. A rotation that was begun and not finished is finished first, instead of another one.

Examples:
  npm run tenant -- rotate initech --store redis --store minio
  npm run tenant -- rotate --all --store postgresql --canary initech`,
    )
    .action(rotate);
}

async function rotate(ids: readonly string[], options: Options): Promise<void> {
  const { store, ageKey, json } = options;
  const stores = store.length === 0 && !ageKey ? credentials : credentials.filter((one) => store.includes(one));
  const wanted: Secret[] = [...stores, ...(ageKey ? (["age"] as const) : [])];
  const [id] = ids;
  if (id === undefined || asksForMany(ids, options)) return rotateMany(ids, options, wanted);
  const { idProblem } = await import("../../components/names.ts");
  const { unknownTenant } = await import("../tenants.ts");
  if (idProblem(id) !== undefined) throw await unknownTenant(id);
  const { findStack } = await import("../engine/workspace.ts");
  if ((await findStack(id)) === undefined) throw await unknownTenant(id);
  const { withInterrupts } = await import("../engine/interrupt.ts");
  const { rotateTenant } = await import("../engine/rotation.ts");
  const { beginProgress } = await import("../progress.ts");
  const progress = await beginProgress(`Rotating the secrets of tenant ${id}`);
  const { outcome, secrets, rotation } = await withInterrupts(() => rotateTenant(id, wanted, progress)).finally(
    progress.end,
  );
  const { note, say, sayJson } = await import("../output.ts");
  if (json) return sayJson({ tenant_id: id, outcome, secrets, rotation });
  const what = secrets.length === 0 ? "" : `: ${secrets.map((secret) => names[secret]).join(", ")}`;
  if (outcome === "finished") {
    say(`Tenant ${id}: the rotation that was begun is finished${what}. The old secrets have ended.`);
    note(`Nothing else was rotated. To do that now: npm run tenant -- rotate ${id}`);
  } else say(`Tenant ${id} has new secrets${what}. The old ones have ended.`);
}

async function rotateMany(ids: readonly string[], options: Options, wanted: readonly Secret[]): Promise<void> {
  const { rotateTenant } = await import("../engine/rotation.ts");
  const { runFleet } = await import("../fleet/run.ts");
  const { findTargets } = await import("../fleet/targets.ts");
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  const order = await findTargets(ids, options, { source: "registry" });
  const again = [...options.store.map((one) => ` --store ${one}`), ...(options.ageKey ? [" --age-key"] : [])];
  await runFleet<Rotated>(
    {
      name: `rotate${again.join("")}`,
      doing: "Rotating the secrets of",
      work: (id, reporter) => rotateTenant(id, wanted, reporter),
      failed: () => false,
      said: ({ outcome, secrets }) =>
        outcome === "finished"
          ? "what was begun is finished; nothing else was rotated"
          : `new: ${secrets.map((secret) => names[secret]).join(", ")}`,
      json: ({ outcome, secrets, rotation }) => ({ change: outcome, secrets, rotation }),
    },
    order,
    options,
  );
}

const names: Readonly<Record<Secret, string>> = {
  minio: "MinIO",
  postgresql: "PostgreSQL",
  qdrant: "Qdrant",
  redis: "Redis",
  api: "API key",
  age: "age key",
};
