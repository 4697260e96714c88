// Reservations: one stack a tenant id, and networks that no other tenant has. They are taken before anything is made and
// given back after everything is gone. The database refuses an overlap even if this file did not look.
import type { Client } from "pg";
import { defaultPlacement } from "./placements.ts";
import { inTransaction, sqlState } from "./postgresql.ts";

/** What a stack asks for. */
export interface ReservationRequest {
  readonly tenant: string;
  /** The stack's full name. A tenant id belongs to one stack. */
  readonly stack: string;
  /** CIDR notation. Loopback networks may be shared: they exist for local stores. */
  readonly networks: readonly string[];
  /** Where the tenant lives. @default "default" */
  readonly placement?: string;
}

/** What a tenant has reserved. */
export interface Reservation extends ReservationRequest {
  readonly placement: string;
  readonly reserved_at: Date;
}

/** A network that another tenant has already. */
export interface Overlap {
  readonly network: string;
  readonly otherTenant: string;
  readonly otherNetwork: string;
}

// A network inside another one of the same tenant adds nothing, and the database could not tell it from a stranger's.
const outermost = `SELECT DISTINCT wanted FROM unnest($1::cidr[]) AS wanted
  WHERE NOT EXISTS (SELECT FROM unnest($1::cidr[]) AS wider WHERE wanted << wider)`;

/**
 * The networks that some other tenant has reserved. Reads only: for previews.
 * @param exceptTenant whose own reservation is no obstacle.
 */
export async function overlaps(client: Client, networks: readonly string[], exceptTenant: string): Promise<Overlap[]> {
  try {
    const { rows } = await client.query<Overlap>(
      `SELECT wanted::text AS network, tenant_id AS "otherTenant", network::text AS "otherNetwork"
       FROM unnest($1::cidr[]) AS wanted JOIN public.reservation_networks ON network && wanted
       WHERE tenant_id <> $2 AND NOT (wanted <<= '127.0.0.0/8' OR wanted <<= '::1/128')
         AND NOT (network <<= '127.0.0.0/8' OR network <<= '::1/128')
       ORDER BY 1, 2, 3`,
      [networks, exceptTenant],
    );
    return rows;
  } catch (cause) {
    // 22P02: not a network, or bits to the right of the mask.
    if (sqlState(cause) !== "22P02") throw cause;
    throw new Error(`The networks of tenant ${exceptTenant} are wrong: ${(cause as Error).message}`, { cause });
  }
}

/** Says what is wrong with overlapping networks and what to do. */
export function overlapMessage(tenant: string, found: readonly Overlap[]): string {
  const lines = found.map((o) => `  - ${o.network} overlaps ${o.otherNetwork} of tenant ${o.otherTenant}`);
  return (
    `The networks of tenant ${tenant} are not its own:\n${lines.join("\n")}\n` +
    `Choose other networks: pulumi config set --stack ${tenant} --path 'networks[0]' CIDR`
  );
}

/**
 * Reserves the tenant's id and networks for a stack. Repeating it is harmless, and brings the networks up to date.
 * @returns `new` when the tenant had no reservation, `ours` when this stack had it already.
 * @throws Error naming the other tenant, both networks and what to do; or the stack that has the tenant's id.
 */
export async function reserve(client: Client, request: ReservationRequest): Promise<"new" | "ours"> {
  const { tenant, stack, networks, placement = defaultPlacement } = request;
  return inTransaction(client, async () => {
    // One at a time: two stacks that want overlapping networks get a clear answer instead of a deadlock.
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended('reservations', 0))");
    const holder = await reservationOf(client, tenant);
    if (holder !== undefined && holder.stack !== stack) {
      throw new Error(
        `Tenant ${tenant} belongs to stack ${holder.stack} since ${holder.reserved_at.toISOString()}, not to ${stack}. ` +
          `Use that stack, or remove the tenant there first: pulumi destroy --stack ${holder.stack}`,
      );
    }
    const found = await overlaps(client, networks, tenant);
    if (found.length > 0) throw new Error(overlapMessage(tenant, found));
    if (holder === undefined) {
      const insert = "INSERT INTO public.reservations (tenant_id, stack, placement) VALUES ($1, $2, $3)";
      await client.query(insert, [tenant, stack, placement]);
    }
    await client.query(
      `DELETE FROM public.reservation_networks WHERE tenant_id = $2 AND network NOT IN (${outermost})`,
      [networks, tenant],
    );
    await client.query(
      `INSERT INTO public.reservation_networks (tenant_id, network)
       SELECT $2, wanted FROM (${outermost}) AS wanted ON CONFLICT (tenant_id, network) DO NOTHING`,
      [networks, tenant],
    );
    return holder === undefined ? "new" : "ours";
  });
}

/** Says again whose a reservation is, and where its tenant lives: the stack's state knows it. */
export async function takeBack(client: Client, request: ReservationRequest): Promise<void> {
  const { tenant, stack, placement = defaultPlacement } = request;
  await client.query(
    "UPDATE public.reservations SET stack = $2, placement = $3 WHERE tenant_id = $1 AND (stack, placement) <> ($2, $3)",
    [tenant, stack, placement],
  );
}

/** Gives a tenant's id and networks back. True when it had a reservation. */
export async function release(client: Client, tenant: string): Promise<boolean> {
  const { rowCount } = await client.query("DELETE FROM public.reservations WHERE tenant_id = $1", [tenant]);
  return rowCount === 1;
}

/** What a tenant has reserved; undefined when nothing. Networks inside another of its networks are not listed. */
export async function reservationOf(client: Client, tenant: string): Promise<Reservation | undefined> {
  const { rows } = await client.query<Reservation>(
    `SELECT tenant_id AS tenant, stack, placement, reserved_at,
       ARRAY(SELECT network::text FROM public.reservation_networks n
             WHERE n.tenant_id = r.tenant_id ORDER BY network) AS networks
     FROM public.reservations r WHERE tenant_id = $1`,
    [tenant],
  );
  return rows[0];
}
