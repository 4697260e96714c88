// tenant rotate ID: new secrets, without a moment in which none works.
import { Command, InvalidArgumentError, Option } from "commander";
import { rotatable, type Secret } from "../../components/rotation.ts";

interface Options {
  readonly store: readonly Secret[];
  readonly ageKey?: true;
  readonly json?: true;
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
  return new Command("rotate")
    .description("give a tenant new credentials, and end the old ones when the new ones are proven")
    .argument("<id>", "the tenant")
    .addOption(
      new Option("--store <store>", "only this one; repeat it for more")
        .choices(credentials)
        .argParser(storeNamed)
        .default([], "all five"),
    )
    .option("--age-key", "also encrypt them to a new age key; without --store, do only that")
    .option("--json", "print the outcome as JSON")
    .addHelpText(
      "after",
      `
Raises the numbers under rotation in stacks/Pulumi.<id>.yaml and runs pulumi up; a pull request that raises them does the same.
MinIO, Qdrant and Redis accept both credentials until the new ones are verified. PostgreSQL knows one password: it changes
in the moment in which the SOPS file does. An application that reads its credentials again when a server refuses them, or
ends its session, loses no request. A rotation that was begun and not finished is finished first, instead of another one.

Example: npm run tenant -- rotate initech --store redis --store minio`,
    )
    .action(rotate);
}

async function rotate(id: string, { store, ageKey, json }: Options): Promise<void> {
  const { idProblem } = await import("../../components/names.ts");
  const { unknownTenant } = await import("../tenants.ts");
  if (idProblem(id) !== undefined) throw await unknownTenant(id);
  const { findStack } = await import("../engine/workspace.ts");
  if ((await findStack(id)) === undefined) throw await unknownTenant(id);
  const stores = store.length === 0 && !ageKey ? credentials : credentials.filter((one) => store.includes(one));
  const { withInterrupts } = await import("../engine/interrupt.ts");
  const { rotateTenant } = await import("../engine/rotation.ts");
  const { beginProgress } = await import("../progress.ts");
  const progress = await beginProgress(`Rotating the secrets of tenant ${id}`);
  const wanted: Secret[] = [...stores, ...(ageKey ? (["age"] as const) : [])];
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

const names: Readonly<Record<Secret, string>> = {
  minio: "MinIO",
  postgresql: "PostgreSQL",
  qdrant: "Qdrant",
  redis: "Redis",
  api: "API key",
  age: "age key",
};
