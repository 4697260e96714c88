// The age recipients that a stack's configuration names beside the tenant.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { canaryId } from "../components/names.ts";
import { platformStack } from "../providers/clients/placements.ts";
import { currentPlacement } from "../providers/clients/servers.ts";
import { root } from "../toolchain/paths.ts";
import { stackFile } from "./environment.ts";

interface Configured {
  readonly config?: Readonly<Record<string, unknown>> | null;
}

const read = (file: string): Configured =>
  existsSync(file) ? ((parse(readFileSync(file, "utf8")) ?? {}) as Configured) : {};

/**
 * Who can open the tenant's SOPS file and its exports beside the tenant itself, as its stack's file says now; without a word in
 * it, the project file's default.
 */
export function configuredRecipients(tenant: string): string[] {
  const { config } = read(stackFile(tenant === canaryId ? platformStack(currentPlacement()) : tenant));
  const project = read(join(root, "Pulumi.yaml")).config?.["recipients"] as { default?: unknown } | undefined;
  const given = config?.["tenant-storage:recipients"] ?? config?.["recipients"] ?? project?.default;
  return [given ?? []].flat().map(String);
}
