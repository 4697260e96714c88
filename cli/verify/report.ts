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
  /** `ALLOWED`: a leak that the operator accepts; `detail` says by which setting. */
  readonly expected: "OK" | "DENIED" | "ALLOWED";
  readonly pass: boolean;
  /** Why, in a few words, without secrets; empty when there is nothing to add. */
  readonly detail: string;
  readonly duration_ms: number;
}

/** A tenant's report. */
export interface Report {
  readonly tenant_id: string;
  /** The tenant that had to be out of reach; left out by earlier versions, which took the canary. */
  readonly against?: string;
  /** The checks prove that the tenant is shut out; left out otherwise. */
  readonly suspended?: true;
  readonly checks: readonly Check[];
  /** True only when every check found what it expected. */
  readonly overall_pass: boolean;
  /** UUIDv7. */
  readonly report_id: string;
}

/** The report as a table, for a person. Colours only on a terminal that wants them. */
export async function formatReport(report: Report): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const table = new Table({
    head: ["", "store", "test", "result", "expected", "why"],
    style: { head: [], border: [] },
    chars: { mid: "", "left-mid": "", "mid-mid": "", "right-mid": "" }, // No line between the rows.
  });
  for (const check of report.checks) {
    const why = check.pass && check.result !== "ALLOWED" ? "" : check.detail;
    table.push([check.pass ? "✓" : "✗", check.store, check.test, check.result, check.expected, wrapped(why, 60)]);
  }
  const failed = report.checks.filter((check) => !check.pass).length;
  const accepted = report.checks.filter((check) => check.expected === "ALLOWED").length;
  const but = accepted === 0 ? "" : ` Leaks that were accepted: ${accepted}.`;
  const state = report.suspended ? "suspended" : "isolated";
  const verdict = report.overall_pass
    ? `Tenant ${report.tenant_id} is ${state}: ${report.checks.length} checks passed.${but}`
    : `Tenant ${report.tenant_id} is NOT ${state}: ${failed} of ${report.checks.length} checks failed.`;
  return `${table.toString()}\n${verdict}`;
}

/** Breaks a text into lines of at most `width` where it has spaces. */
function wrapped(text: string, width: number): string {
  return text.replace(new RegExp(`(?=.{${width + 1},})(.{1,${width}}) `, "g"), "$1\n");
}
