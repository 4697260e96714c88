// What the verification of the audit log found, and how a person reads it.

/** A place where the log is not what was written. */
export interface Break {
  /** Within the platform; null: among the sealed events. */
  readonly sequence: number | null;
  readonly event_id: string | null;
  readonly tenant_id: string | null;
  readonly problem: string;
}

/** What became of a verification. */
export interface AuditVerdict {
  /** The log's id. */
  readonly log: string | null;
  readonly unbroken: boolean;
  /** Signed events that were read. */
  readonly events: number;
  /** Events of before the signed log. */
  readonly sealed: number;
  /** The newest event. */
  readonly last: { readonly sequence: number; readonly event_id: string; readonly created_at: string } | null;
  /** The keys that signed, in order. */
  readonly keys: readonly string[];
  /** The first ones, at most `breakLimit`. */
  readonly breaks: readonly Break[];
  /** All of them. */
  readonly broken_places: number;
  /** Whether an earlier look from this machine could be compared with. */
  readonly compared: boolean;
}

/** How many breaks are told one by one. */
export const breakLimit = 20;
/** The verdict for a person. */
export function formatVerdict(verdict: AuditVerdict): string {
  const { log, unbroken, events, sealed, last, keys, breaks, broken_places: broken } = verdict;
  if (unbroken) {
    const before = sealed === 0 ? "" : `, after ${sealed} older ones under a seal`;
    return [
      `The audit log is unbroken: ${events} signed events${before}.`,
      `Last:  ${last?.sequence} of ${last?.created_at} (${last?.event_id})`,
      `Keys:  ${keys.join(", ")}`,
      verdict.compared
        ? "It continues the log that was seen here before."
        : "It was not seen from here before: whether its newest events are missing is known from the next look on.",
    ].join("\n");
  }
  const lines = breaks.map(({ sequence, event_id, tenant_id, problem }) => {
    const what = event_id === null ? "" : ` (${event_id}, ${tenant_id})`;
    return sequence === null ? `  - ${problem}` : `  - event ${sequence}${what}: ${problem}`;
  });
  const more = broken > breaks.length ? [`  … and ${broken - breaks.length} more`] : [];
  const head = `The audit log${log === null ? "" : ` ${log}`} is BROKEN, first at:`;
  return [head, ...lines, ...more].join("\n");
}
