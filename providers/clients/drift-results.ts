// What the last look for drift found, a row for each stack: the newest only, for reports, metrics and notifications.
import type { Client } from "pg";

/** One difference between what was deployed and what the servers have. */
export interface DriftFinding {
  /** As a person knows it, with its kind: `role tenant_acme_user`. */
  readonly resource: string;
  readonly kind: "changed" | "missing" | "unexpected";
  /** In a few words, without secrets; empty when there is nothing to add. */
  readonly detail: string;
}

/** The outcome of one look. */
export interface DriftResult {
  /** A tenant's id, or `platform`. */
  readonly tenant_id: string;
  /** `failed`: nothing is known, `problem` says why. */
  readonly outcome: "none" | "drift" | "failed";
  readonly findings: readonly DriftFinding[];
  /** Why it failed, without secrets; empty otherwise. */
  readonly problem: string;
  readonly checked_at: Date;
}

/** Keeps the result in place of the one before. An older one never replaces a newer one. `client` comes from `withPlatform`. */
export async function storeDriftResult(client: Client, result: DriftResult): Promise<void> {
  await client.query(
    `INSERT INTO public.drift_results (tenant_id, outcome, findings, problem, checked_at) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (tenant_id) DO UPDATE SET outcome = excluded.outcome, findings = excluded.findings,
       problem = excluded.problem, checked_at = excluded.checked_at
     WHERE drift_results.checked_at <= excluded.checked_at`,
    [result.tenant_id, result.outcome, JSON.stringify(result.findings), result.problem, result.checked_at],
  );
}

/** The last result of every stack that was looked at. */
export async function driftResults(client: Client): Promise<DriftResult[]> {
  const { rows } = await client.query<DriftResult>(
    "SELECT tenant_id, outcome, findings, problem, checked_at FROM public.drift_results ORDER BY tenant_id",
  );
  return rows;
}
