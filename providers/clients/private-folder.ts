// Folders that hold secrets, or what is taken on trust later: nobody else on the machine may have a hand in them.
import { chmod, lstat, mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Problem } from "../../errors/problem.ts";

/** Makes the folder (0700), with those above it, unless it is there and safe. @throws Error as `checkPrivate` does. */
export async function makePrivate(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await checkPrivate(folder);
}

/**
 * Another user of the machine could have made the folder, or a link in its place, before we did: to read what is written there,
 * or to choose a key for us. One of ours that others could only read is closed.
 * @throws Error saying what is wrong with it and what to type; ENOENT when it is not there.
 */
export async function checkPrivate(folder: string): Promise<void> {
  const us = process.getuid?.();
  if (us === undefined) return; // Windows: the folder's access list is inherited.
  const found = await lstat(folder);
  if (!found.isDirectory())
    throw new Problem(
      "folder-unsafe",
      `${folder} is no folder but a link or a file: remove it once you know who made it`,
    );
  if (found.uid !== us)
    throw new Problem(
      "folder-unsafe",
      `${folder} belongs to user ${found.uid}, not to user ${us} who runs this: ${whose(folder, us)}`,
    );
  if ((found.mode & 0o022) !== 0) {
    throw new Problem(
      "folder-unsafe",
      `other users could write in ${folder}: look through it, then: chmod 700 ${folder}`,
    );
  }
  if ((found.mode & 0o077) !== 0) await chmod(folder, 0o700);
  // Whoever may rename the folder may put another one in its place; in a sticky one (/tmp) only its owner may.
  const above = dirname(folder);
  const parent = await stat(above);
  if (![us, 0].includes(parent.uid))
    throw new Problem("folder-unsafe", `${above} belongs to user ${parent.uid}: ${whose(above, us)}`);
  if ((parent.mode & 0o002) !== 0 && (parent.mode & 0o1000) === 0) {
    throw new Problem("folder-unsafe", `everybody could replace what is in ${above}: chmod o-w ${above}`);
  }
}

const whose = (path: string, us: number) => `look through it, then: chown -R ${us} ${path}`;
