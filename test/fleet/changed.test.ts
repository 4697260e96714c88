// Which stacks a change touches, in real repositories of git.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { changedSince, changeOf } from "../../cli/fleet/changed.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "changed-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const git = (...args: readonly string[]): string =>
  execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b.example", ...args], {
    cwd: folder,
    encoding: "utf8",
    stdio: "pipe",
  });

function write(file: string, text: string): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), text);
}

function commit(...files: readonly (readonly [file: string, text: string])[]): void {
  for (const [file, text] of files) write(file, text);
  git("add", "-A");
  git("commit", "-qm", "change");
}

function repository(): void {
  git("init", "-qb", "main");
  commit(
    ["stacks/Pulumi.acme.yaml", "a"],
    ["stacks/Pulumi.globex.yaml", "g"],
    ["components/tenant.ts", "t"],
    ["docs/x.md", "x"],
  );
  git("checkout", "-qb", "topic");
}

describe("since it parted from a branch", () => {
  beforeEach(repository);

  it("a stack's file touches that stack, and what happened on the branch meanwhile does not count", async () => {
    commit(
      ["stacks/Pulumi.acme.yaml", "b"],
      ["docs/x.md", "y"],
      ["cli/commands/list.ts", "l"],
      ["test/x.test.ts", "t"],
    );
    git("checkout", "-q", "main");
    commit(["components/tenant.ts", "other"]);
    git("checkout", "-q", "topic");
    expect(await changedSince("main", folder)).toEqual({ program: [], stacks: ["acme"], removed: [] });
  });

  it("a stack's file that is gone is named, and a renamed one is both", async () => {
    git("mv", "stacks/Pulumi.globex.yaml", "stacks/Pulumi.initech.yaml");
    commit();
    expect(await changedSince("main", folder)).toEqual({ program: [], stacks: ["initech"], removed: ["globex"] });
  });

  it("the program touches everybody", async () => {
    commit(["components/tenant.ts", "u"], ["package-lock.json", "{}"], ["cli/verify/redis.ts", "r"]);
    const { program } = await changedSince("main", folder);
    expect(program).toEqual(["cli/verify/redis.ts", "components/tenant.ts", "package-lock.json"]);
  });

  it("what is not committed counts, for it is what would be applied", async () => {
    write("stacks/Pulumi.acme.yaml", "c");
    write("stacks/Pulumi.hooli.yaml", "new");
    expect((await changedSince("main", folder)).stacks).toEqual(["acme", "hooli"]);
  });

  it("the checkout may be a folder of a larger repository", async () => {
    commit(["inner/stacks/Pulumi.acme.yaml", "i"], ["inner/docs/x.md", "d"], ["components/tenant.ts", "outer"]);
    expect(await changedSince("main", join(folder, "inner"))).toEqual({ program: [], stacks: ["acme"], removed: [] });
  });

  it.each(["nosuch", "--output=/tmp/x", "main..topic"])("%s is said to be unknown", async (ref) => {
    await expect(changedSince(ref, folder)).rejects.toThrow(/git knows no such branch, tag or commit here.*git fetch/);
  });

  it("a history that was cut off is said to be that", async () => {
    git("checkout", "-q", "--orphan", "alone");
    commit(["docs/x.md", "alone"]);
    await expect(changedSince("main", folder)).rejects.toThrow(/no commit in common.*fetch-depth: 0/);
  });
});

it("a folder that is no checkout of git is said to be none", async () => {
  await expect(changedSince("main", folder)).rejects.toThrow(/this is no checkout of git.*use --all/);
});

it.each([
  "README.md",
  "docs/a.png",
  "test/x.ts",
  "bench/run.ts",
  "local/redis.ts",
  ".github/workflows/a.yml",
  ".gitignore",
  "cli/main.ts",
])("%s touches nobody", (file) =>
  expect(changeOf([file], () => true)).toEqual({ program: [], stacks: [], removed: [] }),
);

it.each([
  "Pulumi.yaml",
  "stacks/config.ts",
  "policy/minio.ts",
  "providers/x.ts",
  "toolchain/plugins/main.go",
  "package.json",
  "unheard.of",
])("%s touches everybody", (file) => expect(changeOf([file], () => true).program).toEqual([file]));
