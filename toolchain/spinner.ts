// One changing line on a terminal; elsewhere nothing but what is written on purpose.
import type { Ora } from "ora";

/** Whether standard error is a terminal on which lines can be redrawn. */
export function redraws(): boolean {
  // A terminal that does not know its width (expect, docker run -t) makes ora clear lines for ever.
  return process.stderr.isTTY && process.stderr.columns > 0;
}

/** Whether colours are wanted (https://no-color.org): the packages that draw do not all ask. */
export const wantsColour = (env: NodeJS.ProcessEnv = process.env): boolean => (env["NO_COLOR"] ?? "") === "";

/** A spinner on standard error that has not begun to turn. */
export async function makeSpinner(text: string, enabled = redraws()): Promise<Ora> {
  const { default: ora } = await import("ora");
  const color = wantsColour() ? "cyan" : false;
  return ora({ text, color, stream: process.stderr, discardStdin: false, isEnabled: enabled });
}

/** Ends it with a line that stays. */
export function endSpinner(spinner: Ora, well: boolean, text: string): void {
  if (!wantsColour()) spinner.stopAndPersist({ symbol: well ? "✔" : "✖", text });
  else if (well) spinner.succeed(text);
  else spinner.fail(text);
}
