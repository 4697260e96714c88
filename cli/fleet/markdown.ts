// A preview as one comment of a pull request: the same previews give the same bytes, so that the comment can be updated.
import type { Finding, Previewed, PreviewedStep } from "../engine/preview.ts";
import { resourceName } from "../engine/steps.ts";
import { withoutSecrets } from "../errors.ts";
import { aboutRemoved } from "./changed.ts";
import { Kinds, some, typeOf } from "./kinds.ts";
import { capped, commentLimit, head, inline, row, type Table } from "./markdown-text.ts";

/** The first line: who updates the comment finds it by this. */
export const marker = "<!-- tenant-storage preview -->";

/** What the comment is made of. */
export interface Comment {
  /** Every stack that was looked at. */
  readonly previews: readonly Previewed[];
  /** Stacks whose file the change removed. */
  readonly removed?: readonly string[];
  /** Why these stacks, in a sentence. */
  readonly because: string;
}

const see = (stacks: string): string => `\`npm run preview -- ${stacks} --diff\``;

/** At most `limit` characters; what does not fit is named, with the command that shows it. */
export function comment({ previews, removed = [], because }: Comment, limit = commentLimit): string {
  const all = [...previews].sort((one, other) => (one.stack < other.stack ? -1 : 1));
  const touched = all.filter((one) => one.steps.length + one.refused.length + one.errors.length > 0);
  const same = all.filter((one) => !touched.includes(one)).map(({ stack }) => stack);
  const parts = [
    marker,
    `### Preview: ${verdict(all)}`,
    inline(because),
    ...removed.map((stack) => `> [!WARNING]\n> ${inline(aboutRemoved(stack))}`),
    capped(violations(all), Math.floor(limit / 4), "rows of policy violations", see("")),
    touched.length === 0 ? "" : capped(counts(touched), Math.floor(limit / 4), "stacks of this table", see("")),
    touched.length < 2 ? "" : capped(kinds(touched), Math.floor(limit / 8), "kinds of change", see("")),
    same.length === 0 ? "" : `Unchanged: ${some(same, 20)}.`,
  ].filter((part) => part !== "");
  const text = parts.join("\n\n");
  // Room for the last line, which says what is missing.
  return `${text}\n${details(touched, limit - text.length - 400)}`;
}

function verdict(all: readonly Previewed[]): string {
  const count = (is: (one: Previewed) => boolean): number => all.filter(is).length;
  const said = [
    [count((one) => one.refused.length > 0), "refused by the policy pack"],
    [count((one) => one.errors.length > 0), "failed"],
    [count((one) => one.steps.length > 0), "would change"],
    [count((one) => one.steps.length + one.refused.length + one.errors.length === 0), "unchanged"],
  ] as const;
  const shown = said.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  return `${all.length} ${all.length === 1 ? "stack" : "stacks"}${shown.length === 0 ? "" : `: ${shown.join(", ")}`}`;
}

function violations(all: readonly Previewed[]): Table {
  const lines = (kind: string, of: (one: Previewed) => readonly Finding[]): string[] =>
    all.flatMap((one) =>
      of(one).map(({ rule, urn, message }) =>
        row([
          one.stack,
          `${kind}**${inline(rule)}**`,
          inline(urn === undefined ? "the stack" : resourceName(urn)),
          inline(message),
        ]),
      ),
    );
  const errors = all.flatMap((one) => one.errors.map((error) => row([one.stack, "❌ failed", "", inline(error)])));
  const rows = [
    ...lines("⛔ ", (one) => sorted(one.refused)),
    ...errors,
    ...lines("⚠️ ", (one) => sorted(one.warnings)),
  ];
  return { before: head(["stack", "policy", "resource", "what is wrong"]), rows: [...new Set(rows)] };
}

const sorted = (findings: readonly Finding[]): Finding[] =>
  [...findings].sort((one, other) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1));

function counts(touched: readonly Previewed[]): Table {
  const ops = ["create", "update", "replace", "delete"];
  const rows = touched.map(({ stack, changes, refused, errors }) => {
    const others = Object.entries(changes).filter(([op]) => ![...ops, "same"].includes(op));
    const policy = refused.length > 0 ? "⛔ refused" : errors.length > 0 ? "❌ failed" : "passes";
    const more = others.map(([op, count]) => `, ${count} to ${op}`).join("");
    return row([stack, ...ops.map((op) => String(changes[op] ?? 0)), String(changes["same"] ?? 0), `${policy}${more}`]);
  });
  return { before: head(["stack", ...ops, "unchanged", "policy"]), rows };
}

function kinds(touched: readonly Previewed[]): Table {
  const found = new Kinds();
  for (const one of touched) found.add(one);
  const rows = found
    .all()
    .map(({ op, type, properties, stacks }) =>
      row([op, inline(type), inline(properties.join(", ")), String(stacks.length), some(stacks)]),
    );
  return { before: head(["would", "resource", "properties", "stacks", ""]), rows };
}

const signs: Readonly<Record<string, string>> = { create: "+", delete: "-", update: "~", replace: "!" };

/** What a step would do, in lines of GitHub's diff colours. */
function lines({ op, urn, properties }: PreviewedStep): string[] {
  if (typeOf(urn) === undefined) return [];
  const values = properties.flatMap(({ path, from, to }) => [
    ...(from === undefined ? [] : [`-     ${path}: ${from}`]),
    ...(to === undefined ? [] : [`+     ${path}: ${to}`]),
  ]);
  return [`${signs[op] ?? "~"} ${withoutSecrets(resourceName(urn))} (${op})`, ...values];
}

/** A collapsed diff each, as long as there is room: small ones are whole, large ones share what is left. */
function details(touched: readonly Previewed[], room: number): string {
  const blocks = touched
    .map(({ stack, steps }) => ({ stack, lines: steps.flatMap(lines) }))
    .filter((one) => one.lines.length > 0);
  const cut: string[] = [];
  let text = "";
  let left = room;
  for (const [index, { stack, lines: own }] of blocks.entries()) {
    const share = Math.floor(left / (blocks.length - index));
    const shown = block(stack, own, share);
    if (shown.cut) cut.push(stack);
    text += shown.text;
    left -= shown.text.length;
  }
  const missing =
    cut.length === 0
      ? ""
      : `\nToo long for a comment, and cut: ${some(cut, 3)}. All of it: ${see(cut.length === 1 ? (cut[0] ?? "") : "")}\n`;
  return `${text}${missing}`;
}

function block(stack: string, own: readonly string[], room: number): { readonly text: string; readonly cut: boolean } {
  // A fence that no value can end.
  const longest = Math.max(2, ...own.flatMap((line) => [...line.matchAll(/`+/g)].map(([run]) => run.length)));
  const fence = "`".repeat(longest + 1);
  const around = (body: string): string =>
    `\n<details><summary>${stack}</summary>\n\n${fence}diff\n${body}\n${fence}\n\n</details>\n`;
  const whole = around(own.join("\n"));
  if (whole.length <= room) return { text: whole, cut: false };
  const kept: string[] = [];
  let size = around("… 99999 lines more").length;
  for (const line of own) {
    size += line.length + 1;
    if (size > room) break;
    kept.push(line);
  }
  if (kept.length === 0) return { text: "", cut: true };
  return { text: around([...kept, `… ${own.length - kept.length} lines more`].join("\n")), cut: true };
}
