// Removes in reverse order what a failed run made, and nothing else.
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { rollbackVariable } from "../../providers/reservation.ts";
import { planStep, resourceName, stepOfUrn } from "./steps.ts";
import { Watch } from "./watch.ts";
import { resourcesOf, type StateResource } from "./workspace.ts";

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

/** Components and provider instances exist in the state only. */
const isReal = ({ type }: StateResource): boolean => !type.startsWith("pulumi:") && !type.startsWith("tenant-storage:");

/** Removes the resources of the stack that are among `made`. */
export async function rollBack(id: string, stack: Stack, made: ReadonlySet<string>): Promise<RolledBack> {
  const before = await resourcesOf(id);
  const mine = before.filter(({ urn, type }) => made.has(urn) || type.startsWith("pulumi:providers:"));
  const kept = before.filter((resource) => isReal(resource) && !made.has(resource.urn)).length;
  const real = mine.filter(isReal).length;
  if (before.length === 0) return { removed: 0, left: [], problems: [], kept };

  const problems: string[] = [];
  const watch = new Watch();
  process.env[rollbackVariable] = "1";
  try {
    await stack.destroy({
      onEvent: watch.onEvent,
      color: "never",
      suppressProgress: true,
      // One store that is down must not keep the others' resources.
      continueOnError: true,
      // Without targets the stack is destroyed whole, which also empties it of providers.
      ...(kept === 0 ? {} : { target: mine.filter(isReal).map(({ urn }) => urn) }),
    });
  } catch (error) {
    problems.push(watch.failure((error as Error).message).cause);
  } finally {
    Reflect.deleteProperty(process.env, rollbackVariable);
  }
  const after = await resourcesOf(id);
  const left = after.filter((resource) => isReal(resource) && made.has(resource.urn));
  return { removed: real - left.length, left: left.map(described), problems, kept };
}

/** `MinIO: S3Bucket acme` */
export function described({ urn }: Pick<StateResource, "urn">): string {
  const step = stepOfUrn(urn) ?? planStep(0);
  return step.number === 0 ? resourceName(urn) : `${step.name}: ${resourceName(urn)}`;
}
