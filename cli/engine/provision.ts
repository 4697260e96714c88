// Provisioning a tenant: its stack file, its stack, `pulumi up`, and the way back when that fails.
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { Problem } from "../errors.ts";
import { warmUp } from "../host/index.ts";
import { PulumiError } from "./command.ts";
import { interrupted } from "./interrupt.ts";
import { failedProvision } from "./failed-provision.ts";
import { forgetLeftovers, leftoversOf, removeLeftovers } from "./leftovers.ts";
import { applyStackFile, undoStackFile, yieldStackFile, type StackFileEdit } from "./stack-file.ts";
import type { PlanStep } from "./steps.ts";
import { Watch } from "./watch.ts";
import { inStack, type OpenStack } from "./workspace.ts";

/** What a run did. */
export type Provisioned = "provisioned" | "updated" | "unchanged";

/** Who wants to know what happens. */
export interface Reporter {
  /** The plan's steps that are at work. */
  readonly steps: (steps: readonly PlanStep[]) => void;
  /** A sentence about what happens now. */
  readonly news: (text: string) => void;
}

export interface UpOptions {
  /** Ask the servers first what is there: the state may be wrong. */
  readonly refresh?: boolean;
  /** A failure stops what depends on it, and nothing else. */
  readonly continueOnError?: boolean;
}

/**
 * Provisions a tenant, or brings it up to date.
 * @param edit the tenant's stack file, from `planStackFile`
 * @throws Problem when the run failed, after everything it made was taken back. A tenant that was provisioned before is
 * never taken back.
 */
export async function provisionTenant(
  edit: StackFileEdit,
  reporter: Reporter,
  options: UpOptions = {},
): Promise<Provisioned> {
  const { id } = edit;
  warmUp();
  await applyStackFile(edit);
  let outcome: Provisioned | Problem;
  try {
    outcome = await inStack(id, (opened) => provisionIn(opened, edit, reporter, options));
  } catch (error) {
    if (error instanceof PulumiError && error.locked) {
      await yieldStackFile(edit);
      throw locked(id, error);
    }
    await undoStackFile(edit);
    throw error;
  }
  if (outcome instanceof Problem) throw outcome;
  return outcome;
}

/** Returns what became of it; a run that failed, after everything it made was taken back. */
async function provisionIn(
  opened: OpenStack,
  edit: StackFileEdit,
  reporter: Reporter,
  options: UpOptions,
): Promise<Provisioned | Problem> {
  const { id } = edit;
  const watch = new Watch(reporter.steps);
  // With a refresh the engine does not say whether a killed run left something.
  const leftovers = async () => (watch.foundLeftovers || options.refresh ? leftoversOf(id) : []);
  try {
    await up(opened.stack, watch, options).catch(async (error: unknown) => {
      const left = interrupted() || (error instanceof PulumiError && error.locked) ? [] : await leftovers();
      if (left.length === 0) throw error;
      await removeLeftovers(left);
      await up(opened.stack, watch, options);
    });
    if ((await leftovers()).length > 0) await forgetLeftovers(id);
  } catch (error) {
    if (error instanceof PulumiError && (error.locked || error.notFound)) throw error;
    return failedProvision({ id, edit, opened, watch, error: error as Error, reporter });
  }
  if (watch.changes === 0) return "unchanged";
  return [...watch.created.keys()].some((urn) => urn.includes("tenant:RegistryRow")) ? "provisioned" : "updated";
}

/** `pulumi up` with the real program. */
export async function up(stack: Stack, watch: Watch, options: UpOptions = {}): Promise<void> {
  if (interrupted()) throw new Problem("interrupted", "Interrupted before anything was made.");
  await stack.up({ onEvent: watch.onEvent, color: "never", suppressProgress: true, ...options });
}

/** Another run holds the stack. Says who and since when, so that nobody breaks the lock of a run that is alive. */
export function locked(id: string, error: PulumiError): Problem {
  const [holder] = error.holders;
  const who =
    holder === undefined
      ? ""
      : ` (${holder.user} on ${holder.host}, process ${holder.pid}${holder.since === "" ? "" : `, since ${holder.since}`})`;
  return new Problem(
    "lock-held",
    `Another run works on tenant ${id}${who}. Nothing was done here. ` +
      `Wait for it. If that process is gone: pulumi cancel --stack ${id} --yes`,
    { cause: error },
  );
}
