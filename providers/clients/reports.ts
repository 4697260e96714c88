// Verification reports (plan, section 8.2), kept for audit: append-only in the database itself.
import type { Client } from "pg";
import type { Report } from "../../cli/verify/report.ts";

/** A stored report: a row of `verification_reports`. */
export interface StoredReport {
  readonly report_id: string;
  readonly tenant_id: string;
  readonly report: Report;
  readonly overall_pass: boolean;
  readonly created_at: Date;
}

const columns = "report_id, tenant_id, report, overall_pass, created_at";

/** Stores a report. Storing the same `report_id` again does nothing. `client` comes from `withPlatform`. */
export async function storeReport(client: Client, report: Report): Promise<void> {
  await client.query(
    `INSERT INTO public.verification_reports (report_id, tenant_id, report, overall_pass)
     VALUES ($1, $2, $3, $4) ON CONFLICT (report_id) DO NOTHING`,
    [report.report_id, report.tenant_id, JSON.stringify(report), report.overall_pass],
  );
}

/** A tenant's newest report; undefined when it has none. */
export async function latestReport(client: Client, tenant: string): Promise<StoredReport | undefined> {
  // report_id is a UUIDv7: between two of the same instant the later one.
  const { rows } = await client.query<StoredReport>(
    `SELECT ${columns} FROM public.verification_reports WHERE tenant_id = $1
     ORDER BY created_at DESC, report_id DESC LIMIT 1`,
    [tenant],
  );
  return rows[0];
}

/** One report; undefined when there is none of this id. */
export async function reportById(client: Client, reportId: string): Promise<StoredReport | undefined> {
  const { rows } = await client.query<StoredReport>(
    `SELECT ${columns} FROM public.verification_reports WHERE report_id = $1`,
    [reportId],
  );
  return rows[0];
}
