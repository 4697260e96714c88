// The audit log (plan, section 7.2): append-only in the database itself, one unbroken chain of events a tenant, and one of signed
// events over all of them (audit-log.ts).
import { v7 as uuidv7 } from "uuid";
import type { Client } from "pg";
import type { EventDetails } from "./audit-chain.ts";
import { appendEvent } from "./audit-log.ts";

export type { EventDetails };

/** What can happen to a tenant, or to the platform. */
export type EventType =
  | "AUDIT_STARTED"
  | "AUDIT_KEY_STARTED"
  | "PLATFORM_PREPARED"
  | "PLATFORM_DRIFT_REPAIRED"
  | "TENANT_PROVISIONED"
  | "TENANT_UPDATED"
  | "TENANT_ADOPTED"
  | "TENANT_ADOPTION_GIVEN_UP"
  | "TENANT_SUSPENDED"
  | "TENANT_SUSPEND_FAILED"
  | "TENANT_RESUMED"
  | "TENANT_ROTATED"
  | "TENANT_DRIFT_REPAIRED"
  | "TENANT_PROVISION_FAILED"
  | "TENANT_DEPROVISIONING"
  | "TENANT_DEPROVISIONED"
  | "TENANT_EXPORTED"
  | "TENANT_RESTORED"
  | "TENANT_STATE_REMOVED"
  | "TENANT_BARRED"
  | "TENANT_UNBARRED";

/** An event to record. */
export interface NewEvent {
  /** `platform` for the platform's own events. */
  readonly tenant: string;
  readonly type: EventType;
  readonly details: EventDetails;
  /** Default `tenant`. */
  readonly resourceType?: string;
  /** Default: the tenant's id. */
  readonly resourceId?: string;
  /** UUIDv7. Give one to make a repetition harmless; otherwise a new one. */
  readonly eventId?: string;
}

/** A recorded event: a row of `audit_events`. */
export interface AuditEvent {
  readonly event_id: string;
  readonly tenant_id: string;
  /** 1, 2, 3 … within the tenant, without a gap (a number: no tenant has 2^53 events). */
  readonly position: number;
  readonly event_type: EventType;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly details: EventDetails;
  /** null: the tenant's first event. */
  readonly previous_event_id: string | null;
  /** 1, 2, 3 … within the platform; null: of before the signed log, which its first event seals. */
  readonly sequence: number | null;
  /** Of its content and the event before, hexadecimal; null: of before the signed log. */
  readonly hash: string | null;
  /** When the database received it. The event's own time is in its id (UUIDv7). */
  readonly created_at: Date;
}

const columns = `event_id, tenant_id, position::float8, event_type, resource_type, resource_id, details, previous_event_id,
  sequence::float8, encode(hash, 'hex') AS hash, created_at`;

/** A new id, greater than every one this process made before. */
export function newEventId(): string {
  return uuidv7();
}

/**
 * Records an event, signed, and returns its id. Recording the same id again does nothing. `client` comes from `withPlatform`, and
 * is in no transaction.
 * @throws Error when the log's key is not here, or the log was changed (audit-log.ts).
 */
export async function emitEvent(client: Client, event: NewEvent): Promise<string> {
  const eventId = event.eventId ?? newEventId();
  await appendEvent(client, {
    event_id: eventId,
    tenant_id: event.tenant,
    event_type: event.type,
    resource_type: event.resourceType ?? "tenant",
    resource_id: event.resourceId ?? event.tenant,
    details: event.details,
  });
  return eventId;
}

/** The newest events of a tenant, newest first. */
export async function events(client: Client, tenant: string, limit = 50): Promise<AuditEvent[]> {
  return (await newestEvents(client, { tenant, limit })).reverse();
}

/** The newest events, newest last; of one tenant, and from a time on, when these are given. */
export async function newestEvents(
  client: Client,
  { tenant, since, limit }: { readonly tenant?: string; readonly since?: Date; readonly limit: number },
): Promise<AuditEvent[]> {
  // A tenant's own order; over all of them that of the log, the sealed ones before it.
  const order =
    tenant === undefined
      ? "audit_events.sequence DESC NULLS LAST, audit_events.created_at DESC"
      : "audit_events.position DESC";
  const { rows } = await client.query<AuditEvent>(
    `SELECT ${columns} FROM public.audit_events
     WHERE ($1::text IS NULL OR tenant_id = $1) AND ($2::timestamptz IS NULL OR created_at >= $2)
     ORDER BY ${order} LIMIT $3`,
    [tenant ?? null, since ?? null, limit],
  );
  return rows.reverse();
}

/** The last event of a tenant; undefined when it has none. */
export async function lastEvent(client: Client, tenant: string): Promise<AuditEvent | undefined> {
  return (await events(client, tenant, 1))[0];
}

/** Whether an event of that type was ever recorded. */
export async function hasEvent(client: Client, tenant: string, type: EventType): Promise<boolean> {
  const { rowCount } = await client.query(
    "SELECT FROM public.audit_events WHERE tenant_id = $1 AND event_type = $2 LIMIT 1",
    [tenant, type],
  );
  return rowCount === 1;
}
