// Finding the servers' programs.
import { spawn } from "node:child_process";
import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join } from "node:path";
import { Problem } from "../errors/problem.ts";
import { binDir } from "../toolchain/paths.ts";
import type { CommandLine } from "./account.ts";

// Debian keeps some of these out of a plain user's PATH.
const systemFolders = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The program of that name in the toolchain, on PATH or in the system's folders; undefined if nowhere. */
export function findOnPath(name: string): string | undefined {
  const folders = [binDir, ...(process.env["PATH"] ?? "").split(delimiter), ...systemFolders];
  return folders
    .filter((folder) => folder.startsWith("/"))
    .map((folder) => join(folder, name))
    .find(isProgram);
}

/** What a server sees of the caller's environment: nothing, so that none of the caller's secrets leak into it. */
export function cleanEnvironment(home: string): Record<string, string> {
  return { PATH: systemFolders.join(":"), HOME: home, LC_ALL: "C.UTF-8", TZ: "UTC" };
}

export interface RunOptions {
  readonly env: Record<string, string>;
  readonly cwd?: string;
  /** Called with every line the program prints, on either stream. */
  readonly say?: (line: string) => void;
}

/** Runs a program to its end and returns what it printed (both streams). Throws with its last 15 lines when it fails. */
export function run(line: CommandLine, options: RunOptions): Promise<string> {
  const { command, args, ...identity } = line;
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      ...identity,
      env: options.env,
      cwd: options.cwd ?? "/",
      stdio: ["ignore", "pipe", "pipe"],
    });
    let printed = "";
    const take = (chunk: string): void => {
      printed += chunk;
      const last = chunk.trimEnd().split("\n").at(-1)?.trim() ?? "";
      if (last !== "") options.say?.(last);
    };
    child.stdout.setEncoding("utf8").on("data", take);
    child.stderr.setEncoding("utf8").on("data", take);
    child.on("error", (cause) =>
      reject(new Problem("setup-failed", `${command} could not be started: ${cause.message}`, { cause })),
    );
    child.on("close", (code, signal) => {
      if (code === 0) return resolve(printed);
      const tail = printed.trimEnd().split("\n").slice(-15).join("\n");
      reject(new Problem("setup-failed", `${command} failed (${signal ?? `exit code ${code}`}):\n${tail}`));
    });
  });
}
