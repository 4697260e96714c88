// Which tenants there are, for people who mistyped one.
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { canaryId, idProblem } from "../components/names.ts";
import { similar } from "../stacks/similar.ts";
import { root } from "../toolchain/paths.ts";
import { Problem } from "./errors.ts";

export { similar } from "../stacks/similar.ts";

/** The tenants that have a stack file here. */
export function configuredTenants(): string[] {
  return readdirSync(join(root, "stacks"))
    .flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? [])
    .filter((id) => idProblem(id) === undefined);
}

/** The registered tenants; none when the platform database does not answer: the caller has a better message. */
async function registeredTenants(): Promise<string[]> {
  const { withPlatform } = await import("../providers/clients/platform-db.ts");
  const { listTenants } = await import("../providers/clients/registry.ts");
  return withPlatform(listTenants).then(
    (rows) => rows.map(({ tenant_id }) => tenant_id),
    () => [],
  );
}

/** Whether the registry says so. A platform database that does not answer says nothing: what the caller does will tell. */
export async function isSuspended(id: string): Promise<boolean> {
  const { withPlatform } = await import("../providers/clients/platform-db.ts");
  const { getTenant } = await import("../providers/clients/registry.ts");
  return withPlatform((client) => getTenant(client, id)).then(
    (row) => row?.status === "suspended",
    () => false,
  );
}

/** Says that there is no such tenant, or not here, and which ones are alike. */
export async function unknownTenant(id: string): Promise<Problem> {
  const wrong = idProblem(id);
  const [registered, configured] = [await registeredTenants(), configuredTenants()];
  if (registered.includes(id)) {
    return new Problem(
      "tenant-unknown",
      `Tenant ${id} is registered, but what this needs of it is not here: its credentials, or its stack. Point TENANT_SECRETS_DIR and ` +
        `PULUMI_BACKEND_URL at where they are. All tenants: npm run tenant -- list`,
    );
  }
  if (configured.includes(id)) {
    return new Problem(
      "tenant-unknown",
      `There is no tenant ${id} yet, only its file stacks/Pulumi.${id}.yaml. Make it: npm run tenant -- up ${id}`,
    );
  }
  const known = [...new Set([...registered, ...configured])];
  const alike = similar(id, known);
  const which = alike.length > 0 ? ` Did you mean ${alike.join(" or ")}?` : "";
  const code = wrong === undefined ? "tenant-unknown" : "id-invalid";
  return new Problem(code, `${wrong ?? `There is no tenant ${id}`}.${which} All tenants: npm run tenant -- list`);
}

/**
 * A tenant without credentials is mistyped, or not of this checkout.
 * @throws Problem that says which ones are alike.
 */
export async function requireTenant(id: string): Promise<void> {
  const { secretFiles } = await import("../providers/clients/secrets-dir.ts");
  if ((id === canaryId || idProblem(id) === undefined) && existsSync(secretFiles(id).folder)) return;
  throw await unknownTenant(id);
}
