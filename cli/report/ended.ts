// Tenants that are gone: their deletion reports, and whether the signed log vouches for them.
import canonicalize from "canonicalize";
import { createHash } from "node:crypto";
import type { Client } from "pg";
import type { DeletionReport } from "../../providers/clients/deletion.ts";

/** A tenant that was taken away. */
export interface EndedTenant {
  readonly id: string;
  readonly at: string;
  /** `ana@host7` */
  readonly by: string;
  readonly report_id: string;
  /** Whether the event TENANT_DEPROVISIONED holds the report's hash. */
  readonly unchanged: boolean;
}

const shown = 100;

/** The newest deletions, newest first. */
export async function endedTenants(client: Client): Promise<EndedTenant[]> {
  const { rows } = await client.query<{ report: DeletionReport; sha256: string | null }>(
    `SELECT d.report, e.details ->> 'report_sha256' AS sha256
     FROM (SELECT * FROM public.deletion_reports ORDER BY created_at DESC LIMIT ${shown}) d
     LEFT JOIN public.audit_events e ON e.tenant_id = d.tenant_id AND e.event_type = 'TENANT_DEPROVISIONED'
       AND e.details ->> 'report_id' = d.report_id::text
     ORDER BY d.created_at DESC`,
  );
  return rows.map(({ report, sha256 }) => ({
    id: report.tenant_id,
    at: report.ended.at,
    by: report.ended.by,
    report_id: report.report_id,
    unchanged:
      sha256 ===
      createHash("sha256")
        .update(canonicalize(report) ?? "")
        .digest("hex"),
  }));
}
