// What a change in git touches: some tenants' stack files, or the program, and with it everybody.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { root } from "../../toolchain/paths.ts";
import { Problem } from "../errors.ts";

/** A change, as far as stacks are concerned. */
export interface Change {
  /** Files of the program, policy and packages: each may change every stack. Sorted. */
  readonly program: readonly string[];
  /** Stacks whose file was added or changed, sorted. */
  readonly stacks: readonly string[];
  /** Stacks whose file was removed, sorted. */
  readonly removed: readonly string[];
}

/**
 * What does not decide what a stack is. Everything else does, also what nobody has thought of here: a preview too many costs
 * seconds. Of the command only the verification is part of the program.
 */
const harmless = [
  /^(docs|test|bench|local|gateway|ci|examples|\.github|\.ci)\//,
  /^cli\/(?!verify\/)/,
  /^[^/]+\.md$/,
  /^(LICENSE|\.gitignore|\.prettierrc\.json|\.prettierignore|eslint\.config\.js|tsconfig\.json|vitest\.config\.ts)$/,
  /^toolchain\/[^/]+\.(md|test\.ts)$/,
];

/** Sorts files, as git names them below the checkout, by what they touch. `exists`: whether a stack has a file now. */
export function changeOf(files: readonly string[], exists: (stack: string) => boolean): Change {
  const found = { program: new Set<string>(), stacks: new Set<string>(), removed: new Set<string>() };
  for (const file of files) {
    const stack = /^stacks\/Pulumi\.([^/]+)\.yaml$/.exec(file)?.[1];
    if (stack !== undefined) found[exists(stack) ? "stacks" : "removed"].add(stack);
    else if (!harmless.some((one) => one.test(file))) found.program.add(file);
  }
  const sorted = (set: ReadonlySet<string>): string[] => [...set].sort();
  return { program: sorted(found.program), stacks: sorted(found.stacks), removed: sorted(found.removed) };
}

/**
 * What the checkout, with what is not committed, changes since it parted from `ref`.
 * @throws Problem when this is no checkout of git, or `ref` is not known in it
 */
export async function changedSince(ref: string, folder = root): Promise<Change> {
  const git = gitIn(folder);
  const inside = await git("rev-parse", "--is-inside-work-tree");
  if (inside.code !== 0) {
    throw new Problem(
      "git-range",
      `--changed-since ${ref}: ${inside.missing ? "git is not installed" : "this is no checkout of git"}. Nothing was done. Name the tenants, or use --all.`,
    );
  }
  const known = ref.startsWith("-") ? undefined : await git("rev-parse", "--verify", "--quiet", `${ref}^{commit}`);
  if (known?.code !== 0) {
    throw new Problem(
      "git-range",
      `--changed-since ${ref}: git knows no such branch, tag or commit here. Nothing was done. Fetch it first, such as: git fetch origin main, then --changed-since origin/main`,
    );
  }
  const base = await git("merge-base", ref, "HEAD");
  if (base.code !== 0) {
    throw new Problem(
      "git-range",
      `--changed-since ${ref}: it has no commit in common with this checkout, which may be a shallow one. Nothing was done. Fetch the history: git fetch --unshallow (in GitHub Actions: fetch-depth: 0)`,
    );
  }
  // --relative: the checkout may be a folder of a larger repository.
  const names = ["--relative", "--name-only", "--no-renames", "-z"];
  const changed = await git("diff", ...names, base.stdout.trim(), "--", ".");
  const added = await git("ls-files", "--others", "--exclude-standard", "-z", "--", ".");
  if (changed.code + added.code !== 0) throw new Problem("git-range", `git: ${changed.stderr}${added.stderr}`);
  const files = `${changed.stdout}${added.stdout}`.split("\0").filter((file) => file !== "");
  return changeOf(files, (stack) => existsSync(join(folder, "stacks", `Pulumi.${stack}.yaml`)));
}

interface Git {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** There is no git. */
  readonly missing: boolean;
}

const gitIn =
  (folder: string) =>
  async (...args: readonly string[]): Promise<Git> =>
    promisify(execFile)("git", ["-c", "core.quotePath=false", ...args], { cwd: folder, maxBuffer: 1 << 27 }).then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr, missing: false }),
      (error: { code?: unknown; stdout?: string; stderr?: string }) => ({
        code: typeof error.code === "number" ? error.code : 1,
        stdout: error.stdout ?? "",
        stderr: error.stderr ?? "",
        missing: error.code === "ENOENT",
      }),
    );

/** What to do about the tenant of a stack file that is gone: deleting is never done on the quiet. */
export const aboutRemoved = (stack: string): string =>
  `stacks/Pulumi.${stack}.yaml was removed. That deletes nothing: the tenant and its data stay. ` +
  `To delete it, put the file back and run: npm run tenant -- deprovision ${stack}`;
