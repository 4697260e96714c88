// Files that hold secrets do not merely lose their name.
import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { open, rm } from "node:fs/promises";

/**
 * Overwrites the file, has it written to the disk, and removes it. Absent is done. Links are not followed.
 *
 * What that does not reach: earlier versions on copy-on-write file systems and snapshots, spare blocks of an SSD, backups.
 */
export async function shred(file: string): Promise<void> {
  try {
    const handle = await open(file, constants.O_WRONLY | constants.O_NOFOLLOW);
    try {
      const { size } = await handle.stat();
      await handle.write(randomBytes(size), 0, size, 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return;
    // A link: what it points to is not ours to overwrite.
    if (code !== "ELOOP") throw error;
  }
  await rm(file, { force: true });
}
