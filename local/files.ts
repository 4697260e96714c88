// Small files that must never be seen half written or by others.
import { randomBytes } from "node:crypto";
import { chownSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import type { Account } from "./account.ts";

/**
 * Writes a file in one go: readers see the old text or the new, also after a power cut. Mode 0600, from the first byte.
 * @param owner who may read it. @default the caller
 */
export function writePrivate(path: string, text: string | Buffer, owner?: Account): void {
  const next = `${path}.${randomBytes(6).toString("hex")}.tmp`;
  try {
    const file = openSync(next, "wx", 0o600);
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    if (owner !== undefined) chownSync(next, owner.uid, owner.gid);
    renameSync(next, path);
  } catch (error) {
    rmSync(next, { force: true });
    throw error;
  }
}

/** The text of a file, or undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return undefined;
    throw error;
  }
}

/** True for an object whose named fields are all texts, none of them empty. */
export function hasTexts(value: unknown, fields: readonly string[]): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const entries = new Map(Object.entries(value));
  return fields.every((field) => typeof entries.get(field) === "string" && entries.get(field) !== "");
}
