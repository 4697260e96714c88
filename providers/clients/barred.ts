// Tenant ids that must not come back: of a tenant whose name means something to somebody still.
import type { Client } from "pg";
import { emitEvent } from "./audit.ts";
import { operator } from "./operator.ts";

/** A barred id. */
export interface Barred {
  readonly tenant_id: string;
  readonly reason: string;
  /** `ana@host7` */
  readonly barred_by: string;
  readonly barred_at: Date;
}

const columns = "tenant_id, reason, barred_by, barred_at";

/**
 * Bars an id from being reserved anew. A tenant that has it keeps it until it is removed. False when it was barred already.
 * The event comes first: interrupted, the next run says it again, and no change is without one.
 */
export async function bar(client: Client, tenant: string, reason: string): Promise<boolean> {
  if ((await barredId(client, tenant)) !== undefined) return false;
  await emitEvent(client, { tenant, type: "TENANT_BARRED", details: { reason, by: operator() } });
  await client.query(
    `INSERT INTO public.barred_ids (tenant_id, reason, barred_by) VALUES ($1, $2, $3) ON CONFLICT (tenant_id) DO NOTHING`,
    [tenant, reason, operator()],
  );
  return true;
}

/** Lets the id be used again. False when it was not barred. */
export async function unbar(client: Client, tenant: string, reason: string): Promise<boolean> {
  if ((await barredId(client, tenant)) === undefined) return false;
  await emitEvent(client, { tenant, type: "TENANT_UNBARRED", details: { reason, by: operator() } });
  await client.query("DELETE FROM public.barred_ids WHERE tenant_id = $1", [tenant]);
  return true;
}

async function barredId(client: Client, tenant: string): Promise<Barred | undefined> {
  const { rows } = await client.query<Barred>(`SELECT ${columns} FROM public.barred_ids WHERE tenant_id = $1`, [
    tenant,
  ]);
  return rows[0];
}

/** All barred ids, by id. */
export async function barredIds(client: Client): Promise<Barred[]> {
  const { rows } = await client.query<Barred>(`SELECT ${columns} FROM public.barred_ids ORDER BY tenant_id`);
  return rows;
}

/** Why the id cannot be used, and what to do; undefined when it can. */
export async function barredProblem(client: Client, tenant: string): Promise<string | undefined> {
  const found = await barredId(client, tenant);
  if (found === undefined) return undefined;
  const reason = found.reason === "" ? "" : `: ${found.reason}`;
  return (
    `the tenant id ${tenant} is barred from reuse since ${found.barred_at.toISOString()} by ${found.barred_by}${reason}. ` +
    `Choose another id; or, if that has an end: npm run tenant -- unbar ${tenant}`
  );
}
