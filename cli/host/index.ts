// The hosts of this command: as many as there are runs at the same time, each lent to one run after the other.
import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packaged } from "../../providers/clients/place.ts";
import { localDir } from "../../toolchain/paths.ts";
import type { RunEnd } from "../engine/runs.ts";
import { withoutSecrets } from "../errors.ts";
import { verifierVariable, type Answer, type Ready, type Request } from "./messages.ts";

/** A host, lent to a run. */
export interface Host {
  readonly pid: number;
  /** The program, for `pulumi --client`. */
  readonly program: string;
  /** For the run's own processes. */
  readonly env: NodeJS.ProcessEnv;
  /** What it wrote when it ended by itself; undefined while it lives. */
  readonly ended: () => string | undefined;
  /** Gives it back. */
  readonly release: (end: RunEnd) => Promise<void>;
}

/** A host's memory grows by what the SDK keeps of each run. */
const runsOfOne = 200;

interface Process {
  readonly child: ChildProcess;
  readonly ready: Promise<Ready>;
  readonly stderr: () => string;
  runs: number;
}

const idle: Process[] = [];

function start(): Process {
  const child = fork(fileURLToPath(new URL("process.ts", import.meta.url)), {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    // Not this process's own, which may be about what it runs (--input-type).
    execArgv: ["--disable-warning=ExperimentalWarning"],
    // A process group of its own: Ctrl-C at a terminal is the command's, which lets what runs come to its end.
    detached: true,
    env: { NODE_COMPILE_CACHE: join(localDir, "compile-cache"), ...process.env },
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-4000)));
  const host: Process = { child, ready: answerOf(child) as Promise<Ready>, stderr: () => stderr, runs: 0 };
  host.ready.catch(() => undefined); // Whoever borrows it is told.
  // It ends with this process, and does not keep it.
  child.unref();
  child.channel?.unref();
  (child.stderr as { unref?: () => void } | null)?.unref?.();
  return host;
}

/** The next thing it says. @throws Error when it ends instead */
async function answerOf(child: ChildProcess): Promise<Answer> {
  const ended = new AbortController();
  const stop = (): void => ended.abort();
  child.once("exit", stop);
  child.ref();
  child.channel?.ref();
  try {
    const [answer] = (await once(child, "message", { signal: ended.signal })) as [Answer];
    return answer;
  } catch (cause) {
    throw new Error("the program's process ended", { cause });
  } finally {
    child.off("exit", stop);
    child.channel?.unref();
    child.unref();
  }
}

const tell = (child: ChildProcess, request: Request): void => void child.send(request);

/** Starts one that will be needed soon, while something else is waited for. */
export function warmUp(): void {
  if (!packaged && idle.length === 0) idle.push(start());
}

/**
 * Lends a host to a run of pulumi.
 * @param env what the run gets besides this process's environment
 * @returns undefined where the program is somebody else's (the package): pulumi starts that itself
 * @throws Error when it cannot be started
 */
export async function borrowHost(env: NodeJS.ProcessEnv): Promise<Host | undefined> {
  if (packaged) return undefined;
  const found = idle.pop() ?? start();
  const { child } = found;
  const ended = (): string | undefined =>
    child.exitCode === null && child.signalCode === null ? undefined : withoutSecrets(found.stderr().trim());
  const { port, verifier } = await found.ready.catch((cause: unknown) => {
    throw new Error(`the program's process did not start: ${ended() || "it says nothing"}`, { cause });
  });
  const own = { PULUMI_DEBUG_PROVIDERS: `pulumi-nodejs:${port}`, [verifierVariable]: verifier };
  // What this process knows of one stack's servers is no other's; the engine says what this one's are.
  const { PULUMI_CONFIG: _, ...inherited } = process.env;
  const begun = answerOf(child);
  tell(child, { begin: { ...inherited, ...env } });
  await begun;
  found.runs += 1;
  return {
    pid: child.pid ?? 0,
    program: `127.0.0.1:${port}`,
    env: own,
    ended,
    release: async (end) => {
      if (ended() !== undefined) return;
      if (end === "killed") {
        // What it is at must stop, as the run's own processes do.
        const gone = once(child, "exit");
        child.kill("SIGKILL");
        await gone;
        return;
      }
      const answer = answerOf(child);
      tell(child, { end: true });
      await answer;
      // What is left of a program that failed is nobody's to come upon.
      if (end === "succeeded" && found.runs < runsOfOne) idle.push(found);
      else child.disconnect();
    },
  };
}
