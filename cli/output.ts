// Data go to standard output, everything else to standard error.

let said = false;

/** Whether this process has written data. */
export const saidAnything = (): boolean => said;

/** A line of data. */
export function say(line: string): void {
  said = true;
  process.stdout.write(`${line}\n`);
}

/** Data as JSON. */
export function sayJson(value: unknown): void {
  say(JSON.stringify(value, null, 2));
}

/** How much the person who watches wants to be told: `quiet` is data and errors only. */
export type Verbosity = "quiet" | "normal" | "verbose";

let verbosity: Verbosity = "normal";

/** For the whole process, at its beginning. */
export function setVerbosity(wanted: Verbosity): void {
  verbosity = wanted;
}

export const verbosityIs = (one: Verbosity): boolean => verbosity === one;

/** `12.3 s` since that moment of `performance.now()`. */
export const seconds = (since: number): string => `${((performance.now() - since) / 1000).toFixed(1)} s`;

/** A line for the person who watches. */
export function note(line: string): void {
  if (verbosity !== "quiet") complain(line);
}

/** A line that says what is wrong: shown also to who wants quiet. */
export function complain(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** `3 objects`, `1 object`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

/** A table for a person. */
export async function table(head: readonly string[], rows: readonly (readonly string[])[]): Promise<string> {
  const { default: Table } = await import("cli-table3");
  const made = new Table({ head: [...head], style: { head: [], border: [], compact: true } });
  made.push(...rows.map((row) => [...row]));
  return made.toString();
}
