// The end of a command of many tenants: a table, what failed and why, and what to type next.
import { codeLine, codeOf, withoutSecrets } from "../errors.ts";
import { complain, plural, say, sayJson, table } from "../output.ts";
import type { Outcome } from "./scheduler.ts";

/** How a command speaks of what it did with a tenant. */
export interface Words<T> {
  /** Whether a run that came to its end is a failure: a verification that found a leak, a preview that a rule refuses. */
  readonly failed: (value: T) => boolean;
  /** Whether a run that did not fail found something that somebody should look at: drift. */
  readonly notable?: (value: T) => boolean;
  /** In a few words, for a table: "updated", "39 checks passed". */
  readonly said: (value: T) => string;
  /** What --json shows of it, beside id and outcome. */
  readonly json: (value: T) => Readonly<Record<string, unknown>>;
  /** The command line for these tenants. */
  readonly command: (ids: readonly string[]) => string;
}

/** Who failed and who was not begun. */
export interface Ends {
  readonly failed: readonly string[];
  readonly notBegun: readonly string[];
}

export function endsOf<T>(outcomes: readonly Outcome<T>[], { failed }: Words<T>): Ends {
  const of = (is: (outcome: Outcome<T>) => boolean): string[] => outcomes.filter(is).map(({ id }) => id);
  return {
    failed: of(({ result }) => result.status === "failed" || (result.status === "done" && failed(result.value))),
    notBegun: of(({ result }) => result.status === "not begun"),
  };
}

/** The first line of a message, and not too much of it. */
export function firstLine(message: string, most = 100): string {
  const line = withoutSecrets(message.split("\n")[0] ?? "");
  return line.length <= most ? line : `${line.slice(0, most - 1)}…`;
}

/** The outcome in a few words. */
export function told<T>({ result }: Outcome<T>, { said }: Words<T>): string {
  if (result.status === "done") return said(result.value);
  return result.status === "failed" ? firstLine(result.error.message) : `not begun: ${result.why}`;
}

/** As one JSON document. */
export function showJson<T>(outcomes: readonly Outcome<T>[], words: Words<T>): void {
  const { failed, notBegun } = endsOf(outcomes, words);
  sayJson({
    tenants: outcomes.map(({ id, result }) => ({
      id,
      outcome: failed.includes(id) ? "failed" : result.status === "done" ? "done" : "not begun",
      ...(result.status === "done" ? words.json(result.value) : {}),
      ...(result.status === "failed"
        ? { error: { code: codeOf(result.error), message: withoutSecrets(result.error.message) } }
        : {}),
      ...(result.status === "not begun" ? { why: result.why } : {}),
    })),
    failed,
    not_begun: notBegun,
    retry: failed.length > 0 ? words.command(failed) : null,
    go_on: notBegun.length > 0 ? words.command(notBegun) : null,
  });
}

/** As a table. */
export async function showTable<T>(outcomes: readonly Outcome<T>[], words: Words<T>): Promise<void> {
  const { failed } = endsOf(outcomes, words);
  const mark = ({ id, result }: Outcome<T>): string => {
    if (failed.includes(id)) return "✗";
    if (result.status !== "done") return "·";
    return words.notable?.(result.value) ? "!" : "✓";
  };
  const rows = outcomes.map((outcome) => [mark(outcome), outcome.id, told(outcome, words)]);
  say(await table(["", "tenant", "outcome"], rows));
}

/** What failed and why, and the command that does only that again. On standard error. */
export function showWhatIsLeft<T>(outcomes: readonly Outcome<T>[], words: Words<T>): void {
  const { failed, notBegun } = endsOf(outcomes, words);
  for (const outcome of outcomes) {
    const { id, result } = outcome;
    if (result.status === "done" && failed.includes(id))
      complain(`\n${id}: ${withoutSecrets(words.said(result.value))}`);
    if (result.status === "failed")
      complain(`\n${id}: ${withoutSecrets(result.error.message)}\n${codeLine(codeOf(result.error))}`);
  }
  if (failed.length > 0)
    complain(
      `\n${plural(failed.length, "tenant")} failed: ${failed.join(", ")}\nOnly these again: ${words.command(failed)}`,
    );
  if (notBegun.length > 0) {
    complain(`\nNot begun: ${notBegun.join(", ")}\nGo on with these: ${words.command(notBegun)}`);
  }
}
