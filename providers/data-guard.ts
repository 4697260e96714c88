// Stands before a tenant's data. It is made last, so that it is deleted first: a destroy that is not allowed stops before
// anything else is touched.
import type { CustomResourceOptions } from "@pulumi/pulumi";
import { readdir, readFile } from "node:fs/promises";
import { parse } from "yaml";
import { tenantNames } from "../components/names.ts";
import { emitEvent, lastEvent } from "./clients/audit.ts";
import { operator } from "./clients/operator.ts";
import { withPlatform } from "./clients/platform-db.ts";
import { packaged } from "./clients/place.ts";
import { secretFiles } from "./clients/secrets-dir.ts";
import { servers } from "./clients/servers.ts";
import { countData, describeCounts } from "./clients/traces.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";
import { rollbackVariable } from "./reservation.ts";

export interface DataGuardInputs {
  readonly tenant: string;
  /** Lets a destroy delete data. */
  readonly allowDestroy: boolean;
}

/** `tenant deprovision --confirm ID` sets it to the tenant's id. */
export const confirmVariable = "TENANT_CONFIRM_DESTROY";

/**
 * The stack's file as it is now counts too: an `up` only to allow a destroy would be one run too many. (On destroy the
 * engine hands plugins the configuration of the last update.)
 */
async function allowedByFile(tenant: string): Promise<boolean> {
  // Another's program has a configuration of its own.
  if (packaged) return false;
  const file = new URL(`../stacks/Pulumi.${tenant}.yaml`, import.meta.url);
  const text = await readFile(file, "utf8").catch(() => "{}");
  const document = parse(text) as { config?: Record<string, unknown> } | null;
  return [true, "true"].includes(document?.config?.["tenant-storage:allowDestroy"] as boolean | string);
}

/** What the deletion report says was shredded. */
async function keyMaterial(tenant: string): Promise<{ key_files: string[]; age_public_key: string | null }> {
  const { folder, publicKey } = secretFiles(tenant);
  const key = await readFile(publicKey, "utf8").catch(() => "");
  return {
    key_files: (await readdir(folder).catch(() => [])).sort(),
    age_public_key: key.trim() === "" ? null : key.trim(),
  };
}

export const provider = dynamicProvider<DataGuardInputs, DataGuardInputs>({
  describe: ({ tenant }) => `guard of tenant ${tenant}'s data`,
  id: ({ tenant }) => tenant,
  inputs: { tenant: "replace", allowDestroy: "update" },
  ensure: async (desired) => desired,
  observe: async (recorded) => recorded,
  async remove({ tenant, allowDestroy }) {
    const all = servers();
    const counts = await countData(tenantNames(tenant), all);
    const holdsData = Object.values(counts).some((count: number) => count > 0);
    const allowed = allowDestroy || process.env[confirmVariable] === tenant || (await allowedByFile(tenant));
    if (holdsData && !allowed) {
      throw new Error(
        `tenant ${tenant} holds data: ${describeCounts(counts)} would be deleted. Nothing was deleted. To delete it all: ` +
          `npm run tenant -- deprovision ${tenant} --confirm ${tenant}, or set allowDestroy: true in ` +
          `stacks/Pulumi.${tenant}.yaml and run pulumi destroy --stack ${tenant} again`,
      );
    }
    if (holdsData) process.stderr.write(`tenant ${tenant}: deleting ${describeCounts(counts)}\n`);
    if (process.env[rollbackVariable] === "1") return; // Its end is TENANT_PROVISION_FAILED.
    const details = {
      component: "provisioning-orchestrator",
      status: "started",
      by: operator(),
      ...counts,
      ...(await keyMaterial(tenant)),
    };
    await withPlatform(async (client) => {
      const last = await lastEvent(client, tenant);
      if (last === undefined || last.event_type === "TENANT_DEPROVISIONING") return;
      await emitEvent(client, { tenant, type: "TENANT_DEPROVISIONING", details });
    });
  },
});

/** Refuses to be deleted while the tenant holds data, unless that is allowed. Depends on everything of the tenant. */
export class DataGuard extends DynamicResource {
  constructor(name: string, args: DataGuardInputs, opts?: CustomResourceOptions) {
    super("DataGuard", "data-guard", name, { ...args }, opts);
  }
}
