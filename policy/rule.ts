// What a rule is, and how it looks at values of which a preview does not know all.
import type { Owner } from "./owner.ts";

/** Stands for a value that only the update will know. A rule lets it pass: the update asks again before it makes anything. */
export const unknown = Symbol("known after the preview");

export type Value =
  string | number | boolean | null | undefined | typeof unknown | readonly Value[] | { readonly [key: string]: Value };

export type Props = Readonly<Record<string, Value>>;

/** A resource as the engine is about to make it. Secrets are readable, and no message may repeat them. */
export interface Resource {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** Inputs; in a stack rule, outputs. */
  readonly props: Props;
  readonly protect: boolean;
  /** Outputs the program asks the engine to encrypt, beside those the provider names. */
  readonly secretOutputs: readonly string[];
}

/** A resource at the end of a preview or an update. */
export interface Made extends Resource {
  /** URNs of the parent and of what must be there before. */
  readonly needs: readonly string[];
}

/** Looks at one resource before it is made or changed. */
export interface ResourceRule {
  readonly name: string;
  /** What must hold. */
  readonly description: string;
  /** Warns only. */
  readonly advisory?: true;
  readonly applies: (type: string) => boolean;
  /** What is wrong and what to do, a sentence each; nothing when all is well. */
  readonly problems: (resource: Resource, owner: Owner) => Iterable<string>;
}

/** Looks at all resources of a stack together, at the end of a preview or an update. */
export interface StackRule {
  readonly name: string;
  readonly description: string;
  readonly problems: (resources: readonly Made[], owner: Owner) => Iterable<{ message: string; urn?: string }>;
}

/** The type of one of our dynamic resources. */
export const dynamic = (name: string): string => `pulumi-nodejs:dynamic/tenant:${name}`;

/** For `applies`. */
export const only =
  (...types: readonly string[]) =>
  (type: string): boolean =>
    types.includes(type);

/** True when the value is one of these, or nobody knows yet. */
export function is(value: Value, ...allowed: readonly Value[]): boolean {
  return value === unknown || allowed.includes(value);
}

/** True when the value is a text of that form, or nobody knows yet. */
export function matches(value: Value, form: RegExp): boolean {
  return value === unknown || (typeof value === "string" && form.test(value));
}

/** The texts in a list; a text alone counts as a list of it. What nobody knows yet is left out. */
export function texts(value: Value): string[] {
  return [value].flat().filter((one): one is string => typeof one === "string");
}

/** The value for a message. */
export function shown(value: Value): string {
  return value === undefined || value === null
    ? "unset"
    : typeof value === "symbol"
      ? "unknown"
      : JSON.stringify(value);
}

/** Problems for every property that has another value than it must have. */
export function* mustBe(props: Props, wanted: Readonly<Record<string, Value>>, why: string): Iterable<string> {
  for (const [key, value] of Object.entries(wanted)) {
    if (!is(props[key], value)) yield `${key} is ${shown(props[key])} and must be ${shown(value)}: ${why}`;
  }
}

/** Problems for every property a rule does not know: what nobody judged may not be set. */
export function* noOther(props: Props, known: readonly string[], where: string): Iterable<string> {
  for (const key of Object.keys(props)) {
    if (known.includes(key) || props[key] === undefined || props[key] === null) continue;
    yield `${key} is set, and no rule says that it is safe: take it out, or judge it in policy/${where}.`;
  }
}

/** The SDK throws when a property is read that only the update will know: the whole rule would be skipped. */
export function read(props: object): Props {
  return Object.fromEntries(
    Object.keys(props).map((key) => {
      try {
        return [key, plain((props as Readonly<Record<string, unknown>>)[key])];
      } catch (error) {
        if (error instanceof Error && "unknownTypeSentinel" in error) return [key, unknown];
        throw error;
      }
    }),
  );
}

function plain(value: unknown): Value {
  if (typeof value !== "object" || value === null) return value as Value;
  const fields = read(value);
  return Array.isArray(value) ? Object.values(fields) : fields;
}
