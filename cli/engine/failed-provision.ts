// What happens when provisioning fails (plan, section 7.1): what this run made is removed in reverse order, the failure is
// recorded, and one message says what failed, why, what was taken back and what to do.
import { useStackConfig } from "../environment.ts";
import { Problem, withoutSecrets } from "../errors.ts";
import type { Reporter } from "./provision.ts";
import { plural } from "../output.ts";
import { interrupted } from "./interrupt.ts";
import { listed, rollBack, type RolledBack } from "./rollback.ts";
import { undoStackFile, type StackFileEdit } from "./stack-file.ts";
import { resourceName, stepOfUrn } from "./steps.ts";
import type { Failure, Watch } from "./watch.ts";
import { removeStack, stateOf, type OpenStack } from "./workspace.ts";

/** A run that failed. */
export interface FailedRun {
  readonly id: string;
  readonly edit: StackFileEdit;
  readonly opened: OpenStack;
  readonly watch: Watch;
  readonly error: Error;
  readonly reporter: Reporter;
}

/** Takes back what the run made, unless the tenant was there before. Returns the error to show. */
export async function failedProvision(run: FailedRun): Promise<Problem> {
  const { id, watch, error } = run;
  const failure = watch.failure(error.message);
  await useStackConfig(id).catch(() => undefined); // Then the environment's servers are asked, and say what is wrong.
  const known = await registration(run);
  if (known === "before")
    return new Problem("provision-failed", `${whatFailed(id, failure, "Updating")}\n${updateHelp(run.edit)}`, {
      cause: error,
    });

  const rolledBack = known === "unknown" ? unreadable(id) : await takeBack(run);
  const lines = [
    whatFailed(id, failure, "Provisioning"),
    whatIsLeft(id, rolledBack, run.opened.isNew),
    await record(id, failure, rolledBack),
    help(run, failure, rolledBack),
  ];
  return new Problem("provision-failed", lines.filter((line) => line !== "").join("\n"), { cause: error });
}

/** Whether the tenant was registered before this run, or adopted: then it was somebody's before this program knew it. */
async function registration({ id, opened, watch }: FailedRun): Promise<"before" | "not before" | "unknown"> {
  try {
    const rows = (await stateOf(id)).resources.filter(({ type }) => type.endsWith(":RegistryRow"));
    if (rows.some(({ urn }) => !watch.created.has(urn))) return "before";
    return !opened.isNew && (await wasAdopted(id)) ? "before" : "not before";
  } catch {
    return "unknown";
  }
}

async function wasAdopted(id: string): Promise<boolean> {
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { lastEvent } = await import("../../providers/clients/audit.ts");
  return (await withPlatform((client) => lastEvent(client, id)))?.event_type === "TENANT_ADOPTED";
}

/** What cannot be known is not removed. */
const unreadable = (id: string): RolledBack => ({
  removed: 0,
  left: ["whatever the run had made"],
  problems: [`Pulumi's state of stack ${id} cannot be read`],
  kept: 0,
});

async function takeBack({ id, edit, opened, watch, reporter }: FailedRun): Promise<RolledBack> {
  reporter.news("failed; removing what was made");
  try {
    const rolledBack = await rollBack(id, opened.stack, watch);
    if (rolledBack.left.length > 0) return rolledBack;
    if (opened.isNew) await removeStack(id);
    await undoStackFile(edit);
    return rolledBack;
  } catch (error) {
    return { ...unreadable(id), problems: [(error as Error).message] };
  }
}

function whatFailed(id: string, { step, urn, cause }: Failure, what: string): string {
  const at = step === undefined ? "" : step.number === 0 ? " before step 1" : ` at step ${step.number}, ${step.name}`;
  // The reservation looks at every store: its message says which one it is about.
  const resource = urn === undefined || stepOfUrn(urn)?.number !== step?.number ? "" : ` (${resourceName(urn)})`;
  if (interrupted()) return `${what} tenant ${id} was interrupted${at}.`;
  return `${what} tenant ${id} failed${at}${resource}: ${withoutSecrets(cause)}`;
}

const updateHelp = ({ id, again }: StackFileEdit): string =>
  `The tenant was there before, so nothing was rolled back; what was changed before the failure stays. ` +
  `Remove the cause, then run it again: ${again}. See what it would do: pulumi preview --stack ${id}`;

function whatIsLeft(id: string, { removed, left, problems, kept }: RolledBack, isNew: boolean): string {
  if (left.length > 0) {
    return (
      `Not everything could be rolled back. Left: ${listed(left)}. Why: ${withoutSecrets(problems.join("; "))}\n` +
      `Finish it when the cause is gone: npm run tenant -- deprovision ${id}`
    );
  }
  if (removed === 0) return "Nothing had been made.";
  const rest =
    kept > 0
      ? ` What an earlier run had made stays (${plural(kept, "resource")}): npm run tenant -- deprovision ${id}`
      : "";
  return `Rolled back: all that this run had made is removed${isNew ? ", the stack and its file too" : ""}.${rest}`;
}

/** The event; when the platform database cannot take it, it waits on disk for the next command. */
async function record(id: string, { step, urn, cause }: Failure, { left }: RolledBack): Promise<string> {
  const { emitOrKeep } = await import("../../providers/clients/outbox.ts");
  const details = {
    component: "provisioning-orchestrator",
    status: "failed",
    failed_step: step?.number ?? null,
    step: step?.name ?? null,
    resource: urn === undefined ? null : resourceName(urn),
    cause: withoutSecrets(cause).slice(0, 2000),
    rolled_back: left.length === 0,
    left,
  };
  const emitted = await emitOrKeep({ tenant: id, type: "TENANT_PROVISION_FAILED", details });
  const { notify } = await import("../notify/index.ts");
  await notify({ id: emitted.eventId, type: "tenant.provision_failed", tenant: id, details });
  if (emitted.recorded) return "";
  return `The event TENANT_PROVISION_FAILED is kept in ${emitted.file}; the next tenant command delivers it.`;
}

function help({ edit }: FailedRun, { cause }: Failure, { left }: RolledBack): string {
  if (left.length > 0) return "";
  return interrupted() ? `Run it again: ${edit.again}` : `Remove the cause${hint(cause)}, then: ${edit.again}`;
}

/** The command that helps, where it is known. */
function hint(cause: string): string {
  if (cause.includes("no resource plugin")) return " (install what is missing: npm run demo)";
  if (/ECONN|ETIMEDOUT|cannot be used/.test(cause)) return " (the local stores: npm run stores -- start)";
  return "";
}
