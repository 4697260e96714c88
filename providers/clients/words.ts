// What differs between two values, in words: one line for each difference, short enough for a person, without the parts that
// stayed. Documents (a policy) are compared by what they say, not by how it is written.
import { isDeepStrictEqual } from "node:util";

/** Characters of a value that are shown. */
const limit = 200;

/** `connectionLimit: 20 → -1`; `policy.Statement: added {…}`. Empty when both say the same. */
export function differences(name: string, before: unknown, after: unknown): string[] {
  const [from, to] = [opened(before), opened(after)];
  if (isDeepStrictEqual(canonical(from), canonical(to))) return [];
  if (isRecord(from) && isRecord(to)) {
    const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
    return keys.flatMap((key) => differences(`${name}.${key}`, from[key], to[key]));
  }
  const [former, present] = [listOf(from), listOf(to)];
  if (former !== undefined && present !== undefined) {
    const [added, removed] = [without(present, former), without(former, present)];
    return [
      ...added.map((one) => `${name}: added ${shown(one)}`),
      ...removed.map((one) => `${name}: removed ${shown(one)}`),
      ...(added.length + removed.length === 0 ? [`${name}: in another order`] : []),
    ];
  }
  return [`${name}: ${shown(from)} → ${shown(to)}`];
}

/** The lines of two texts that differ, of `name: words` the words: `commands: added +keys`. */
export function lineDifferences(before: string, after: string): string[] {
  const [from, to] = [namedLines(before), namedLines(after)];
  return [...new Set([...from.keys(), ...to.keys()])].flatMap((name) =>
    differences(name, from.get(name) ?? [], to.get(name) ?? []),
  );
}

/** One value, on one line. */
export function shown(value: unknown): string {
  if (value === undefined || value === null || value === "") return "nothing";
  const text = (typeof value === "string" ? value : JSON.stringify(canonical(value))).replace(/\s+/g, " ");
  return text.length > limit ? `${text.slice(0, limit)}…` : text;
}

function namedLines(text: string): Map<string, string[]> {
  return new Map(
    text.split("\n").map((line) => {
      const [name = "", words = ""] = line.split(/: ?(.*)/);
      return [name, words.split(" ").filter((word) => word !== "")];
    }),
  );
}

/** A JSON document as what it says. */
function opened(value: unknown): unknown {
  if (typeof value !== "string" || !/^[[{]/.test(value)) return value;
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Nothing is an empty list where the other side has one. */
function listOf(value: unknown): readonly unknown[] | undefined {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : undefined;
}

/** Those of `all` that `others` does not hold, each as often as it has more of them. */
function without(all: readonly unknown[], others: readonly unknown[]): unknown[] {
  const left = others.map((one) => JSON.stringify(canonical(one)));
  return all.filter((one) => {
    const at = left.indexOf(JSON.stringify(canonical(one)));
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** Keys in one order, and inside documents lists of words too: a server writes them as it likes. */
function canonical(value: unknown, inside = false): unknown {
  if (Array.isArray(value)) {
    const items = value.map((one) => canonical(one, true));
    return inside && items.every((one) => typeof one === "string") ? [...items].sort() : items;
  }
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, one]) => [key, canonical(one, true)] as const);
  return Object.fromEntries(entries.sort(([one], [other]) => (one < other ? -1 : 1)));
}
