// Files that are either the old ones or the new ones, whatever happens in between.
import { randomBytes } from "node:crypto";
import { open, readdir, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Writes `text` beside `file` with `mode`, syncs it, and renames it into place. */
export async function writeAtomically(file: string, text: string | Uint8Array, mode: number): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString("hex")}.new`;
  try {
    // Only a new file: nobody's link, prepared under that name, is followed.
    const handle = await open(temporary, "wx", mode);
    try {
      await handle.chmod(mode);
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    const folder = await open(dirname(file), "r");
    await folder.sync().finally(() => folder.close());
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** What killed writers of `file` left beside it, half written or not renamed. For who alone writes it: a living writer's is among them. */
export async function unfinishedWrites(file: string): Promise<string[]> {
  const names = await readdir(dirname(file)).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const start = `${basename(file)}.`;
  return names
    .filter((name) => name.startsWith(start) && /^[0-9a-f]{12}\.new$/.test(name.slice(start.length)))
    .map((name) => join(dirname(file), name));
}
