// What a change would do to many tenants, by kind: the same thing to the same type of resource.
import type { Previewed } from "../engine/preview.ts";

/** One kind of change. */
export interface Kind {
  /** create, update, replace, delete, … */
  readonly op: string;
  /** The resource's type, as people call it: `IamPolicy`. */
  readonly type: string;
  /** The inputs that change, sorted. */
  readonly properties: readonly string[];
  /** Stacks in which that happens, sorted. */
  readonly stacks: readonly string[];
  /** How many resources, in all stacks. */
  readonly resources: number;
}

/** `IamPolicy` of a URN; undefined for the stack and what only holds others. */
export function typeOf(urn: string): string | undefined {
  const type = (urn.split("::")[2] ?? "").split("$").at(-1) ?? "";
  return /^(pulumi|tenant-storage):/.test(type) ? undefined : (type.split(":").at(-1) ?? type);
}

/** Some plugins name the inputs that change, of others only their values are known. */
const changed = (named: readonly string[], paths: readonly string[]): string[] =>
  [...new Set([...named, ...paths].map((path) => path.split(/[.[]/)[0] ?? path))]
    .filter((name) => !name.startsWith("__"))
    .sort();

const order = ["delete", "replace", "update", "create"];

/** Collects kinds stack by stack: the previews themselves need not be kept. */
export class Kinds {
  readonly #found = new Map<string, { kind: Kind; stacks: Set<string> }>();

  add({ stack, steps }: Pick<Previewed, "stack" | "steps">): void {
    for (const { op, urn, diff, properties: values } of steps) {
      const type = typeOf(urn);
      if (type === undefined) continue;
      // What is made or deleted has no inputs that change.
      const properties =
        op === "create" || op === "delete"
          ? []
          : changed(
              diff,
              values.map(({ path }) => path),
            );
      const key = JSON.stringify([op, type, properties]);
      const known = this.#found.get(key) ?? {
        kind: { op, type, properties, stacks: [], resources: 0 },
        stacks: new Set(),
      };
      known.stacks.add(stack);
      this.#found.set(key, { ...known, kind: { ...known.kind, resources: known.kind.resources + 1 } });
    }
  }

  /** What takes most away first, then what concerns most. */
  all(): Kind[] {
    const place = ({ op }: Kind): number => (order.includes(op) ? order.indexOf(op) : order.length);
    return [...this.#found.entries()]
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([, { kind, stacks }]) => ({ ...kind, stacks: [...stacks].sort() }))
      .sort((one, other) => place(one) - place(other) || other.stacks.length - one.stacks.length);
  }
}

/** The first of them, and how many more. */
export function some(ids: readonly string[], most = 5): string {
  return ids.length <= most ? ids.join(", ") : `${ids.slice(0, most).join(", ")} and ${ids.length - most} more`;
}
