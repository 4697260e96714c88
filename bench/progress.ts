// What is measured now, and what came out: on standard error.
import { endSpinner, makeSpinner, redraws } from "../toolchain/spinner.ts";
import type { Cost } from "./measure.ts";

const began = performance.now();

/** `  83 s  ` since the program began. */
const clock = (): string => `${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  `;

export function say(text: string): void {
  process.stderr.write(`${clock()}${text}\n`);
}

/** Runs `work` with a line that says so, and then what `found` says of it. */
export async function during<T>(title: string, work: () => Promise<T>, found: (result: T) => string): Promise<T> {
  const spinner = redraws() ? (await makeSpinner(title)).start() : undefined;
  try {
    const result = await work();
    if (spinner === undefined) say(`${title}: ${found(result)}`);
    else endSpinner(spinner, true, `${clock()}${title}: ${found(result)}`);
    return result;
  } catch (error) {
    if (spinner !== undefined) endSpinner(spinner, false, title);
    throw error;
  }
}

const megabytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MB`;

/** `6.65 s, processor 9.31 s, memory 512 MB` */
export function inWords({ seconds, cpu, memory }: Cost): string {
  const parts = [
    `${seconds.toFixed(2)} s`,
    cpu !== undefined && `processor ${cpu.toFixed(2)} s`,
    memory !== undefined && `memory ${megabytes(memory)}`,
  ];
  return parts.filter((part) => part !== false).join(", ");
}
