// The tenant registry (plan, section 7.1, step 9): where a tenant's data and credentials are. Never a credential itself.
import type { Client } from "pg";
import type { Labels } from "../../components/labels.ts";
import { defaultPlacement } from "./placements.ts";

/** What the registry is told about a tenant. */
export interface TenantEntry {
  readonly tenant_id: string;
  /** CIDR notation, at least one. */
  readonly networks: readonly string[];
  /** Where each store is, for applications: URLs and names without user or password. */
  readonly endpoints: Readonly<Record<string, unknown>>;
  /** `age1…` */
  readonly age_public_key: string;
  /** Where the SOPS file is. */
  readonly credentials_ref: string;
  readonly verified_at?: Date | string | null;
  /** The verification report that let the tenant in. */
  readonly report_id?: string | null;
  /** `suspended`: it is registered, and shut out of every store. @default "active" */
  readonly status?: "active" | "suspended";
  /** Empty when none was given. */
  readonly suspension_reason?: string;
  /** @default none */
  readonly labels?: Labels;
  /** Which set of the four stores it lives on. @default "default" */
  readonly placement?: string;
}

/** A row of `tenants`. */
export interface TenantRow extends TenantEntry {
  readonly status: "active" | "suspended";
  readonly suspension_reason: string;
  readonly labels: Labels;
  readonly placement: string;
  readonly created_at: Date;
  readonly updated_at: Date;
  readonly verified_at: Date | null;
  readonly report_id: string | null;
}

// As text[]: the array of cidr is a type the client does not know in every version.
const columns = `tenant_id, status, networks::text[] AS networks, endpoints, age_public_key, credentials_ref,
  created_at, updated_at, verified_at, report_id, suspension_reason, labels, placement`;

/** Registers a tenant, or updates its row. `client` comes from `withPlatform`. */
export async function upsertTenant(client: Client, entry: TenantEntry): Promise<void> {
  await client.query(
    `INSERT INTO public.tenants (tenant_id, networks, endpoints, age_public_key, credentials_ref, verified_at, report_id,
       status, suspension_reason, labels, placement)
     VALUES ($1, $2::cidr[], $3, $4, $5, $6, $7, $8, $9, $10, $11)
     ON CONFLICT (tenant_id) DO UPDATE SET status = excluded.status, networks = excluded.networks,
       endpoints = excluded.endpoints, age_public_key = excluded.age_public_key,
       credentials_ref = excluded.credentials_ref, verified_at = excluded.verified_at,
       report_id = excluded.report_id, suspension_reason = excluded.suspension_reason, labels = excluded.labels,
       placement = excluded.placement, updated_at = now()`,
    [
      entry.tenant_id,
      entry.networks,
      JSON.stringify(entry.endpoints),
      entry.age_public_key,
      entry.credentials_ref,
      entry.verified_at ?? null,
      entry.report_id ?? null,
      entry.status ?? "active",
      entry.suspension_reason ?? "",
      JSON.stringify(entry.labels ?? {}),
      entry.placement ?? defaultPlacement,
    ],
  );
}

/** Removes a tenant's row, and what was last known of its drift. True when there was one. */
export async function removeTenant(client: Client, tenant: string): Promise<boolean> {
  await client.query("DELETE FROM public.drift_results WHERE tenant_id = $1", [tenant]);
  const { rowCount } = await client.query("DELETE FROM public.tenants WHERE tenant_id = $1", [tenant]);
  return rowCount === 1;
}

/** A tenant's row; undefined when it is not registered. */
export async function getTenant(client: Client, tenant: string): Promise<TenantRow | undefined> {
  const { rows } = await client.query<TenantRow>(`SELECT ${columns} FROM public.tenants WHERE tenant_id = $1`, [
    tenant,
  ]);
  return rows[0];
}

/** Every registered tenant, by id. */
export async function listTenants(client: Client): Promise<TenantRow[]> {
  const { rows } = await client.query<TenantRow>(`SELECT ${columns} FROM public.tenants ORDER BY tenant_id`);
  return rows;
}
