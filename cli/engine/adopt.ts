// Taking a tenant over: one `pulumi up` that imports and observes, one refresh; nothing of the tenant is changed. What it is to
// become is the next ordinary update's business. A run that fails or is killed deletes nothing, and the next one goes on.
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import { rmSync } from "node:fs";
import { adoptVariable } from "../../providers/clients/adopting.ts";
import { emitEvent, lastEvent } from "../../providers/clients/audit.ts";
import { pipeThrough } from "../../providers/clients/credentials.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { qdrantClient, tokenStateCollection } from "../../providers/clients/qdrant.ts";
import { getTenant } from "../../providers/clients/registry.ts";
import { release, reservationOf } from "../../providers/clients/reservations.ts";
import { servers } from "../../providers/clients/servers.ts";
import { root } from "../../toolchain/paths.ts";
import type { AdoptionPlan } from "../adopt/plan.ts";
import { adoptedOf, begun, copySecrets } from "../adopt/secrets.ts";
import { stackFile } from "../environment.ts";
import { Problem, withoutSecrets } from "../errors.ts";
import { PulumiError, runPulumi } from "./command.ts";
import { interrupted } from "./interrupt.ts";
import { locked, type Reporter } from "./provision.ts";
import { applyStackFile, changeSetting, isAdopting } from "./stack-file.ts";
import { removeStateFiles } from "./state-files.ts";
import { Watch } from "./watch.ts";
import { findStack, openStack, stateOf } from "./workspace.ts";

/**
 * Takes the tenant over, as planned without problems. Returns the id of its event.
 * @throws Problem when it failed. Nothing of the tenant was changed or deleted then.
 */
export async function adoptTenant(
  { id, edit, secrets, targets, look }: AdoptionPlan,
  reporter: Reporter,
): Promise<string> {
  if (edit === undefined) throw new Problem("settings-invalid", `stacks/Pulumi.${id}.yaml cannot be used`);
  const watch = new Watch(reporter.steps);
  try {
    await applyStackFile(edit);
    // From here on no other command touches the stack.
    await changeSetting(id, "adopting", secrets === undefined ? begun.new : begun.kept);
    if (secrets !== undefined) await copySecrets(id, secrets);
    const { stack } = await openStack(id);
    if (secrets !== undefined) await encryptSetting(id, "adoptedSecrets", JSON.stringify(adoptedOf(secrets)));
    await takeOver(stack, watch, targets);
    reporter.news("reading what was taken over");
    // Also forgets what a killed run had begun.
    await stack.refresh({ color: "never", suppressProgress: true, clearPendingCreates: true });
    await runPulumi(["state", "unprotect", "--all", "--yes", "--stack", id]);
  } catch (error) {
    if (error instanceof PulumiError && error.locked) throw locked(id, error);
    throw failed(id, watch, error as Error);
  }
  const event = await record(id, { credentials: secrets === undefined ? "new" : "kept", ...foundIn(look) });
  await changeSetting(id, "adopting", undefined);
  return event;
}

async function takeOver(stack: Stack, watch: Watch, targets: readonly string[]): Promise<void> {
  if (interrupted()) throw new Problem("interrupted", "Interrupted before anything was done.");
  stack.workspace.envVars[adoptVariable] = stack.name;
  await stack
    .up({ onEvent: watch.onEvent, color: "never", suppressProgress: true, target: [...targets] })
    .finally(() => Reflect.deleteProperty(stack.workspace.envVars, adoptVariable));
}

/** By standard input: arguments are everybody's to read. */
async function encryptSetting(id: string, name: string, value: string): Promise<void> {
  const args = [
    "config",
    "set",
    `tenant-storage:${name}`,
    "--secret",
    "--stack",
    id,
    "--cwd",
    root,
    "--non-interactive",
  ];
  await pipeThrough("pulumi", args, value);
}

function failed(id: string, watch: Watch, error: Error): Problem {
  const { step, cause } = watch.failure(error.message);
  const at = step === undefined || step.number === 0 ? "" : ` at ${step.name}`;
  const what = interrupted() ? `was interrupted${at}.` : `failed${at}: ${withoutSecrets(cause)}`;
  return new Problem(
    "adopt-failed",
    `Adopting tenant ${id} ${what}\n` +
      `Nothing of the tenant was changed or deleted. Go on with it: npm run tenant -- adopt ${id}\n` +
      `Or leave the tenant as it is: npm run tenant -- adopt ${id} --give-up`,
    { cause: error },
  );
}

const foundIn = ({ stores }: AdoptionPlan["look"]) =>
  Object.fromEntries(Object.entries(stores).map(([store, { found }]) => [store, found]));

/** Once: a run that was killed behind it does not repeat it. */
async function record(id: string, found: Readonly<Record<string, string | readonly string[]>>): Promise<string> {
  return withPlatform(async (client) => {
    const last = await lastEvent(client, id);
    if (last?.event_type === "TENANT_ADOPTED") return last.event_id;
    const details = { component: "provisioning-orchestrator", status: "success", ...found };
    return emitEvent(client, { tenant: id, type: "TENANT_ADOPTED", details });
  });
}

/**
 * Gives an adoption up that is not complete, or not hardened: the state, the reservation and the stack's file go, the tenant
 * stays as it is, and so does the secrets folder.
 * @throws Problem when the tenant is registered, or nobody adopts it
 */
export async function giveUp(id: string): Promise<void> {
  const [row, reservation, last] = await withPlatform(async (client) => [
    await getTenant(client, id),
    await reservationOf(client, id),
    await lastEvent(client, id),
  ]);
  if (row !== undefined) {
    throw new Problem(
      "adopt-refused",
      `Tenant ${id} is adopted and registered: it cannot be given up any more. Nothing was touched.`,
    );
  }
  if (!isAdopting(id) && last?.event_type !== "TENANT_ADOPTED") {
    throw new Problem(
      "adopt-refused",
      `Nobody adopts tenant ${id}. Nothing was touched. All tenants: npm run tenant -- list`,
    );
  }
  if ((await findStack(id)) !== undefined) {
    const { resources } = await stateOf(id);
    const force = resources.length > 0 ? ["--force"] : [];
    await runPulumi(["stack", "rm", "--stack", id, "--yes", "--preserve-config", ...force]);
    await removeStateFiles(id);
  }
  const mine = { must: [{ key: "tenant", match: { value: id } }] };
  await (await qdrantClient(servers())).delete(tokenStateCollection, { wait: true, filter: mine });
  await withPlatform(async (client) => {
    const details = { component: "provisioning-orchestrator", status: "success" };
    if (reservation !== undefined) await emitEvent(client, { tenant: id, type: "TENANT_ADOPTION_GIVEN_UP", details });
    await release(client, id);
  });
  rmSync(stackFile(id), { force: true });
}
