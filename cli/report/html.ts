// HTML from templates: everything that is put in is escaped, unless it is HTML already.

/** A piece of HTML that is safe to put into a page. */
export class Html {
  readonly text: string;

  /** @param text HTML: use the `html` template, which escapes */
  constructor(text: string) {
    this.text = text;
  }
}

/** What a template takes; nothing comes of `undefined`, `null` and `false`. */
export type Part = Html | string | number | undefined | null | false | readonly Part[];

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/**
 * Text as HTML, for content and for quoted attributes. Control characters, and those that turn the direction of the text around
 * them, become visible: a name must not make a line read as something else.
 */
export function escaped(text: string): string {
  return text
    .replace(/[^\P{Cc}\t\n]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\p{Cs}/gu, "\ufffd")
    .replace(/[&<>"']/g, (character) => entities[character] ?? "");
}

function rendered(part: Part): string {
  if (part instanceof Html) return part.text;
  if (part === undefined || part === null || part === false) return "";
  if (typeof part === "object") return part.map(rendered).join("");
  return escaped(String(part));
}

/** `` html`<td>${name}</td>` ``. The indentation of a template is not put out. */
export function html(literals: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(literals.map((literal, index) => literal.replace(/\n\s*/g, "\n") + rendered(parts[index])).join(""));
}
