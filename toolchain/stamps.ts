// What was made from what: a step is done while the hash of its inputs is the one that its outputs were made from.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, toolchainDir } from "./paths.ts";

const stampsDir = join(toolchainDir, "stamps");

/** A hash of texts and of files in the checkout, this machine's kind included. A missing file counts as empty. */
export function hashOf(inputs: { readonly texts?: readonly string[]; readonly files: readonly string[] }): string {
  const hash = createHash("sha256").update(`${process.platform} ${process.arch}\0`);
  for (const text of inputs.texts ?? []) hash.update(text).update("\0");
  for (const file of inputs.files)
    hash
      .update(file)
      .update("\0")
      .update(read(join(root, file)))
      .update("\0");
  return hash.digest("hex");
}

/** The files of a Go module that a build of it reads, tests and their helpers left out, relative to the checkout. */
export function goFiles(module: string): string[] {
  return readdirSync(join(root, module), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .filter((file) => !file.endsWith("_test.go") && !file.includes("plugintest"))
    .sort();
}

/** The stamp of that name, or an empty text. */
export function readStamp(name: string): string {
  return read(join(stampsDir, name)).trim();
}

/** Writes a stamp in one go: an interrupted run leaves the old one. */
export function writeStamp(name: string, text: string): void {
  mkdirSync(stampsDir, { recursive: true });
  const next = join(stampsDir, `${name}.${process.pid}.tmp`);
  writeFileSync(next, `${text}\n`);
  renameSync(next, join(stampsDir, name));
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return "";
    throw error;
  }
}
