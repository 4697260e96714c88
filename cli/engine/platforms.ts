// The platform stacks: one a placement, with what the tenants there share.
import { existsSync } from "node:fs";
import { defaultPlacement, placementOfPlatform, placementsIn } from "../../providers/clients/placements.ts";
import { serverVariables } from "../../providers/clients/servers.ts";
import { stackFile } from "../environment.ts";
import { changeSetting } from "./stack-file.ts";

/** How messages call it, at the beginning of a sentence. */
export function nameOfPlatform(stack: string): string {
  const placement = placementOfPlatform(stack) ?? defaultPlacement;
  return placement === defaultPlacement ? "The platform" : `The platform of placement ${placement}`;
}

/**
 * Writes the files of platform stacks that have none: they say their placement and nothing else. Of a placement that nobody knows
 * none is written: its name is mistyped.
 */
export async function writePlatformFiles(stacks: readonly string[]): Promise<void> {
  for (const stack of stacks) {
    const placement = placementOfPlatform(stack);
    if (placement === undefined || !placementsIn(serverVariables).includes(placement)) continue;
    if (!existsSync(stackFile(stack))) await changeSetting(stack, "placement", placement);
  }
}
