// What every command line of this project does alike: its mistakes have a code, a suggestion and a pointer to the help, and an
// error nobody expected ends the program as the others do.
import type { Command } from "commander";
import { codeLine, errorOutput, showError } from "./errors.ts";
import { complain, saidAnything, sayJson } from "./output.ts";

/** Before subcommands are added: they copy it. */
export function withManners(command: Command): Command {
  return command.showSuggestionAfterError().configureOutput({
    outputError: (text) => {
      const message = text.trimEnd();
      if (errorOutput(process.argv.slice(2)).json && !saidAnything()) sayJson({ error: { code: "usage", message } });
      complain(`${message}\nHelp: put --help behind the command.\n${codeLine("usage")}`);
    },
  });
}

/** Shows what nothing catches as any other error, without a stack trace unless that is wanted. */
export function catchTheRest(program: string): void {
  process.on("uncaughtException", (error) => {
    showError(program, error, errorOutput(process.argv.slice(2)));
    process.exit(1);
  });
}
