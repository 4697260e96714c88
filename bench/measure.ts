// Times whole commands.
import { execFile } from "node:child_process";

/** One command and where it runs. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
}

/** Seconds the command took. @throws Error with its output when it fails. */
export async function seconds({ program, args, cwd, env }: Command): Promise<number> {
  const started = performance.now();
  await new Promise<void>((done, fail) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 28 };
    execFile(program, args, options, (error, stdout, stderr) => {
      if (error === null) done();
      else fail(new Error(`${program} ${args.join(" ")} failed:\n${stdout}\n${stderr}`));
    });
  });
  return (performance.now() - started) / 1000;
}

/** The middle one of several measurements. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
