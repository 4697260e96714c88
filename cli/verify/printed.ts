// What `tenant verify ID --json` prints, and how it ends.
import type { StoredVerification } from "./index.ts";
import type { Check } from "./report.ts";

/** Data for standard output, lines for standard error, and the exit code. */
export function printed({ report, problem }: StoredVerification): {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
} {
  const wrong = report.checks.filter(({ pass }) => !pass).map(failed);
  if (problem !== undefined) wrong.push(notStored(problem));
  return {
    stdout: `${JSON.stringify(report, null, 2)}\n`,
    stderr: wrong.map((line) => `${line}\n`).join(""),
    code: report.overall_pass && problem === undefined ? 0 : 1,
  };
}

/** `redis cross_tenant_prefix: ALLOWED (expected DENIED): not refused: write` */
export function failed({ store, test, result, expected, detail }: Check): string {
  return `${store} ${test}: ${result} (expected ${expected})${detail === "" ? "" : `: ${detail}`}`;
}

export const notStored = (problem: string): string => `The report was not stored: ${problem}`;
