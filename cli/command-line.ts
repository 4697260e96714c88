// A command line run to its end: the checkout's and the package's.
import { CommanderError, type Command } from "commander";
import { inStackScope } from "../providers/clients/stack-scope.ts";
import { errorOutput, showError } from "./errors.ts";

/**
 * Runs it. Sets the exit code: 0 only on success.
 * @param explained may add to an error what to do next
 */
export async function runCommandLine(
  program: () => Command,
  argv: readonly string[],
  explained: (error: unknown) => Promise<unknown> = async (error) => error,
): Promise<void> {
  try {
    // Which servers it works on is this command's: it begins with those of the environment.
    await inStackScope(async () =>
      program()
        .exitOverride()
        .parseAsync([...argv]),
    );
  } catch (error) {
    // commander has printed its own messages already.
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else {
      showError("tenant", await explained(error), errorOutput(argv.slice(2)));
      process.exitCode ||= 1;
    }
  }
}
