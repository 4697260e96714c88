// Drift of a tenant: what its servers, files and records say, against what was deployed. Pulumi's refresh asks every provider
// what there is; what belongs to no resource is asked beside it (cli/drift/). Nothing is changed or recorded until a repair.
import type { EngineEvent, Stack } from "@pulumi/pulumi/automation/index.js";
import { canaryId, tenantNames } from "../../components/names.ts";
import { placementOfPlatform } from "../../providers/clients/placements.ts";
import { besides } from "../drift/besides.ts";
import { sorted, told, type Difference } from "../drift/difference.ts";
import { driftIn } from "../drift/events.ts";
import { useStackConfig } from "../environment.ts";
import { Problem, withoutSecrets } from "../errors.ts";
import { isSuspended, unknownTenant } from "../tenants.ts";
import { PulumiError } from "./command.ts";
import { interrupted } from "./interrupt.ts";
import { findingPrimary } from "./primary.ts";
import { locked, up, type Reporter } from "./provision.ts";
import { nameOfPlatform } from "./platforms.ts";
import { isAdopting } from "./stack-file.ts";
import { Watch } from "./watch.ts";
import { findStack } from "./workspace.ts";

/** What a repair did. */
export interface Repaired {
  /** What was put back, `PostgreSQL: Role acme: connectionLimit: 20 → -1`. */
  readonly repaired: readonly Difference[];
  /** What an update cannot put back: each with its `help`. */
  readonly left: readonly Difference[];
  /** The audit event; undefined when there was nothing to put back. */
  readonly eventId?: string;
}

/**
 * Everything that is not as it was deployed. Changes and records nothing; holds the stack's lock while it asks, some seconds.
 * @param id a tenant, or `platform`
 * @throws Problem when there is no such stack, somebody else works on it, or a server does not answer
 */
export async function driftOf(id: string, reporter: Reporter): Promise<Difference[]> {
  const stack = await stackOf(id);
  await useStackConfig(id);
  reporter.news("asking every server what there is");
  const [known, beside] = await Promise.all([
    refreshed(id, stack),
    besides(tenantNames(isPlatform(id) ? canaryId : id)),
  ]);
  return sorted([...known, ...beside]);
}

/**
 * Puts back what `driftOf` finds, by `pulumi up` with a refresh, has the tenant verified, and records it. Deletes no data.
 * @throws Problem when something cannot be put back, or the verification fails
 */
export async function repairDrift(id: string, reporter: Reporter): Promise<Repaired> {
  const found = await driftOf(id, reporter);
  const wanted = found.filter(({ help }) => help === undefined);
  if (wanted.length === 0) return { repaired: [], left: found };
  const stack = await stackOf(id);
  await refuseLosses(id, stack, reporter);
  reporter.news("putting back what differs");
  const watch = new Watch(reporter.steps);
  await up(stack, watch, { refresh: true }).catch((error: unknown) => {
    throw explained(id, `Repairing ${nameOf(id)} failed`, error, watch, " --repair");
  });
  if (!isPlatform(id)) await prove(id, reporter);
  const left = await driftOf(id, reporter);
  const still = new Set(left.map(told));
  const repaired = wanted.filter((one) => !still.has(told(one)));
  const eventId = await record(id, repaired);
  const stubborn = left.filter(({ help }) => help === undefined);
  if (stubborn.length > 0) {
    throw new Problem(
      "drift-failed",
      `${nameOf(id)} still differs after the repair: ${stubborn.map(told).join("; ")}. Something puts it there again, or it ` +
        `cannot be put back. Look again: npm run tenant -- drift ${id}`,
    );
  }
  return { repaired, left, eventId };
}

/** A stack of what tenants share. */
const isPlatform = (id: string): boolean => placementOfPlatform(id) !== undefined;

const nameOf = (id: string): string => (isPlatform(id) ? nameOfPlatform(id).replace("The", "the") : `tenant ${id}`);

async function stackOf(id: string): Promise<Stack> {
  if (id === canaryId) {
    throw new Problem("tenant-unknown", "The canary belongs to the platform's stack: npm run tenant -- drift platform");
  }
  if (!isPlatform(id) && isAdopting(id)) {
    throw new Problem(
      "adopt-unfinished",
      `The adoption of tenant ${id} is not complete. Go on with it: npm run tenant -- adopt ${id}`,
    );
  }
  const stack = await findStack(id);
  if (stack !== undefined) return stack;
  if (!isPlatform(id)) throw await unknownTenant(id);
  throw new Problem(
    "platform-missing",
    id === "platform"
      ? "There is no platform yet: pulumi stack init platform && pulumi up --stack platform"
      : `There is no platform of placement ${placementOfPlatform(id)} yet: npm run tenant -- up ${id}`,
  );
}

