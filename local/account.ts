// Started by root, PostgreSQL must not and Redis need not run as root: they get an account of their own.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { Problem } from "../errors/problem.ts";
import { findOnPath } from "./programs.ts";

/** A user of this machine. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** A command line, ready for `spawn`. */
export interface CommandLine {
  readonly command: string;
  readonly args: readonly string[];
  readonly uid?: number;
  readonly gid?: number;
}

/** The account a server runs as: undefined is the caller's own (who is not root). */
export function serviceAccount(preferred: string): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8")
    .split("\n")
    .map((line) => line.split(":"));
  for (const wanted of [preferred, "nobody"]) {
    const user = users.find(([name]) => name === wanted);
    if (user !== undefined) return { name: wanted, uid: Number(user[2]), gid: Number(user[3]) };
  }
  throw new Problem(
    "setup-failed",
    `this machine has no user ${preferred} or nobody to run a server as (root must not): add one with: adduser --system --group ${preferred}`,
  );
}

/**
 * The command line that runs a program as the account.
 *
 * The account may be unable to reach the checkout (a clone under /root, which is 0700, or a umask of 077). Then it gets
 * one capability on top: to pass folders it has no permission for. It cannot write where it could not before.
 * @param paths what the program must reach
 */
export function runAs(
  account: Account | undefined,
  paths: readonly string[],
  command: string,
  args: readonly string[],
): CommandLine {
  if (account === undefined) return { command, args };
  const { uid, gid } = account;
  if (paths.every((path) => reaches(account, path))) return { command, args, uid, gid };
  const setpriv = findOnPath("setpriv");
  if (setpriv === undefined) {
    throw new Problem(
      "setup-failed",
      `user ${account.name} cannot reach ${paths.join(", ")} and setpriv is not installed: apt-get install util-linux, or clone to a folder others may enter`,
    );
  }
  const capability = passingCapability();
  return {
    command: setpriv,
    args: [
      `--reuid=${uid}`,
      `--regid=${gid}`,
      "--clear-groups",
      `--inh-caps=+${capability}`,
      `--ambient-caps=+${capability}`,
      "--",
      command,
      ...args,
    ],
  };
}

// Asks the kernel, as that user: mode bits alone do not know of access lists.
function reaches(account: Account, path: string): boolean {
  return (
    spawnSync("/usr/bin/test", ["-x", path], { uid: account.uid, gid: account.gid, cwd: "/", stdio: "ignore" })
      .status === 0
  );
}

/** dac_read_search reads and passes only; dac_override also writes, and is all that a container usually has. */
function passingCapability(): string {
  const mask = /^CapEff:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  return (BigInt(`0x${mask}`) >> 2n) & 1n ? "dac_read_search" : "dac_override";
}
