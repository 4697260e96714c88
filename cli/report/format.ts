// How a report writes times, ages and sizes.

const minute = 60_000;
const hour = 60 * minute;
export const day = 24 * hour;

/** Milliseconds between two times (ISO 8601). Never negative: two machines' clocks may differ. */
export function between(since: string, until: string): number {
  return Math.max(0, Date.parse(until) - Date.parse(since));
}

/** `5 min`, `3 h`, `12 days`, `14 months` */
export function age(milliseconds: number): string {
  if (milliseconds < minute) return "under 1 min";
  if (milliseconds < 2 * hour) return `${Math.floor(milliseconds / minute)} min`;
  if (milliseconds < 2 * day) return `${Math.floor(milliseconds / hour)} h`;
  const days = Math.floor(milliseconds / day);
  return days < 90 ? `${days} days` : `${Math.floor(days / 30.44)} months`;
}

/** `2026-02-11 12:00`, in UTC */
export function minutes(time: string): string {
  return new Date(time).toISOString().slice(0, 16).replace("T", " ");
}

const units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** `0 B`, `1.5 GiB`, `10 GiB` */
export function bytes(count: number): string {
  let value = count;
  let unit = 0;
  for (; value >= 1024 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${value.toFixed(unit === 0 || value >= 100 || Number.isInteger(value) ? 0 : 1)} ${units[unit] ?? ""}`;
}

/** `1,234,567` */
export function count(value: number): string {
  return value.toLocaleString("en-US");
}

const short = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/** `12,345`, `1.2M` */
export function roughly(value: number): string {
  return value < 100_000 ? count(value) : short.format(value);
}

/** `85 %`; never 0 for something, nor 100 for less than all. */
export function percent(part: number, whole: number): string {
  const exact = (100 * part) / whole;
  if (part > 0 && exact < 1) return "under 1 %";
  return `${Math.floor(exact)} %`;
}

/** `cross tenant access` */
export function words(name: string): string {
  return name.replaceAll("_", " ").toLowerCase();
}
