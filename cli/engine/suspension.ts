// Suspending and resuming a tenant: the setting in its stack file, `pulumi up`, and a proof by each server.
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { Problem, withoutSecrets } from "../errors.ts";
import type { Check, Report, Store } from "../verify/report.ts";
import { PulumiError } from "./command.ts";
import { interrupted } from "./interrupt.ts";
import { locked, up, type Reporter, type UpOptions } from "./provision.ts";
import { applyStackFile, yieldStackFile, type StackFileEdit } from "./stack-file.ts";
import { Watch } from "./watch.ts";

/** What a run did. */
export type Suspension = "suspended" | "resumed" | "unchanged";

/**
 * Shuts the tenant out of every store. A store that fails keeps none of the others open; the setting stays, so that the next
 * run finishes it.
 * @param edit the tenant's stack file, from `planSuspension`
 * @throws Problem naming the stores that still let the tenant in, or do not answer
 */
export async function suspendTenant(stack: Stack, edit: StackFileEdit, reporter: Reporter): Promise<Suspension> {
  const { id } = edit;
  let watch: Watch;
  try {
    watch = await run(stack, edit, reporter, { continueOnError: true });
    if (proved(watch)) return "suspended";
    // The state says that it was suspended before. The servers know.
    reporter.news("asking every server");
    const report = await prove(id, true);
    if (report.overall_pass) return watch.changes === 0 ? "unchanged" : "suspended";
    reporter.news("something lets it in again; putting that back");
    await run(stack, edit, reporter, { continueOnError: true, refresh: true });
  } catch (error) {
    if (error instanceof Problem) throw error;
    throw await notEverywhere(edit, (error as RunError).watch.failure((error as Error).message).cause, error as Error);
  }
  const report = await prove(id, true);
  if (!report.overall_pass) throw await notEverywhere(edit, "the verification did not pass", undefined, report);
  return "suspended";
}

/**
 * Lets the tenant in again, with the credentials it had.
 * @throws Problem
 */
export async function resumeTenant(stack: Stack, edit: StackFileEdit, reporter: Reporter): Promise<Suspension> {
  const { id, again } = edit;
  try {
    const watch = await run(stack, edit, reporter, {});
    if (watch.changes === 0) return "unchanged";
    if (proved(watch)) return "resumed";
    // A suspension that had not come to its own proof.
    if ((await prove(id, false)).overall_pass) return "resumed";
  } catch (error) {
    if (error instanceof Problem) throw error;
    const { step, cause } = (error as RunError).watch.failure((error as Error).message);
    const at = step === undefined ? "" : ` at step ${step.number}, ${step.name}`;
    const what = interrupted() ? `was interrupted${at}` : `failed${at}: ${withoutSecrets(cause)}`;
    throw new Problem(
      "resume-failed",
      `Resuming tenant ${id} ${what}\nWhere it had come to, the tenant is let in; nothing was lost. ` +
        `Remove the cause, then finish it: ${again}. Or shut it out again: npm run tenant -- suspend ${id}`,
      { cause: error },
    );
  }
  throw new Problem(
    "verification-failed",
    `Tenant ${id} is let in again, but the verification did not pass: npm run tenant -- verify ${id}`,
  );
}

/** A run of pulumi that failed, with what it reported. */
class RunError extends Error {
  readonly watch: Watch;
  constructor(watch: Watch, cause: Error) {
    super(cause.message, { cause });
    this.watch = watch;
  }
}

async function run(stack: Stack, edit: StackFileEdit, reporter: Reporter, options: UpOptions): Promise<Watch> {
  const watch = new Watch(reporter.steps);
  await applyStackFile(edit);
  try {
    await up(stack, watch, options);
    return watch;
  } catch (error) {
    if (error instanceof PulumiError && error.locked) {
      await yieldStackFile(edit);
      throw locked(edit.id, error);
    }
    throw error instanceof Problem ? error : new RunError(watch, error as Error);
  }
}

/** Whether this run ended with a verification. */
const proved = ({ created }: Watch): boolean => [...created.values()].some(({ type }) => type.startsWith("command:"));

async function prove(id: string, suspended: boolean): Promise<Report> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(id);
  const { verifyAndStore } = await import("../verify/index.ts");
  const { configuredRecipients } = await import("../recipients.ts");
  return (await verifyAndStore(id, { suspended, extraRecipients: configuredRecipients(id) })).report;
}

const storeNames: readonly (readonly [store: Store, name: string])[] = [
  ["minio", "MinIO"],
  ["postgresql", "PostgreSQL"],
  ["qdrant", "Qdrant"],
  ["redis", "Redis"],
];

/** Says which stores are shut and which are not, as the servers answer, and records it. */
async function notEverywhere(edit: StackFileEdit, cause: string, error?: Error, known?: Report): Promise<Problem> {
  const { id, again } = edit;
  const { checks } = known ?? (await prove(id, true));
  const { shutOut } = await import("../verify/suspended.ts");
  const doors = storeNames.map(([store, name]) => ({
    name,
    check: checks.find((one) => one.store === store && one.test === shutOut),
  }));
  const shut = doors.filter(({ check }) => check?.pass).map(({ name }) => name);
  const open = doors.filter(({ check }) => !check?.pass);
  const failed = checks.filter(({ pass }) => !pass).map(({ store, test, detail }) => `${store} ${test}: ${detail}`);
  const { emitOrKeep } = await import("../../providers/clients/outbox.ts");
  const emitted = await emitOrKeep({
    tenant: id,
    type: "TENANT_SUSPEND_FAILED",
    details: {
      component: "provisioning-orchestrator",
      status: "failed",
      cause: withoutSecrets(cause).slice(0, 2000),
      shut_out: shut,
      not_shut_out: open.map(({ name }) => name),
    },
  });
  const lines = [
    interrupted()
      ? `Suspending tenant ${id} was interrupted.`
      : `Suspending tenant ${id} failed: ${withoutSecrets(cause)}`,
    ...(shut.length > 0 ? [`Shut out of: ${shut.join(", ")}.`] : []),
    ...open.map(({ name, check }) => `NOT shut out of ${name}: ${answer(check)}`),
    ...(open.length === 0 ? [`Failed checks: ${failed.join("; ")}`] : []),
    ...(emitted.recorded
      ? []
      : [`The event TENANT_SUSPEND_FAILED is kept in ${emitted.file}; the next tenant command delivers it.`]),
    `Remove the cause, then finish it: ${again}. stacks/Pulumi.${id}.yaml says suspended: every pulumi up goes on, too.`,
  ];
  return new Problem("suspend-failed", lines.join("\n"), { cause: error });
}

function answer(check: Check | undefined): string {
  if (check === undefined) return "it was not asked";
  return check.result === "ERROR"
    ? `it does not answer (${withoutSecrets(check.detail)})`
    : withoutSecrets(check.detail);
}
