// Which tenants a command of many works on: labels, as people write them.
import { labelKey, labelValue, type Labels } from "../../components/labels.ts";
import { Problem } from "../errors.ts";

/** One condition. All of a selection must hold. */
export interface Condition {
  readonly key: string;
  /** `has`: the tenant has the label, whatever its value. `isNot` holds for tenants without the label, too. */
  readonly is: "has" | "equals" | "isNot";
  /** Empty with `has`. */
  readonly value: string;
}

const allowed =
  "Allowed are k=v, k!=v and k, with commas for and, such as --select 'plan=gold,region!=us'. A key is a-z, 0-9, dot, dash and " +
  "underscore, first a letter; a value is letters, digits, dot, dash and underscore";

/**
 * Reads what `--select` was given.
 * @throws Problem naming every part that is wrong, and what is allowed
 */
export function parseSelection(text: string): Condition[] {
  const problems: string[] = [];
  const conditions = text.split(",").flatMap((given): Condition[] => {
    const part = given.trim();
    const [, key = "", operator, value = ""] = /^([^!=]*)(!=|=)?(.*)$/.exec(part) ?? [];
    const right = labelKey.test(key) && (operator === undefined ? value === "" : labelValue.test(value));
    if (!right) {
      problems.push(part === "" ? "a part is empty" : `${JSON.stringify(part)} is no condition`);
      return [];
    }
    return [{ key, value, is: operator === undefined ? "has" : operator === "=" ? "equals" : "isNot" }];
  });
  if (problems.length > 0) throw new Problem("usage", `--select: ${problems.join("; ")}. ${allowed}.`);
  return conditions;
}

/** Whether all conditions hold for these labels. */
export function matches(conditions: readonly Condition[], labels: Labels): boolean {
  return conditions.every(({ key, is, value }) => {
    const own = Object.hasOwn(labels, key) ? labels[key] : undefined;
    if (is === "has") return own !== undefined;
    return is === "equals" ? own === value : own !== value;
  });
}

/** What `--select` looks at: a tenant's labels, and its placement as if that were one. */
export const selectable = (labels: Labels, placement: string): Labels => ({ ...labels, placement });
