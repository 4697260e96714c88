// Files that are either the old ones or the new ones, whatever happens in between.
import { randomBytes } from "node:crypto";
import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

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
