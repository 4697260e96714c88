// The stores' figures as a table: a column for each number of tenants, and what one more tenant adds.
import { table } from "../cli/output.ts";
import type { Figure } from "./figures.ts";
import type { StoresAt } from "./scale.ts";

/** A figure that some counts have. */
const keyOf = ({ of, what, unit }: Figure): string => JSON.stringify([of, what, unit]);

/** `12.3 MB`, `4.1 ms`, `302` */
export function amount(value: number, unit: Figure["unit"]): string {
  const short = (number: number): string =>
    Math.abs(number) >= 100 ? number.toFixed(0) : number.toPrecision(3).replace(/\.?0+$/, "");
  if (unit === "number") return short(value);
  if (unit === "seconds") return Math.abs(value) < 1 ? `${short(value * 1000)} ms` : `${short(value)} s`;
  if (Math.abs(value) < 10_000) return `${short(value)} B`;
  return Math.abs(value) < 2 ** 20 ? `${short(value / 1024)} KB` : `${short(value / 2 ** 20)} MB`;
}

/** What one more tenant adds, from the first count to the last; undefined with one count only. */
export function slope(scale: readonly StoresAt[], of: string, what: string): number | undefined {
  const values = scale.flatMap(({ present, figures }) => {
    const found = figures.find((figure) => figure.of === of && figure.what === what);
    return found === undefined ? [] : [{ present, value: found.value }];
  });
  const [first, last] = [values[0], values.at(-1)];
  if (first === undefined || last === undefined || first === last) return undefined;
  return (last.value - first.value) / (last.present - first.present);
}

export async function scaleTable(scale: readonly StoresAt[]): Promise<string> {
  const keys = [...new Set(scale.flatMap(({ figures }) => figures.map(keyOf)))];
  const head = ["", "tenants present", ...scale.map(({ present }) => String(present)), "one more"];
  const rows = keys.map((key) => {
    const [of, what, unit] = JSON.parse(key) as [string, string, Figure["unit"]];
    const cells = scale.map(({ figures }) => {
      const found = figures.find((figure) => keyOf(figure) === key);
      return found === undefined ? "" : amount(found.value, unit);
    });
    const more = slope(scale, of, what);
    return [of, what, ...cells, more === undefined ? "" : amount(more, unit)];
  });
  return table(head, rows);
}
