// Questions to the person at the terminal, on standard error: standard output is for data.
import { on } from "node:events";
import { createInterface } from "node:readline";
import { Problem } from "../errors.ts";

/** Asks one question after the other. */
export interface Questions {
  /** The answer without blanks around it; `fallback` when there was none. */
  readonly ask: (question: string, fallback?: string) => Promise<string>;
  readonly end: () => void;
}

/** undefined: nobody is there to be asked. */
export function questions(): Questions | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // Keeps what is typed, or pasted, before it is asked for. Ctrl-D and Ctrl-C end it.
  const answers = on(lines, "line", { close: ["close"] });
  return {
    ask: async (question, fallback = "") => {
      lines.setPrompt(fallback === "" ? `${question}: ` : `${question} [${fallback}]: `);
      lines.prompt();
      const { done, value } = await answers.next();
      if (done) throw new Problem("interrupted", "Interrupted. Nothing was written.");
      const answer = (value as string[]).join("").trim();
      return answer === "" ? fallback : answer;
    },
    end: () => lines.close(),
  };
}
