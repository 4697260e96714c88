// Set-up steps: each says what it does and how long it usually takes, and is skipped when it is done.
import { endSpinner, makeSpinner } from "./spinner.ts";

/** One step of a set-up. */
export interface Step {
  /** What it does, in the imperative: "Build the Pulumi engine". */
  readonly title: string;
  /** How long it usually takes: "3 min". Leave out when under two seconds. */
  readonly usually?: string;
  /** True when nothing is left to do. Must be quick. */
  readonly done: () => boolean | Promise<boolean>;
  /** Does it. Safe to repeat after an interruption. `say` shows the latest line of progress. */
  readonly run: (say: (line: string) => void) => Promise<void>;
}

/** Runs the steps one after the other. Throws what a step throws. Writes progress to standard error. */
export async function runSteps(steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if (await step.done()) continue;
    const started = Date.now();
    const title = step.usually === undefined ? step.title : `${step.title} (usually ${step.usually})`;
    const spinner = (await makeSpinner(title)).start();
    try {
      await step.run((line) => {
        spinner.text = `${title}: ${line.slice(0, Math.max(20, (process.stderr.columns ?? 100) - title.length - 6))}`;
      });
      endSpinner(spinner, true, `${step.title} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    } catch (error) {
      endSpinner(spinner, false, step.title);
      throw error;
    }
  }
}
