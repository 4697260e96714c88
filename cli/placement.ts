// Where a tenant lives: what the registry says, and before it is there, what its stack's file says.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isMap, parseDocument } from "yaml";
import { defaultPlacement, placementOfPlatform, placementsIn } from "../providers/clients/placements.ts";
import { root } from "../toolchain/paths.ts";
import { stackFile } from "./environment.ts";
import { Problem } from "./errors.ts";

/** The placement that a stack's file names, or else the project's default; without pulumi. What is no name there is refused where it is used. */
export function placementInFile(stack: string): string {
  const own = settingIn(stackFile(stack), ["tenant-storage:placement"]) ?? settingIn(stackFile(stack), ["placement"]);
  const given = own ?? settingIn(join(root, "Pulumi.yaml"), ["placement", "default"]) ?? defaultPlacement;
  if (typeof given === "string") return given;
  const what = typeof given === "object" ? "is encrypted, and no secret: set it without --secret" : "is no text";
  throw new Problem("settings-invalid", `stacks/Pulumi.${stack}.yaml cannot be used:\n  - placement: ${what}`);
}

function settingIn(file: string, path: readonly string[]): unknown {
  const text = existsSync(file) ? readFileSync(file, "utf8") : "";
  // Most files say nothing of it, and every verification passes here.
  if (!text.includes("placement")) return undefined;
  const found = parseDocument(text).getIn(["config", ...path]);
  return isMap(found) ? (found.toJSON() as unknown) : (found ?? undefined);
}

/**
 * The placement of a stack. The registry is asked only where there is more than the default one.
 * @throws Problem when the tenant lives elsewhere than its file says
 */
export async function placementOf(stack: string, env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const platform = placementOfPlatform(stack);
  if (platform !== undefined) return platform;
  const named = placementInFile(stack);
  const { serverVariables } = await import("../providers/clients/servers.ts");
  if (named === defaultPlacement && placementsIn(serverVariables, env).length === 0) return named;
  const registered = await placementInRegistry(stack);
  if (registered === undefined || registered === named) return named;
  if (!existsSync(stackFile(stack))) return registered;
  throw moved(stack, registered, `stacks/Pulumi.${stack}.yaml says ${named}`, [
    `Set it back: pulumi config set --stack ${stack} placement ${registered}`,
  ]);
}

/**
 * Before somebody's wish for a placement is written into a tenant's file.
 * @throws Problem when the tenant lives on another one
 */
export async function refuseMove(id: string, wanted: string): Promise<void> {
  const registered = await placementInRegistry(id);
  if (registered === undefined || registered === wanted) return;
  throw moved(id, registered, `--placement says ${wanted}`, []);
}

function moved(id: string, from: string, wish: string, help: readonly string[]): Problem {
  return new Problem(
    "placement-fixed",
    `Tenant ${id} lives on placement ${from}, and ${wish}: its data do not move by themselves. Nothing was done. ` +
      [...help, "To move it: docs/operations.md, Placements"].join(". "),
  );
}

/** Where it is, or is being made; undefined when it is nowhere, or the platform database does not answer: what follows will tell. */
async function placementInRegistry(id: string): Promise<string | undefined> {
  const { withPlatform } = await import("../providers/clients/platform-db.ts");
  const { reservationOf } = await import("../providers/clients/reservations.ts");
  return withPlatform((client) => reservationOf(client, id)).then(
    (found) => found?.placement,
    () => undefined,
  );
}
