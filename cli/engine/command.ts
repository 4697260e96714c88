// The pulumi program as the Automation API runs it, with two differences: it is told of an interruption exactly once, and
// it leaves alone which stack the operator has selected.
import type { PulumiCommand } from "@pulumi/pulumi/automation/cmd.js";
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { ErrorCode } from "../../errors/codes.ts";
import { root } from "../../toolchain/paths.ts";
import { Problem } from "../errors.ts";
import { onInterrupt } from "./interrupt.ts";
import { endSession, recordRun, releaseAbandoned, stackIn } from "./runs.ts";

/** What a run printed. */
export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
  /** What ended it, when it did not end by itself. */
  readonly endedBy?: NodeJS.Signals;
}

/** Who holds a stack. */
export interface LockHolder {
  readonly user: string;
  readonly host: string;
  readonly pid: number;
  /** RFC 3339; empty when the lock does not say. */
  readonly since: string;
}

/** A run of pulumi that failed. Its message is what pulumi said, for people. */
export class PulumiError extends Error {
  override readonly name = "PulumiError";
  readonly ran: Ran;

  constructor(ran: Ran) {
    super(saidBy(ran));
    this.ran = ran;
  }

  /** For docs/errors.md. */
  get errorCode(): ErrorCode {
    return this.locked ? "lock-held" : "pulumi-failed";
  }

  /** There is no such stack. */
  get notFound(): boolean {
    return /no stack named .* found/.test(this.ran.stderr);
  }

  /** Who holds the stack, as the lock says. */
  get holders(): LockHolder[] {
    const found = this.ran.stderr.matchAll(/created by (\S+)@(\S+) \(pid (\d+)\)(?: at (\S+))?/g);
    return [...found].map(([, user = "", host = "", pid = "", since = ""]) => ({
      user,
      host,
      pid: Number(pid),
      since,
    }));
  }

  /** Somebody held the stack, and released it before pulumi could read who. */
  get released(): boolean {
    return /\.pulumi\/locks\/[^]*NotFound/.test(this.ran.stderr);
  }

  /** Somebody else works on the stack, or was killed while doing so. */
  get locked(): boolean {
    return this.ran.stderr.includes("the stack is currently locked by") || this.ran.stderr.includes("[409] Conflict");
  }
}

function saidBy({ stderr, stdout, code }: Ran): string {
  const errors = stderr.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("warning:"));
  const last = errors.length > 0 ? errors : stdout.trimEnd().split("\n").slice(-5);
  return last.length > 0 ? last.join("\n").replace(/^error: /, "") : `pulumi ended with ${code}`;
}

const wasEnded = (signal: string): string => `pulumi was ended by ${signal}`;

type Listener = (text: string) => void;

/** Runs pulumi to its end. */
async function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  onOutput?: Listener,
  onError?: Listener,
): Promise<Ran> {
  return new Promise((done, fail) => {
    const child = spawn("pulumi", args, {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // A process group of its own: the terminal sends Ctrl-C to the whole group, and a second one makes pulumi drop
      // everything where it stands. It gets ours only.
      detached: true,
    });
    const recorded = recordRun(child.pid, args);
    const forget = onInterrupt(() => child.kill("SIGINT"));
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
      onOutput?.(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
      onError?.(text);
    });
    child.on("error", (cause) => {
      forget();
      fail(notInstalled(cause));
    });
    child.on("close", (code, signal) => {
      forget();
      recorded(signal !== null ? "killed" : code === 0 ? "succeeded" : "failed");
      if (child.pid !== undefined && signal !== null) endSession(child.pid);
      if (signal === null) done({ stdout, stderr, code: code ?? 255 });
      else done({ stdout, stderr: `${stderr}\n${wasEnded(signal)}`, code: 255, endedBy: signal });
    });
  });
}

/**
 * Runs pulumi in the checkout, without questions.
 * @throws PulumiError when it fails.
 */
export async function runPulumi(
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
  onOutput?: Listener,
  onError?: Listener,
): Promise<Ran> {
  const run = () => start([...withoutSelecting(args), "--non-interactive"], env, onOutput, onError);
  let first = await run();
  if (first.code !== 0 && new PulumiError(first).released) first = await run();
  if (first.code === 0) return first;
  const error = new PulumiError(first);
  const stack = stackIn(args);
  if (!error.locked || stack === "") throw error;
  const cancel = () => start(["cancel", "--stack", stack, "--yes", "--non-interactive"], env);
  if (!(await releaseAbandoned(error.holders, cancel))) throw error;
  const second = await run();
  if (second.code === 0) return second;
  throw new PulumiError(second);
}

/** The Automation API selects the stack it works on, also for the operator's next command. That choice is the operator's. */
function withoutSelecting(args: readonly string[]): readonly string[] {
  if (args[0] !== "stack") return args;
  if (args[1] === "init") return [...args, "--no-select"];
  return args[1] === "select" ? ["stack", "--show-name", ...args.slice(2)] : args;
}

/**
 * The Automation API's command, running through `runPulumi`.
 * @throws Problem when there is no pulumi; Error when it is older than the SDK.
 */
export async function pulumiCommand(): Promise<PulumiCommand> {
  requirePulumi();
  const { PulumiCommand } = await import("@pulumi/pulumi/automation/cmd.js");
  const command = await PulumiCommand.get().catch((error: unknown) => {
    const [, signal] = /was killed with (SIG\w+)/.exec((error as Error).message) ?? [];
    if (signal === undefined) throw error;
    throw new PulumiError({ stdout: "", stderr: wasEnded(signal), code: 255, endedBy: signal as NodeJS.Signals });
  });
  const run = (args: string[], _cwd: string, env: NodeJS.ProcessEnv, onOutput?: Listener, onError?: Listener) =>
    runPulumi(args, { ...env, PULUMI_AUTOMATION_API: "true" }, onOutput, onError);
  return Object.assign(command, { run });
}

/** One message before anything is done, instead of an ENOENT in the middle. */
function requirePulumi(): void {
  const found = (process.env["PATH"] ?? "").split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, "pulumi"), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (!found) throw notInstalled(undefined);
}

function notInstalled(cause: unknown): Problem {
  return new Problem("program-missing", "Pulumi is not installed. Install it for this checkout alone: npm run demo", {
    cause,
  });
}
