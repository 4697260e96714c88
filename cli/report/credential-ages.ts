// How old each tenant's secrets are, as the audit log knows it.
import type { Client } from "pg";
import { rotatable, type Secret } from "../../components/rotation.ts";
import type { CredentialAge } from "./fleet.ts";

interface Row {
  readonly tenant_id: string;
  readonly event_type: string;
  readonly rotated: readonly string[] | null;
  readonly created_at: Date;
}

const began = ["TENANT_PROVISIONED", "TENANT_ADOPTED"];

/** What a function of a tenant's id answers: its secrets' ages, in the order of `rotatable`. */
export async function credentialAges(client: Client, ids: readonly string[]): Promise<(id: string) => CredentialAge[]> {
  const { rows } = await client.query<Row>(
    `SELECT tenant_id, event_type, details -> 'rotated' AS rotated, created_at FROM public.audit_events
     WHERE tenant_id = ANY ($1) AND event_type = ANY ($2) ORDER BY tenant_id, position`,
    [ids, [...began, "TENANT_ROTATED", "TENANT_DEPROVISIONED"]],
  );
  const ages = new Map<string, Map<Secret, CredentialAge>>();
  for (const row of rows) {
    // An earlier tenant of that id has ended: its secrets are nobody's.
    if (row.event_type === "TENANT_DEPROVISIONED") ages.delete(row.tenant_id);
    else ages.set(row.tenant_id, after(row, ages.get(row.tenant_id) ?? new Map<Secret, CredentialAge>()));
  }
  const unknown = (secret: Secret): CredentialAge => ({ secret, since: null, rotations: 0, adopted: false });
  return (id) => rotatable.map((secret) => ages.get(id)?.get(secret) ?? unknown(secret));
}

function after(row: Row, known: Map<Secret, CredentialAge>): Map<Secret, CredentialAge> {
  const since = row.created_at.toISOString();
  for (const secret of rotatable) {
    const before = known.get(secret);
    if (row.event_type === "TENANT_ROTATED") {
      if (row.rotated?.includes(secret))
        known.set(secret, { secret, since, rotations: (before?.rotations ?? 0) + 1, adopted: false });
    } else if (before === undefined) {
      known.set(secret, { secret, since, rotations: 0, adopted: row.event_type === "TENANT_ADOPTED" });
    }
  }
  return known;
}
