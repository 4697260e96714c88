// Credentials as a file: for nobody else, never over something, never where they would be committed.
import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { existsSync, lstatSync, realpathSync } from "node:fs";
import { link, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { writeAtomically } from "../../providers/clients/files.ts";
import { Problem } from "../errors.ts";

/**
 * Writes `text` to a file of mode 0600: all of it or nothing.
 * @param overwrite replaces a file that is there
 * @returns the file's path
 * @throws Problem when there is one already, its folder is missing, or git would take it into a commit.
 */
export async function writeCredentials(given: string, text: string, overwrite: boolean): Promise<string> {
  // npm starts commands in the checkout: the path is meant from where it was typed.
  const named = resolve(process.env["INIT_CWD"] ?? ".", given);
  if (!existsSync(dirname(named)))
    throw new Problem("credentials-file", `There is no folder ${dirname(named)}: mkdir -m 700 ${dirname(named)}`);
  // Where it really is, whatever links lead there.
  const file = join(realpathSync(dirname(named)), basename(named));
  const there = lstatSync(file, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile())
    throw new Problem("credentials-file", `${file} is no ordinary file: name a new one`);
  if (there !== undefined && !overwrite) throw taken(file);
  refuseCommitted(file);
  if (overwrite) await writeAtomically(file, text, 0o600);
  else await writeNew(file, text);
  return file;
}

const taken = (file: string): Problem =>
  new Problem(
    "credentials-file",
    `${file} is there already, and nothing was written. Replace it with --overwrite, or name a new file`,
  );

/** A rename would replace what somebody has made meanwhile; a link does not. */
async function writeNew(file: string, text: string): Promise<void> {
  const beside = `${file}.${randomBytes(6).toString("hex")}.new`;
  try {
    await writeAtomically(beside, text, 0o600);
    await link(beside, file);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") throw taken(file);
    throw cause;
  } finally {
    await rm(beside, { force: true });
  }
}

/** The work tree the folder is in: the nearest folder above with a `.git`, which may be a file. */
function workTree(folder: string): string | undefined {
  for (let at = folder; ; at = dirname(at)) {
    if (existsSync(join(at, ".git"))) return at;
    if (at === dirname(at)) return undefined;
  }
}

/** @throws Problem unless git ignores the file, or there is no work tree; also when git cannot say. */
function refuseCommitted(file: string): void {
  const tree = workTree(dirname(file));
  if (tree === undefined) return;
  // Variables of a hook would make it look at another repository.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("GIT_")));
  const asked = spawnSync("git", ["-C", dirname(file), "check-ignore", "--quiet", "--", file], {
    env,
    encoding: "utf8",
  });
  if (asked.status === 0) return;
  const why =
    asked.status === 1 ? "does not ignore it" : `cannot say (${(asked.error?.message ?? asked.stderr).trim()})`;
  throw new Problem(
    "credentials-file",
    `${file} is in the git work tree ${tree}, which ${why}: the credentials could be committed. Nothing was written. ` +
      `Name a file elsewhere, or ignore it: echo /${basename(file)} >> ${join(dirname(file), ".gitignore")}`,
  );
}
