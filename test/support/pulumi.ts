// The real engine on the copy of the program, as an operator types it.
import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { stringify } from "yaml";

/** The copy of the program; made by test/run.ts. */
export function checkout(): string {
  const folder = process.env["TENANT_TEST_CHECKOUT"];
  if (folder === undefined) throw new Error("the tests run by: npm test (or npm test -- PART-OF-A-FILE-NAME)");
  return folder;
}

export interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, for messages that may come by either. */
  readonly all: string;
}

/** Everything the engine has printed in this test file: what a log would hold. */
export const printed: string[] = [];

/** Runs a program in the copy, or in another. Never throws for an exit code. */
export async function run(
  program: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  cwd = checkout(),
): Promise<Outcome> {
  return new Promise((done) => {
    const options = { cwd, env: { ...process.env, ...env }, maxBuffer: 1 << 28 };
    execFile(program, args, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === "number" ? error.code : 1;
      printed.push(stdout, stderr);
      done({ code, stdout, stderr, all: `${stdout}\n${stderr}` });
    });
  });
}

/** `pulumi ARGS`, without colours and questions. */
export async function pulumi(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return run("pulumi", [...args, "--color", "never", "--non-interactive"], env);
}

/** Writes the stack's file and makes the stack. */
export async function initStack(stack: string, config: Readonly<Record<string, unknown>>): Promise<void> {
  const prefixed = Object.fromEntries(Object.entries(config).map(([key, value]) => [`tenant-storage:${key}`, value]));
  mkdirSync(join(checkout(), "stacks"), { recursive: true });
  writeFileSync(join(checkout(), "stacks", `Pulumi.${stack}.yaml`), stringify({ config: prefixed }));
  const made = await pulumi(["stack", "init", stack]);
  if (made.code !== 0 && !made.all.includes("already exists")) throw new Error(made.all);
}

/** Sets one key of the stack's configuration. */
export async function setConfig(stack: string, key: string, value: string, ...flags: string[]): Promise<void> {
  const outcome = await pulumi(["config", "set", "--stack", stack, ...flags, key, value]);
  if (outcome.code !== 0) throw new Error(outcome.all);
}

/** Removes the stack and its file. */
export async function removeStack(stack: string): Promise<void> {
  await pulumi(["stack", "rm", stack, "--yes", "--force"]);
  rmSync(join(checkout(), "stacks", `Pulumi.${stack}.yaml`), { force: true });
}

/** One resource's planned change. */
export interface Step {
  readonly op: string;
  /** The last part of the type: `QdrantCollection`. */
  readonly type: string;
  readonly urn: string;
  /** Changed inputs. */
  readonly diff: readonly string[];
}

/** `pulumi preview --json` (or `up`, `refresh` with a preview) as a list of the steps that change something. */
export async function planned(stack: string, command: readonly string[] = ["preview"]): Promise<Step[]> {
  const { stdout, stderr, code } = await pulumi([...command, "--stack", stack, "--json"]);
  if (code !== 0) throw new Error(stderr + stdout);
  const { steps } = JSON.parse(stdout) as {
    steps: { op: string; urn: string; oldState?: State; newState?: State }[];
  };
  return steps
    .map(({ op, urn, oldState, newState }) => ({
      op,
      urn,
      type: urn.split("::")[2]?.split("$").at(-1)?.split(/[:/]/).at(-1) ?? "",
      diff: changedKeys(oldState?.inputs ?? {}, newState?.inputs ?? {}),
    }))
    .filter(({ op }) => op !== "same");
}

interface State {
  readonly inputs?: Readonly<Record<string, unknown>>;
}

function changedKeys(before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): string[] {
  const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...keys].filter((key) => !isDeepStrictEqual(before[key], after[key])).sort();
}
