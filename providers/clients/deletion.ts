// Deletion reports: what was deleted of a tenant, and what every server answered afterwards. Append-only in the database itself, and
// their hash is in the signed event that ends the tenant.
import canonicalize from "canonicalize";
import { createHash } from "node:crypto";
import type { Client } from "pg";
import { v5 as uuidv5 } from "uuid";
import { tenantNames, type TenantNames } from "../../components/names.ts";
import { emitEvent, events, type AuditEvent } from "./audit.ts";
import { operator } from "./operator.ts";
import { reservationOf } from "./reservations.ts";
import type { Answer, DataCounts } from "./traces.ts";

/** Who did something, and when (ISO 8601, UTC). */
export interface Act {
  readonly at: string;
  /** `ana@host7`, as the machine says. */
  readonly by: string;
}

/** What the guard saw before anything was deleted. */
export interface Begun extends Act {
  readonly event_id: string;
  readonly deleted: DataCounts;
  /** The files of the secrets folder. Each is overwritten, synced and unlinked. */
  readonly key_files: readonly string[];
  /** `age1…`; null when there was none any more. */
  readonly age_public_key: string | null;
}

/** The proof that a tenant is gone. */
export interface DeletionReport {
  readonly report_id: string;
  readonly tenant_id: string;
  readonly stack: string;
  readonly networks: readonly string[];
  readonly names: TenantNames;
  /** The tenant's first event. */
  readonly known_since: string | null;
  /** null: the tenant was never complete, so that nothing guarded it. */
  readonly begun: Begun | null;
  /** The last export of it: where, and the SHA-256 of its manifest. null: there is none. */
  readonly exported: { readonly at: string; readonly place: string; readonly checksum: string } | null;
  readonly ended: Act;
  /** After everything was removed. Nothing was found: otherwise there is no report. */
  readonly answers: readonly Answer[];
}

/** A stored report, and the event that vouches for it. */
export interface StoredDeletion {
  readonly report: DeletionReport;
  /** SHA-256 of its RFC 8785 form, hexadecimal. */
  readonly sha256: string;
  /** TENANT_DEPROVISIONED; undefined: none names the report. */
  readonly event: AuditEvent | undefined;
  /** Whether the event holds the report's hash. */
  readonly unchanged: boolean;
  /** TENANT_STATE_REMOVED: what was removed of Pulumi's state afterwards. */
  readonly state: AuditEvent | undefined;
}

const namespace = "6f1f0f5e-9c0b-4d0a-8f0e-2b9d2f7c6a10";

/**
 * Records the end of a tenant: the report, then the event. Done again after it was interrupted, it makes no second report.
 * Nothing is recorded of a tenant that never was anything, or has ended.
 * @param answers every place's; nothing was found
 */
export async function recordDeletion(client: Client, tenant: string, answers: readonly Answer[]): Promise<void> {
  const history = await events(client, tenant, 1000);
  const last = history[0];
  if (last === undefined || hasEnded(history)) return;
  const reservation = await reservationOf(client, tenant);
  const report: DeletionReport = {
    // The same after every interruption: what is to be ended is.
    report_id: uuidv5(last.event_id, namespace),
    tenant_id: tenant,
    stack: reservation?.stack ?? tenant,
    networks: reservation?.networks ?? [],
    names: tenantNames(tenant),
    known_since: history.at(-1)?.created_at.toISOString() ?? null,
    begun: begunIn(life(history)),
    exported: exportedIn(life(history)),
    ended: { at: new Date().toISOString(), by: operator() },
    answers,
  };
  const stored = await store(client, report);
  await emitEvent(client, {
    tenant,
    type: "TENANT_DEPROVISIONED",
    details: {
      component: "provisioning-orchestrator",
      status: "success",
      stores_checked: ["minio", "postgresql", "qdrant", "redis"],
      by: stored.ended.by,
      report_id: stored.report_id,
      report_sha256: hashOf(stored),
    },
  });
}

/** Whether the tenant's last life is over. @param history newest first */
export function hasEnded(history: readonly AuditEvent[]): boolean {
  const after = ["TENANT_STATE_REMOVED", "TENANT_BARRED", "TENANT_UNBARRED"];
  return history.find(({ event_type }) => !after.includes(event_type))?.event_type === "TENANT_DEPROVISIONED";
}

/** The newest report of a tenant; undefined when there is none. */
export async function deletionOf(client: Client, tenant: string): Promise<StoredDeletion | undefined> {
  const { rows } = await client.query<{ report: DeletionReport }>(
    "SELECT report FROM public.deletion_reports WHERE tenant_id = $1 ORDER BY created_at DESC LIMIT 1",
    [tenant],
  );
  const report = rows[0]?.report;
  if (report === undefined) return undefined;
  const sha256 = hashOf(report);
  const history = await events(client, tenant, 1000);
  const at = history.findIndex(({ details }) => details["report_id"] === report.report_id);
  const event = history[at];
  return {
    report,
    sha256,
    event,
    unchanged: event?.details["report_sha256"] === sha256,
    // The oldest one after it: a later life of the tenant has another.
    state: history.slice(0, Math.max(at, 0)).findLast(({ event_type }) => event_type === "TENANT_STATE_REMOVED"),
  };
}

/** The report that is in the database: of an interrupted run the first one. */
async function store(client: Client, report: DeletionReport): Promise<DeletionReport> {
  await client.query(
    `INSERT INTO public.deletion_reports (report_id, tenant_id, report) VALUES ($1, $2, $3)
     ON CONFLICT (report_id) DO NOTHING`,
    [report.report_id, report.tenant_id, JSON.stringify(report)],
  );
  const { rows } = await client.query<{ report: DeletionReport }>(
    "SELECT report FROM public.deletion_reports WHERE report_id = $1",
    [report.report_id],
  );
  return rows[0]?.report ?? report;
}

function hashOf(report: DeletionReport): string {
  return createHash("sha256")
    .update(canonicalize(report) ?? "")
    .digest("hex");
}

/** The events since the id was last given back, newest first. */
function life(history: readonly AuditEvent[]): readonly AuditEvent[] {
  const ended = history.findIndex(({ event_type }) => event_type === "TENANT_DEPROVISIONED");
  return ended < 0 ? history : history.slice(0, ended);
}

function exportedIn(events: readonly AuditEvent[]): DeletionReport["exported"] {
  const event = events.find(({ event_type }) => event_type === "TENANT_EXPORTED");
  if (event === undefined) return null;
  const { place, checksum } = event.details;
  return { at: event.created_at.toISOString(), place: String(place), checksum: String(checksum) };
}

function begunIn(events: readonly AuditEvent[]): Begun | null {
  const event = events.find(({ event_type }) => event_type === "TENANT_DEPROVISIONING");
  if (event === undefined) return null;
  const { details } = event;
  const count = (what: string): number => Number(details[what] ?? 0);
  const files = details["key_files"];
  const publicKey = details["age_public_key"];
  return {
    at: event.created_at.toISOString(),
    by: typeof details["by"] === "string" ? details["by"] : "unknown",
    event_id: event.event_id,
    deleted: { objects: count("objects"), tables: count("tables"), points: count("points"), keys: count("keys") },
    key_files: typeof files === "object" && files !== null ? files : [],
    age_public_key: typeof publicKey === "string" ? publicKey : null,
  };
}
