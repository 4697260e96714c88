// What is at work now, on standard error: one changing line on a terminal, a line for each news elsewhere.
import type { PlanStep } from "./engine/steps.ts";
import { makeSpinner, redraws } from "../toolchain/spinner.ts";
import { note, seconds, verbosityIs } from "./output.ts";

/** One line of progress. */
export interface Progress {
  /** Replaces the news behind the title. */
  readonly news: (text: string) => void;
  /** How much of it is done, beside the news: shown on a terminal only, for it changes all the time. */
  readonly amount: (text: string) => void;
  /** For `Watch`. */
  readonly steps: (steps: readonly PlanStep[]) => void;
  readonly end: () => void;
}

/** Begins it. Call `end` before anything else is written. */
export async function beginProgress(title: string): Promise<Progress> {
  // Whoever wants to know what is run gets it line by line.
  const terminal = redraws() && verbosityIs("normal");
  const spinner = terminal ? (await makeSpinner(title)).start() : undefined;
  const began = performance.now();
  if (spinner === undefined) note(title);
  const told = new Set<string>();
  let last = "";
  const news = (text: string): void => {
    last = text === "" ? title : `${title}: ${text}`;
    if (spinner !== undefined) spinner.text = last;
    else if (text !== "" && !told.has(text))
      note(`  ${text}${verbosityIs("verbose") ? ` (at ${seconds(began)})` : ""}`);
    told.add(text);
  };
  return {
    news,
    amount: (text) => {
      if (spinner !== undefined) spinner.text = `${last}, ${text}`;
    },
    steps: (steps) => {
      const names = steps.map(({ number, name }) => (number === 0 ? name : `${number} ${name}`));
      if (spinner !== undefined) news(names.length === 0 ? "" : `step ${names.join(", ")}`);
      else for (const name of names) news(name);
    },
    end: () => {
      spinner?.stop();
      if (verbosityIs("verbose")) note(`${title}: ended after ${seconds(began)}`);
    },
  };
}
