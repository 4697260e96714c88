// The servers' logs: <dir>/logs/<store>.log, mode 0600, kept across starts, rotated once they are large.
import { closeSync, mkdirSync, openSync, readSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";

const rotateAtBytes = 10 * 1024 * 1024;

export const logFile = (dir: string, name: string): string => join(dir, "logs", `${name}.log`);

/** Opens the log for a server to write to. `from` is where its lines begin, in bytes. The caller closes `fd`. */
export function openLog(dir: string, name: string): { fd: number; from: number } {
  const path = logFile(dir, name);
  mkdirSync(join(dir, "logs"), { recursive: true });
  if (sizeOf(path) > rotateAtBytes) renameSync(path, `${path}.old`);
  return { fd: openSync(path, "a", 0o600), from: sizeOf(path) };
}

/** The last lines since `from`, at most 15 of them, without what must not be shown. */
export function logTail(dir: string, name: string, from: number, secrets: readonly string[]): string {
  const path = logFile(dir, name);
  const start = Math.max(from, sizeOf(path) - 16_384);
  const buffer = Buffer.alloc(Math.max(0, sizeOf(path) - start));
  const fd = openSync(path, "r");
  try {
    const read = readSync(fd, buffer, 0, buffer.length, start);
    let text = buffer.toString("utf8", 0, read);
    for (const secret of secrets) text = text.replaceAll(secret, "***");
    return text.trimEnd().split("\n").slice(-15).join("\n");
  } finally {
    closeSync(fd);
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
