// The fleet as a report shows it: everything the platform database knows about every tenant, in a fixed number of queries.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Client } from "pg";
import type { Secret } from "../../components/rotation.ts";
import type { EventDetails } from "../../providers/clients/audit.ts";
import { driftResults, type DriftResult } from "../../providers/clients/drift-results.ts";
import { platformStack } from "../../providers/clients/placements.ts";
import { schemaVersion } from "../../providers/clients/platform-db.ts";
import { preparedPlacements } from "../../providers/clients/prepared.ts";
import { listTenants, type TenantRow } from "../../providers/clients/registry.ts";
import { root } from "../../toolchain/paths.ts";
import type { Report } from "../verify/report.ts";
import { credentialAges } from "./credential-ages.ts";
import { endedTenants, type EndedTenant } from "./ended.ts";
import type { StoreAnswer, TenantSizes } from "./sizes.ts";

/** A verification: a report, and when the platform database got it. */
export interface Verification {
  /** ISO 8601, UTC, as are all times here. */
  readonly at: string;
  /** The tenant that had to be out of reach. */
  readonly against: string;
  readonly report: Report;
}

/** The last look for drift. */
export type Drift = Omit<DriftResult, "tenant_id" | "checked_at"> & { readonly at: string };

/** An event of the audit log, as the time line shows it. */
export interface TimelineEvent {
  readonly at: string;
  readonly type: string;
  /** Its number in the signed log; null: of before it was signed. */
  readonly sequence: number | null;
  readonly details: EventDetails;
}

/** How old a secret is. */
export interface CredentialAge {
  readonly secret: Secret;
  /** When the audit log last saw it change; null: the log does not say. */
  readonly since: string | null;
  readonly rotations: number;
  /** It came with an adopted tenant: it is older than `since` by an unknown time. */
  readonly adopted: boolean;
}

/** One registered tenant. */
export interface TenantState {
  readonly id: string;
  readonly status: "active" | "suspended";
  readonly suspension_reason: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Which set of the four stores it lives on. */
  readonly placement: string;
  readonly networks: readonly string[];
  readonly endpoints: Readonly<Record<string, unknown>>;
  readonly age_public_key: string;
  readonly credentials_ref: string;
  readonly created_at: string;
  readonly updated_at: string;
  /** The newest one against each other tenant, newest first. Empty: it was never verified. */
  readonly verifications: readonly Verification[];
  /** null: nobody looked. */
  readonly drift: Drift | null;
  readonly credentials: readonly CredentialAge[];
  /** The newest events, newest first. */
  readonly events: readonly TimelineEvent[];
  /** What it holds, by store; a store that was not asked, or did not answer, is left out. */
  readonly sizes: TenantSizes;
}

/** Everything a report shows. */
export interface Fleet {
  readonly generated_at: string;
  readonly versions: { readonly program: string; readonly schema: number };
  readonly stores: readonly StoreAnswer[];
  readonly tenants: readonly TenantState[];
  /** Ids that are reserved, and not registered: being made, or left by a run that could not be undone. */
  readonly incomplete: readonly { readonly id: string; readonly reserved_at: string }[];
  readonly ended: readonly EndedTenant[];
  readonly audit: { readonly signed: number; readonly by_type: Readonly<Record<string, number>> };
  /** Of the platform stack. */
  readonly platform_drift: Drift | null;
  /** The other placements that tenants may live on, with the drift of their platform stacks. */
  readonly placements: readonly { readonly placement: string; readonly stack: string; readonly drift: Drift | null }[];
}

/** How many events a tenant's time line has. */
const timelineLength = 25;
/** How far back a tenant's reports are looked through for other tenants it was tried against. */
const reportsLookedAt = 20;

/**
 * Reads the fleet. `client` comes from `withPlatform`.
 * @param only these tenants; all when it is empty
 */
