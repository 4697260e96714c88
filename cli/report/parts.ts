// Small pieces that several parts of the page use.
import type { Attention } from "./attention.ts";
import { html, type Html, type Part } from "./html.ts";
import { age, between, minutes } from "./format.ts";

/** How something stands. Told by a sign and a word, never by colour alone. */
export type Tone = "ok" | "warn" | "bad" | "unknown";

const signs: Readonly<Record<Tone, string>> = { ok: "✓", warn: "!", bad: "✕", unknown: "–" };

export function badge(tone: Tone, text: Part): Html {
  return html`<span class="badge ${tone}"><span class="sign" aria-hidden="true">${signs[tone]}</span>${text}</span>`;
}

/** What should be looked at, an item each. @param about who it is about, before each */
export function attentionList(problems: readonly Attention[], about: (tenant: string) => Part = () => undefined): Html {
  return html`<ul class="attention">
    ${problems.map(
      ({ tenant, severity, what, command }) =>
        html`<li>
          ${badge(severity, severity === "bad" ? "Problem" : "Warning")}<span>${about(tenant)}${what}</span>
          ${command !== "" && html`<code>${command}</code>`}
        </li>`,
    )}
  </ul>`;
}

/** When, and how long before the page was made. */
export function ago(time: string, now: string): Html {
  return html`<time datetime="${time}" title="${minutes(time)} UTC">${age(between(time, now))} ago</time>`;
}

export function instant(time: string): Html {
  return html`<time datetime="${time}">${minutes(time)}</time>`;
}

/** How full something is. The text beside it says the same. */
export function bar(part: number, whole: number, tone: Tone): Html {
  const width = Math.min(100, Math.max(part > 0 ? 1 : 0, Math.round((100 * part) / whole)));
  return html`<svg class="bar ${tone}" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true">
    <rect class="track" width="100" height="4" />
    <rect class="fill" width="${width}" height="4" />
  </svg>`;
}

/** A column's head; `number`: what is under it stands at the right. */
export interface Column {
  readonly title: string;
  readonly number?: true;
}

export const numeric = (title: string): Column => ({ title, number: true });

/** A table that scrolls by itself where the page is too narrow, or it too long; reachable by keyboard. */
export function table(
  label: string,
  className: string,
  head: readonly (string | Column)[],
  rows: readonly Html[],
): Html {
  const columns = head.map((one) => (typeof one === "string" ? { title: one } : one));
  return html`<div class="scroll" role="region" aria-label="Table: ${label}" tabindex="0">
    <table class="${className}">
      <thead>
        <tr>
          ${columns.map(({ title, number }) => html`<th scope="col" class="${number && "number"}">${title}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows}
      </tbody>
    </table>
  </div>`;
}

/** Where a tenant's part of the page is. */
export const anchor = (id: string): string => `tenant-${id}`;

export function tenantLink(id: string): Html {
  return html`<a href="#${anchor(id)}">${id}</a>`;
}