/** What the engine finds when it asks the providers. */
async function refreshed(id: string, stack: Stack): Promise<Difference[]> {
  const events: EngineEvent[] = [];
  const watch = new Watch();
  try {
    await stack.previewRefresh({
      onEvent: (event) => {
        events.push(event);
        watch.onEvent(event);
      },
      color: "never",
      suppressProgress: true,
      ...findingPrimary(),
    });
  } catch (error) {
    throw explained(id, `What there is of ${nameOf(id)} could not be asked`, error, watch);
  }
  return driftIn(events);
}

function explained(id: string, what: string, error: unknown, watch: Watch, option = ""): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof PulumiError && error.locked) return locked(id, error);
  const { cause } = watch.failure((error as Error).message);
  const how = interrupted() ? "it was interrupted" : withoutSecrets(cause);
  const again = `npm run tenant -- drift ${id}${option}`;
  return new Problem("drift-failed", `${what}: ${how}\nRemove the cause, then again: ${again}`, { cause: error });
}

/** What holds a tenant's data: deleted, or made anew in its place, they would be lost. */
const holders = /:(S3Bucket|BucketContents|Database|QdrantCollection|RedisAclUser|PlatformSchema|AuditKey)$/;

/** An edit of the stack's file that waits for its update would be carried out too: not when it takes something away. */
async function refuseLosses(id: string, stack: Stack, reporter: Reporter): Promise<void> {
  reporter.news("looking at what an update would do");
  const lost: string[] = [];
  const watch = new Watch();
  try {
    await stack.preview({
      refresh: true,
      onEvent: (event) => {
        watch.onEvent(event);
        const step = event.resourcePreEvent?.metadata;
        if (step && /delete|replace/.test(step.op) && holders.test(step.type)) lost.push(step.urn);
      },
      color: "never",
      suppressProgress: true,
    });
  } catch (error) {
    throw explained(id, `Repairing ${nameOf(id)} is not possible`, error, watch);
  }
  if (lost.length === 0) return;
  const names = [...new Set(lost)].map((urn) => urn.split("::").slice(2).join(" "));
  throw new Problem(
    "drift-failed",
    `Nothing was repaired: an update would delete or replace ${names.join(", ")}, which holds data. ` +
      `See what it would do: pulumi preview --refresh --diff --stack ${id}`,
  );
}

async function prove(id: string, reporter: Reporter): Promise<void> {
  reporter.news("verifying with the tenant's own credentials");
  const { verifyAndStore } = await import("../verify/index.ts");
  const { configuredRecipients } = await import("../recipients.ts");
  const options = { suspended: await isSuspended(id), extraRecipients: configuredRecipients(id) };
  const { report } = await verifyAndStore(id, options);
  if (report.overall_pass) return;
  const failed = report.checks.filter(({ pass }) => !pass);
  throw new Problem(
    "verification-failed",
    `The differences of tenant ${id} were put back, but the verification does not pass: ` +
      `${failed.map(({ store, test, detail }) => `${store} ${test}: ${withoutSecrets(detail)}`).join("; ")}. ` +
      `Look at it: npm run tenant -- verify ${id}`,
  );
}

async function record(id: string, repaired: readonly Difference[]): Promise<string> {
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { emitEvent } = await import("../../providers/clients/audit.ts");
  const { operator } = await import("../../providers/clients/operator.ts");
  return withPlatform((client) =>
    emitEvent(client, {
      tenant: isPlatform(id) ? "platform" : id,
      type: isPlatform(id) ? "PLATFORM_DRIFT_REPAIRED" : "TENANT_DRIFT_REPAIRED",
      ...(isPlatform(id) ? { resourceType: "platform", resourceId: id } : {}),
      details: {
        component: "provisioning-orchestrator",
        status: "success",
        by: operator(),
        repaired: repaired.map((one) => `${one.place}: ${told(one)}`.slice(0, 300)),
      },
    }),
  );
}
