// Removes in reverse order what a failed run made, and nothing else.
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { rmdir } from "node:fs/promises";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { rollbackVariable } from "../../providers/reservation.ts";
import { removeOrphans } from "./orphans.ts";
import { planStep, resourceName, stepOfUrn } from "./steps.ts";
import { Watch } from "./watch.ts";
import { isReal, stateOf, type StateResource } from "./workspace.ts";

/** What became of it. */
export interface RolledBack {
  /** How many resources were removed. */
  readonly removed: number;
  /** What this run made and could not be removed, for people: `MinIO: S3Bucket acme`. */
  readonly left: readonly string[];
  /** Why. */
  readonly problems: readonly string[];
  /** How many resources there were before this run. They stay. */
  readonly kept: number;
}

/** Removes what the run that `watch` listened to has made in the stack. */
export async function rollBack(id: string, stack: Stack, watch: Watch): Promise<RolledBack> {
  const made = watch.created;
  const { resources, pending } = await stateOf(id);
  const problems = await removeOrphans([...watch.unrecorded(new Set(resources.map(({ urn }) => urn))), ...pending]);
  const mine = resources.filter((resource) => isReal(resource) && made.has(resource.urn));
  const kept = resources.filter(isReal).length - mine.length;
  // Without targets everything would go: only when all of it is this run's.
  if (kept === 0 && resources.length > 0) problems.push(...(await destroy(stack, undefined)));
  else if (mine.length > 0) problems.push(...(await destroy(stack, mine)));
  const { resources: after } = await stateOf(id);
  const left = after.filter((resource) => isReal(resource) && made.has(resource.urn));
  // A first step that fails early is in no state; its empty folder goes too.
  if (after.length === 0) await rmdir(secretFiles(id).folder).catch(() => undefined);
  return {
    removed: mine.length - left.length,
    left: left.map(described),
    problems: left.length === 0 ? [] : problems,
    kept,
  };
}

/** Destroys the stack, or only these resources of it. Returns why that was not possible. */
async function destroy(stack: Stack, only: readonly StateResource[] | undefined): Promise<string[]> {
  stack.workspace.envVars[rollbackVariable] = "1";
  const watch = new Watch();
  try {
    await stack.destroy({
      onEvent: watch.onEvent,
      color: "never",
      suppressProgress: true,
      // One store that is down must not keep the others' resources.
      continueOnError: true,
      ...(only === undefined ? {} : { target: only.map(({ urn }) => urn) }),
    });
    return [];
  } catch (error) {
    return [watch.failure((error as Error).message).cause];
  }
}

/** The first of them, and how many more. */
export function listed(left: readonly string[]): string {
  return left.length <= 10 ? left.join(", ") : `${left.slice(0, 9).join(", ")} and ${left.length - 9} more`;
}

/** `MinIO: S3Bucket acme` */
export function described({ urn }: Pick<StateResource, "urn">): string {
  const step = stepOfUrn(urn) ?? planStep(0);
  return step.number === 0 ? resourceName(urn) : `${step.name}: ${resourceName(urn)}`;
}
