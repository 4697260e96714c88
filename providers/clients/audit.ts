// The audit log (plan, section 7.2): append-only in the database itself, one unbroken chain of events a tenant.
import { v7 as uuidv7 } from "uuid";
import type { Client } from "pg";

/** What can happen to a tenant, or to the platform. */
export type EventType =
  | "PLATFORM_PREPARED"
  | "TENANT_PROVISIONED"
  | "TENANT_UPDATED"
  | "TENANT_PROVISION_FAILED"
  | "TENANT_DEPROVISIONING"
  | "TENANT_DEPROVISIONED";

/** What is told about an event. Names and states; never a credential. */
export type EventDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

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
  /** When the database received it. The event's own time is in its id (UUIDv7). */
  readonly created_at: Date;
}

const columns =
  "event_id, tenant_id, position::float8, event_type, resource_type, resource_id, details, previous_event_id, created_at";

/** A new id, greater than every one this process made before. */
export function newEventId(): string {
  return uuidv7();
}

/**
 * Records an event and returns its id. Recording the same id again does nothing. The database links it to the tenant's
 * last event. `client` comes from `withPlatform`.
 */
export async function emitEvent(client: Client, event: NewEvent): Promise<string> {
  const eventId = event.eventId ?? newEventId();
  await client.query(
    `INSERT INTO public.audit_events (event_id, tenant_id, event_type, resource_type, resource_id, details)
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (event_id) DO NOTHING`,
    [
      eventId,
      event.tenant,
      event.type,
      event.resourceType ?? "tenant",
      event.resourceId ?? event.tenant,
      JSON.stringify(event.details),
    ],
  );
  return eventId;
}

/** The newest events of a tenant, newest first. */
export async function events(client: Client, tenant: string, limit = 50): Promise<AuditEvent[]> {
  const { rows } = await client.query<AuditEvent>(
    `SELECT ${columns} FROM public.audit_events WHERE tenant_id = $1 ORDER BY audit_events.position DESC LIMIT $2`,
    [tenant, limit],
  );
  return rows;
}

/** The last event of a tenant; undefined when it has none. */
export async function lastEvent(client: Client, tenant: string): Promise<AuditEvent | undefined> {
  return (await events(client, tenant, 1))[0];
}
