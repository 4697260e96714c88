// Removing a tenant: what it holds is counted first, then `pulumi destroy`, then every server is asked that nothing is left.
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { rmSync } from "node:fs";
import { tenantNames } from "../../components/names.ts";
import { servers } from "../../providers/clients/servers.ts";
import { countData, describeCounts, listTraces, tracesOf, type DataCounts } from "../../providers/clients/traces.ts";
import { emitEvent, events, lastEvent } from "../../providers/clients/audit.ts";
import { hasEnded } from "../../providers/clients/deletion.ts";
import { operator } from "../../providers/clients/operator.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { confirmVariable } from "../../providers/data-guard.ts";
import { stackFile } from "../environment.ts";
import { Problem, withoutSecrets } from "../errors.ts";
import { PulumiError } from "./command.ts";
import { removeOrphans } from "./orphans.ts";
import { findingPrimary } from "./primary.ts";
import { locked, type Reporter } from "./provision.ts";
import { described, listed } from "./rollback.ts";
import { Watch } from "./watch.ts";
import { removeStateFiles, type StateFiles } from "./state-files.ts";
import { isReal, removeStack, stateOf } from "./workspace.ts";

/** How much the tenant holds. */
export async function dataOf(id: string): Promise<DataCounts> {
  return countData(tenantNames(id), servers());
}

/** Says what would be lost and how to go on. */
export function refusal(id: string, counts: DataCounts): Problem {
  return new Problem(
    "holds-data",
    `Tenant ${id} holds data: ${describeCounts(counts)} would be deleted. Nothing was deleted. ` +
      `To delete it all: npm run tenant -- deprovision ${id} --confirm ${id}`,
  );
}

/**
 * Destroys the tenant's stack and removes it. Goes on where an earlier run stopped.
 * @param confirmed the tenant may hold data
 * @returns what became of Pulumi's state
 * @throws Problem naming what is left and why.
 */
export async function deprovisionTenant(
  stack: Stack,
  options: { readonly confirmed: boolean; readonly keepConfig: boolean },
  reporter: Reporter,
): Promise<StateFiles> {
  const id = stack.name;
  const watch = new Watch(reporter.steps);
  const { pending } = await stateOf(id);
  if (options.confirmed) stack.workspace.envVars[confirmVariable] = id;
  const destroy = () =>
    stack.destroy({
      onEvent: watch.onEvent,
      color: "never",
      suppressProgress: true,
      continueOnError: true,
      ...findingPrimary(),
    });
  try {
    await destroy().catch(async (error: unknown) => {
      if (pending.length === 0 || (error instanceof PulumiError && error.locked)) throw error;
      // A killed run had begun to make them, and the proof that nothing is left found them. Only now it is certain that no
      // other run is at work on them.
      await removeOrphans(pending);
      await destroy();
    });
  } catch (error) {
    if (error instanceof PulumiError && error.locked) throw locked(id, error);
    throw await unfinished(id, watch, error as Error);
  }
  await requireGone(id);
  const state = await removeStack(id);
  await forget(id, state, options.keepConfig);
  return state;
}

/**
 * Finishes what a killed run left after the tenant was gone: files of Pulumi's state, and the stack's. The stack is gone.
 * @returns undefined when there is nothing to finish
 */
export async function finishDeprovision(id: string, keepConfig: boolean): Promise<StateFiles | undefined> {
  if ((await withPlatform((client) => lastEvent(client, id)))?.event_type !== "TENANT_DEPROVISIONED") return undefined;
  const state = await removeStateFiles(id);
  await forget(id, state, keepConfig);
  return state;
}

/** The stack's file and the record; the file first: with the record there is nothing left to finish. */
async function forget(id: string, { backend, removed, left }: StateFiles, keepConfig: boolean): Promise<void> {
  if (!keepConfig) rmSync(stackFile(id), { force: true });
  await withPlatform(async (client) => {
    const history = await events(client, id);
    if (!hasEnded(history) || history[0]?.event_type === "TENANT_STATE_REMOVED") return;
    const details = {
      by: operator(),
      backend,
      removed_files: removed,
      left,
      stack_file: keepConfig ? "kept" : "removed",
    };
    await emitEvent(client, { tenant: id, type: "TENANT_STATE_REMOVED", details });
  });
}

async function unfinished(id: string, watch: Watch, error: Error): Promise<Problem> {
  const { step, cause } = watch.failure(error.message);
  const left = (await stateOf(id)).resources.filter(isReal);
  const at = step === undefined || step.number === 0 ? "" : ` at ${step.name}`;
  return new Problem(
    "deprovision-failed",
    `Tenant ${id} could not be removed${at}: ${withoutSecrets(cause)}\n` +
      `Left: ${listed(left.map(described))}. Remove the cause, then run it again: npm run tenant -- deprovision ${id}`,
    { cause: error },
  );
}

/** The engine believes its state; the servers know. */
async function requireGone(id: string): Promise<void> {
  const left = await tracesOf(tenantNames(id), servers(), { keys: true });
  if (left.length === 0) return;
  throw new Problem(
    "deprovision-failed",
    `Tenant ${id} is destroyed, but not gone: ${listTraces(left)}. Remove what is left, then run it again: ` +
      `npm run tenant -- deprovision ${id}`,
  );
}
