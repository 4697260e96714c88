// Text and tables of Markdown, for what is posted to GitHub.
import { withoutSecrets } from "../errors.ts";

/** What GitHub takes in one comment or issue, in characters. */
export const commentLimit = 65_536;

/** Text from outside, in a line of Markdown: neither markup nor a mention. */
export const inline = (text: string): string =>
  withoutSecrets(text)
    .replace(/\s+/g, " ")
    .replace(/[&<>@\\`*_[\]|~#!]/g, (letter) => entities[letter] ?? `\\${letter}`);
const entities: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;" };
export const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
export const head = (cells: readonly string[]): string => `${row(cells)}\n${row(cells.map(() => "---"))}`;

export interface Table {
  readonly before: string;
  readonly rows: readonly string[];
}

/** The table's first rows, as many as fit. `see`: the command that shows all. */
export function capped({ before, rows }: Table, limit: number, what: string, see: string): string {
  if (rows.length === 0) return "";
  let text = before;
  for (const [index, one] of rows.entries()) {
    if (text.length + one.length + 1 > limit) return `${text}\n\n…and ${rows.length - index} more ${what}: ${see}`;
    text += `\n${one}`;
  }
  return text;
}
