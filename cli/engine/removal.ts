// Removing a tenant whose deletion is confirmed, one of many. What one tenant is asked before that: cli/commands/deprovision.ts.
import { tenantNames } from "../../components/names.ts";
import { servers } from "../../providers/clients/servers.ts";
import { listTraces, tracesOf } from "../../providers/clients/traces.ts";
import { Problem } from "../errors.ts";
import { unknownTenant } from "../tenants.ts";
import { deprovisionTenant, finishDeprovision } from "./deprovision.ts";
import type { Reporter } from "./provision.ts";
import { isAdopting } from "./stack-file.ts";
import { findStack } from "./workspace.ts";

/** What became of it. */
export interface Removed {
  /** `was gone`: only what an interrupted run had left of Pulumi's state was removed. */
  readonly outcome: "removed" | "was gone";
  /** What of Pulumi's state is not ours to remove: an address. */
  readonly left: string | null;
}

/**
 * Deletes the tenant with its data. Somebody has confirmed that.
 * @throws Problem naming what is left and why
 */
export async function removeConfirmed(id: string, keepConfig: boolean, reporter: Reporter): Promise<Removed> {
  const stack = await findStack(id);
  if (stack === undefined) {
    await requireNoTraces(id);
    const finished = await finishDeprovision(id, keepConfig);
    if (finished === undefined) throw await unknownTenant(id);
    return { outcome: "was gone", left: finished.left };
  }
  refuseAdopting(id);
  const { left } = await deprovisionTenant(stack, { confirmed: true, keepConfig }, reporter);
  return { outcome: "removed", left };
}

/** @throws Problem when somebody has begun to adopt the tenant: it was somebody's before this program knew it. */
export function refuseAdopting(id: string): void {
  if (!isAdopting(id)) return;
  throw new Problem(
    "adopt-unfinished",
    `The adoption of tenant ${id} is not complete. Nothing was deleted. Finish it first: npm run tenant -- adopt ${id}. ` +
      `Or leave the tenant as it is: npm run tenant -- adopt ${id} --give-up`,
  );
}

/** There is no stack: of a tenant that is there, the state is elsewhere. @throws Problem naming what there is */
export async function requireNoTraces(id: string): Promise<void> {
  const traces = await tracesOf(tenantNames(id), servers(), { keys: true });
  if (traces.length === 0) return;
  throw new Problem(
    "backend-other",
    `Tenant ${id} has no stack in ${process.env["PULUMI_BACKEND_URL"] ?? "Pulumi's backend"}, but it exists: ` +
      `${listTraces(traces)}. Nothing was deleted. Use the backend it was made with: set PULUMI_BACKEND_URL`,
  );
}
