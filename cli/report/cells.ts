// How a tenant stands, in the cells of tables and in headings.
import { staleAfter, usage } from "./attention.ts";
import { between, bytes, count, percent, roughly } from "./format.ts";
import type { Drift, TenantState } from "./fleet.ts";
import { html, type Html } from "./html.ts";
import { badge, bar, type Tone } from "./parts.ts";
import type { StoreSize } from "./sizes.ts";

/** What a tenant's verifications say, in a word or two. */
export function verdict({ verifications }: TenantState, now: string): { readonly tone: Tone; readonly text: string } {
  const [newest] = verifications;
  if (newest === undefined) return { tone: "bad", text: "Never verified" };
  const checks = verifications.flatMap(({ report }) => report.checks);
  const failed = checks.filter(({ pass }) => !pass).length;
  if (failed > 0 || !newest.report.overall_pass)
    return { tone: "bad", text: `${count(failed)} of ${count(checks.length)} failed` };
  if (between(newest.at, now) >= staleAfter) return { tone: "warn", text: "Passed long ago" };
  return { tone: "ok", text: newest.report.suspended ? "Shut out" : "Passed" };
}

export function driftBadge(drift: Drift | null): Html {
  if (drift === null) return badge("unknown", "Not looked");
  if (drift.outcome === "failed") return badge("warn", "Look failed");
  if (drift.outcome === "none") return badge("ok", "None");
  return badge("bad", drift.findings.length === 1 ? "1 difference" : `${count(drift.findings.length)} differences`);
}

/** A size, and how much of its limit that is, as a number and a bar. @param whole also says what the limit is */
export function sizeCell(size: StoreSize | undefined, whole = false): Html {
  const shown = size?.bytes ?? size?.items ?? null;
  if (shown === null) return html`<span class="none">–</span>`;
  const write = size?.bytes === shown ? bytes : roughly;
  const used = usage(size);
  if (used === undefined) return html`${write(shown)}`;
  const tone = used.part >= 0.95 * used.whole ? "bad" : used.part >= 0.85 * used.whole ? "warn" : "ok";
  const share = `${percent(used.part, used.whole)}${whole ? ` of ${write(used.whole)}` : ""}`;
  return html`${write(shown)} <small class="share">${share}</small>${bar(used.part, used.whole, tone)}`;
}
