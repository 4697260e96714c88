// Many runs at once, for the person or the log that watches: on a terminal what is at work now, elsewhere a line for each end.
import type { PlanStep } from "../engine/steps.ts";
import { note, seconds, verbosityIs } from "../output.ts";
import { makeSpinner, redraws } from "../../toolchain/spinner.ts";
import type { Reporter } from "../engine/provision.ts";

/** Tells of many runs. */
export interface FleetProgress {
  readonly begin: (id: string) => void;
  /** What one of them is at. */
  readonly reporter: (id: string) => Reporter;
  /** `said`: in a few words, such as "updated". */
  readonly finish: (id: string, well: boolean, said: string) => void;
  /** Runs `write` with the display out of the way. */
  readonly aside: (write: () => void) => void;
  readonly end: () => void;
}

/**
 * Begins it. Call `end` before anything else is written.
 * @param title such as "Updating 12 tenants, 2 at a time"
 */
export async function beginFleetProgress(title: string, total: number): Promise<FleetProgress> {
  const terminal = redraws() && verbosityIs("normal");
  const spinner = terminal ? (await makeSpinner(title)).start() : undefined;
  if (spinner === undefined) note(title);
  const running = new Map<string, { readonly since: number; news: string }>();
  let done = 0;
  let failed = 0;
  const show = (): void => {
    const counts = `${done} of ${total} done${failed === 0 ? "" : `, ${failed} failed`}`;
    const lines = [...running].map(([id, { news }]) => `  ${id}${news === "" ? "" : `: ${news}`}`);
    if (spinner !== undefined) spinner.text = [`${title}: ${counts}`, ...lines].join("\n");
  };
  const tell = (id: string, text: string): void => {
    const one = running.get(id);
    if (one === undefined) return;
    one.news = text;
    show();
  };
  const aside = (write: () => void): void => {
    spinner?.clear();
    write();
    spinner?.render();
  };
  return {
    begin: (id) => {
      running.set(id, { since: performance.now(), news: "" });
      show();
    },
    reporter: (id) => ({
      news: (text) => tell(id, text),
      steps: (steps: readonly PlanStep[]) =>
        tell(id, steps.map(({ number, name }) => (number === 0 ? name : `${number} ${name}`)).join(", ")),
    }),
    finish: (id, well, said) => {
      const since = running.get(id)?.since ?? performance.now();
      running.delete(id);
      done += 1;
      if (!well) failed += 1;
      aside(() => note(`[${done}/${total}] ${id}: ${well ? "" : "FAILED: "}${said} (${seconds(since)})`));
      show();
    },
    aside,
    end: () => spinner?.stop(),
  };
}
