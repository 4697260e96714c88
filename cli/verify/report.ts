// The verification report: the plan's JSON (section 8.2), with the reason for each result added.

/** What a check is about. */
export type Store = "minio" | "postgresql" | "qdrant" | "redis" | "encryption";

/**
 * What a check found. `OK`: it worked. `DENIED`: the server itself refused. `ALLOWED`: it should have been refused, a
 * leak. `FAILED`: it should have worked, or a guarantee is not there. `ERROR`: nothing was proved.
 */
export type Result = "OK" | "DENIED" | "ALLOWED" | "FAILED" | "ERROR";

/** One check. */
export interface Check {
  readonly store: Store;
  readonly test: string;
  readonly result: Result;
  /** When it ended: `2026-02-11T12:00:00Z`. */
  readonly timestamp: string;
  readonly expected: "OK" | "DENIED";
  readonly pass: boolean;
  /** Why, in a few words, without secrets; empty when there is nothing to add. */
  readonly detail: string;
  readonly duration_ms: number;
}

/** A tenant's report. */
export interface Report {
  readonly tenant_id: string;
  readonly checks: readonly Check[];
  /** True only when every check found what it expected. */
  readonly overall_pass: boolean;
  /** UUIDv7. */
  readonly report_id: string;
}
