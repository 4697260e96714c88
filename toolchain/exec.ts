// Child processes of the set-up: argv arrays, progress by the line, and an error that shows what the program said.
import { spawn } from "node:child_process";
import { Problem } from "../errors/problem.ts";

/** A failed program. `output` is the end of what it said. */
export class CommandError extends Problem {
  readonly output: string;

  constructor(command: string, reason: string, output: string) {
    super("setup-failed", `${command}: ${reason}${output === "" ? "" : `\n${output}`}`);
    this.output = output;
  }
}

export interface Options {
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** Called with each line of output. */
  readonly say?: (line: string) => void;
}

/** Runs a program to its end and returns what it printed on both outputs, empty lines left out. Throws CommandError. */
export async function execute(command: string, args: readonly string[], options: Options = {}): Promise<string> {
  const child = spawn(command, args, { cwd: options.cwd, env: options.env, stdio: ["ignore", "pipe", "pipe"] });
  // A set-up that is interrupted takes the compiler with it; the next run goes on where this one stopped.
  const stop = (): void => void child.kill("SIGTERM");
  process.once("exit", stop);
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream.setEncoding("utf8").on("data", (chunk: string) => {
      const parts = (rest + chunk).split("\n");
      rest = parts.pop() ?? "";
      for (const line of parts.filter((part) => part.trim() !== "")) {
        lines.push(line);
        options.say?.(line);
      }
    });
    stream.on("end", () => {
      if (rest.trim() !== "") lines.push(rest);
    });
  }
  const ended = await new Promise<string>((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) => resolve(code === 0 ? "" : `ended with ${signal ?? `exit code ${code}`}`));
  }).finally(() => process.off("exit", stop));
  if (ended !== "") throw new CommandError(command, ended, lines.slice(-20).join("\n"));
  return lines.join("\n");
}
