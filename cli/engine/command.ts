// The pulumi program as the Automation API runs it, with two differences: it is told of an interruption exactly once, and
// it leaves alone which stack the operator has selected.
import "../sdk.ts";
import type { PulumiCommand } from "@pulumi/pulumi/automation/cmd.js";
import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import type { ErrorCode } from "../../errors/codes.ts";
import { packaged } from "../../providers/clients/place.ts";
import { root } from "../../toolchain/paths.ts";
import { Problem } from "../errors.ts";
import { borrowHost } from "../host/index.ts";
import { nodeOptions } from "../node-options.ts";
import { onInterrupt } from "./interrupt.ts";
import { endSession, recordRun, releaseAbandoned, stackIn, type RunEnd } from "./runs.ts";

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

  /** There is such a stack already. */
  get exists(): boolean {
    return /stack '.*' already exists/.test(this.ran.stderr);
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

const endOf = ({ code, endedBy }: Ran): RunEnd =>
  endedBy !== undefined ? "killed" : code === 0 ? "succeeded" : "failed";

const wasEnded = (signal: string): string => `pulumi was ended by ${signal}`;

type Listener = (text: string) => void;

/** Runs pulumi to its end. @param host process id of what works for the run */
async function start(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  host: number | undefined,
  onOutput?: Listener,
  onError?: Listener,
): Promise<Ran> {
  return new Promise((done, fail) => {
    const child = spawn("pulumi", args, {
      cwd: root,
      env: { ...process.env, ...(!packaged && { NODE_OPTIONS: nodeOptions() }), ...env },
      stdio: ["ignore", "pipe", "pipe"],
      // A process group of its own: the terminal sends Ctrl-C to the whole group, and a second one makes pulumi drop
      // everything where it stands. It gets ours only.
      detached: true,
    });
    const recorded = recordRun(child.pid, args, host);
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
      if (child.pid !== undefined && signal !== null) endSession(child.pid);
      const ran: Ran =
        signal === null
          ? { stdout, stderr, code: code ?? 255 }
          : { stdout, stderr: `${stderr}\n${wasEnded(signal)}`, code: 255, endedBy: signal };
      recorded(endOf(ran));
      done(ran);
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
  const host = operations.includes(args[0] ?? "") ? await borrowHost(env) : undefined;
  const withProgram = host !== undefined && withTheProgram.includes(args[0] ?? "") ? ["--client", host.program] : [];
  const all = [...withoutSelecting(args), ...withProgram, "--non-interactive"];
  const run = () => start(all, { ...env, ...host?.env }, host?.pid, onOutput, onError);
  let end: RunEnd = "killed";
  try {
    const ran = await untilUnlocked(run, args, env);
    end = endOf(ran);
    if (ran.code === 0) return ran;
    const died = host?.ended();
    if (died !== undefined) throw new Error(`the program's process ended: ${died}`, { cause: new PulumiError(ran) });
    throw new PulumiError(ran);
  } finally {
    await host?.release(end);
  }
}

/** What the engine does, with our dynamic providers. */
const operations = ["up", "preview", "refresh", "destroy"];
/** Those of them that run the program. */
const withTheProgram = ["up", "preview"];

/** Runs it; once more when what kept it out was a lock that is gone, or that a killed command of this checkout had left. */
async function untilUnlocked(run: () => Promise<Ran>, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> {
  let first = await run();
  if (first.code !== 0 && new PulumiError(first).released) first = await run();
  if (first.code === 0) return first;
  const error = new PulumiError(first);
  const stack = stackIn(args);
  if (!error.locked || stack === "") return first;
  const cancel = () => start(["cancel", "--stack", stack, "--yes", "--non-interactive"], env, undefined);
  return (await releaseAbandoned(error.holders, cancel)) ? run() : first;
}

/** The Automation API selects the stack it works on, also for the operator's next command. That choice is the operator's. */
function withoutSelecting(args: readonly string[]): readonly string[] {
  if (args[0] !== "stack") return args;
  if (args[1] === "init") return [...args, "--no-select"];
  return args[1] === "select" ? ["stack", "--show-name", ...args.slice(2)] : args;
}

/**
 * The Automation API's command, running through `runPulumi`. Which version pulumi has is not asked: that is a run of it. It is taken
 * to be the SDK's, and asked when pulumi does not know what it is told to do.
 * @throws Problem when there is no pulumi
 */
export async function pulumiCommand(): Promise<PulumiCommand> {
  requirePulumi();
  const [{ PulumiCommand }, { version }, { SemVer }] = await Promise.all([
    import("@pulumi/pulumi/automation/cmd.js"),
    import("@pulumi/pulumi/version.js"),
    import("semver"),
  ]);
  const run = async (args: string[], _cwd: string, env: NodeJS.ProcessEnv, onOutput?: Listener, onError?: Listener) => {
    try {
      return await runPulumi(args, { ...env, PULUMI_AUTOMATION_API: "true" }, onOutput, onError);
    } catch (error) {
      if (error instanceof PulumiError && /unknown (flag|command|shorthand)/.test(error.message))
        await PulumiCommand.get({ version: new SemVer(version) }); // Says that it is too old.
      throw error;
    }
  };
  const command = Object.create(PulumiCommand.prototype) as PulumiCommand;
  return Object.assign(command, { command: "pulumi", version: new SemVer(version), run });
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
