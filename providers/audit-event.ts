// TENANT_PROVISIONED after the first verification (plan, section 7.2), TENANT_SUSPENDED or TENANT_RESUMED after the one that proves
// it, TENANT_ROTATED after that of new secrets, TENANT_UPDATED after every other, also the first of an adopted tenant.
import type { CustomResourceOptions, Input, Output } from "@pulumi/pulumi";
import { differing, type Rotations } from "../components/rotation.ts";
import { emitEvent, events, lastEvent, type EventType } from "./clients/audit.ts";
import { withPlatform } from "./clients/platform-db.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface AuditEventInputs {
  readonly tenant: string;
  /** The verification the event rests on. */
  readonly reportId: string;
  readonly suspended: boolean;
  /** Why it is suspended; empty when nobody said. */
  readonly reason: string;
  /** What was ever rotated. */
  readonly rotation?: Rotations;
}

interface AuditEventState extends AuditEventInputs {
  /** UUIDv7. */
  readonly eventId: string;
}

function typeOf(
  desired: AuditEventInputs,
  previous: AuditEventState | undefined,
  rotated: readonly string[],
  adopted: boolean,
): EventType {
  if (previous === undefined) return adopted ? "TENANT_UPDATED" : "TENANT_PROVISIONED";
  // The state of an earlier version does not say.
  if (!desired.suspended === !previous.suspended) return rotated.length > 0 ? "TENANT_ROTATED" : "TENANT_UPDATED";
  return desired.suspended ? "TENANT_SUSPENDED" : "TENANT_RESUMED";
}

export const provider = dynamicProvider<AuditEventInputs, AuditEventState>({
  describe: ({ tenant }) => `audit event of tenant ${tenant}`,
  id: ({ tenant }) => tenant,
  inputs: { tenant: "replace", reportId: "update", suspended: "update", reason: "update", rotation: "update" },
  optional: ["rotation"],
  ensure: async (desired, previous) =>
    withPlatform(async (client) => {
      const last = await lastEvent(client, desired.tenant);
      // A run that was interrupted after the event and before the state was written does not repeat it.
      if (last?.details["report_id"] === desired.reportId) return { ...desired, eventId: last.event_id };
      const rotated = previous === undefined ? [] : differing(desired.rotation, previous.rotation);
      const eventId = await emitEvent(client, {
        tenant: desired.tenant,
        type: typeOf(desired, previous, rotated, last?.event_type === "TENANT_ADOPTED"),
        details: {
          component: "provisioning-orchestrator",
          status: "success",
          stores_verified: ["minio", "postgresql", "qdrant", "redis"],
          report_id: desired.reportId,
          ...(desired.suspended ? { suspended: true, reason: desired.reason } : {}),
          ...(rotated.length > 0 ? { rotated } : {}),
        },
      });
      return { ...desired, eventId };
    }),
  observe: async (recorded) =>
    withPlatform(async (client) => {
      const all = await events(client, recorded.tenant, 1000);
      return all.some(({ event_id }) => event_id === recorded.eventId) ? recorded : undefined;
    }),
  remove: async () => undefined, // The log is append-only; Reservation records the end.
});

/** Records in the audit log that the tenant was provisioned, or changed. */
export class AuditEvent extends DynamicResource {
  declare readonly eventId: Output<string>;

  constructor(
    name: string,
    args: { tenant: string; reportId: Input<string>; suspended: boolean; reason: string; rotation?: Rotations },
    opts?: CustomResourceOptions,
  ) {
    super("AuditEvent", "audit-event", name, { ...args, eventId: undefined }, opts);
  }
}