export async function readFleet(client: Client, only: readonly string[] = []): Promise<Fleet> {
  const rows = (await listTenants(client)).filter(({ tenant_id: id }) => only.length === 0 || only.includes(id));
  const ids = rows.map(({ tenant_id }) => tenant_id);
  const drift = new Map((await driftResults(client)).map((result) => [result.tenant_id, result]));
  const [verifications, events, credentials] = [
    await newestVerifications(client, ids),
    await timelines(client, ids),
    await credentialAges(client, ids),
  ];
  const state = (row: TenantRow): TenantState => ({
    id: row.tenant_id,
    status: row.status,
    suspension_reason: row.suspension_reason,
    labels: row.labels,
    placement: row.placement,
    networks: row.networks,
    endpoints: row.endpoints,
    age_public_key: row.age_public_key,
    credentials_ref: row.credentials_ref,
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
    verifications: verifications.get(row.tenant_id) ?? [],
    drift: driftOf(drift.get(row.tenant_id)),
    credentials: credentials(row.tenant_id),
    events: events.get(row.tenant_id) ?? [],
    sizes: {},
  });
  return {
    generated_at: new Date().toISOString(),
    versions: { program: programVersion(), schema: schemaVersion },
    stores: [],
    tenants: rows.map(state),
    incomplete: only.length > 0 ? [] : await incomplete(client),
    ended: only.length > 0 ? [] : await endedTenants(client),
    audit: await counted(client),
    platform_drift: driftOf(drift.get("platform")),
    placements: (await preparedPlacements(client)).map((placement) => {
      const stack = platformStack(placement);
      return { placement, stack, drift: driftOf(drift.get(stack)) };
    }),
  };
}

function programVersion(): string {
  return (JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version;
}

function driftOf(result: DriftResult | undefined): Drift | null {
  if (result === undefined) return null;
  const { outcome, findings, problem, checked_at } = result;
  return { outcome, findings, problem, at: checked_at.toISOString() };
}

async function newestVerifications(client: Client, ids: readonly string[]): Promise<Map<string, Verification[]>> {
  const { rows } = await client.query<{ tenant_id: string; against: string; report: Report; created_at: Date }>(
    // Reports of before they said it were against the canary.
    `SELECT DISTINCT ON (t.id, against) t.id AS tenant_id, coalesce(r.report ->> 'against', 'canary') AS against, r.report, r.created_at
     FROM unnest($1::text[]) AS t(id)
     CROSS JOIN LATERAL (SELECT report, created_at, report_id FROM public.verification_reports
       WHERE tenant_id = t.id ORDER BY created_at DESC, report_id DESC LIMIT ${reportsLookedAt}) r
     ORDER BY t.id, against, r.created_at DESC, r.report_id DESC`,
    [ids],
  );
  const found = rows.map(({ tenant_id, against, report, created_at }) => ({
    tenant_id,
    verification: { at: created_at.toISOString(), against, report },
  }));
  found.sort((one, two) => (one.verification.at < two.verification.at ? 1 : -1));
  return grouped(found, ({ verification }) => verification);
}

async function timelines(client: Client, ids: readonly string[]): Promise<Map<string, TimelineEvent[]>> {
  const { rows } = await client.query<{
    tenant_id: string;
    event_type: string;
    sequence: number | null;
    details: EventDetails;
    created_at: Date;
  }>(
    `SELECT t.id AS tenant_id, e.event_type, e.sequence::float8, e.details, e.created_at FROM unnest($1::text[]) AS t(id)
     CROSS JOIN LATERAL (SELECT * FROM public.audit_events WHERE tenant_id = t.id ORDER BY position DESC LIMIT ${timelineLength}) e
     ORDER BY t.id, e.position DESC`,
    [ids],
  );
  return grouped(rows, ({ created_at, event_type: type, sequence, details }) => ({
    at: created_at.toISOString(),
    type,
    sequence,
    details,
  }));
}

function grouped<Row extends { readonly tenant_id: string }, T>(
  rows: readonly Row[],
  each: (row: Row) => T,
): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(row.tenant_id);
    if (group === undefined) groups.set(row.tenant_id, [each(row)]);
    else group.push(each(row));
  }
  return groups;
}

async function incomplete(client: Client): Promise<Fleet["incomplete"]> {
  const { rows } = await client.query<{ id: string; reserved_at: Date }>(
    `SELECT tenant_id AS id, reserved_at FROM public.reservations r
     WHERE NOT EXISTS (SELECT FROM public.tenants t WHERE t.tenant_id = r.tenant_id) ORDER BY tenant_id`,
  );
  return rows.map(({ id, reserved_at }) => ({ id, reserved_at: reserved_at.toISOString() }));
}

async function counted(client: Client): Promise<Fleet["audit"]> {
  const { rows } = await client.query<{ event_type: string; signed: number; count: number }>(
    `SELECT event_type, count(sequence)::float8 AS signed, count(*)::float8 AS count
     FROM public.audit_events GROUP BY event_type ORDER BY event_type`,
  );
  return {
    signed: rows.reduce((sum, { signed }) => sum + signed, 0),
    by_type: Object.fromEntries(rows.map(({ event_type, count }) => [event_type, count])),
  };
}
