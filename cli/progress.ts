// What is at work now, on standard error: one changing line on a terminal, a line for each news elsewhere.
import type { PlanStep } from "./engine/steps.ts";
import { note } from "./output.ts";

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
  // A terminal that does not know its width (expect, docker run -t) makes ora clear lines for ever.
  const terminal = process.stderr.isTTY && process.stderr.columns > 0;
  const { default: ora } = await import("ora");
  const spinner = ora({ text: title, stream: process.stderr, discardStdin: false, isEnabled: terminal });
  if (terminal) spinner.start();
  else note(title);
  const told = new Set<string>();
  let last = "";
  const news = (text: string): void => {
    last = text === "" ? title : `${title}: ${text}`;
    if (terminal) spinner.text = last;
    else if (text !== "" && !told.has(text)) note(`  ${text}`);
    told.add(text);
  };
  return {
    news,
    amount: (text) => {
      if (terminal) spinner.text = `${last}, ${text}`;
    },
    steps: (steps) => {
      const names = steps.map(({ number, name }) => (number === 0 ? name : `${number} ${name}`));
      if (terminal) news(names.length === 0 ? "" : `step ${names.join(", ")}`);
      else for (const name of names) news(name);
    },
    end: () => spinner.stop(),
  };
}
