// Building programs from Go modules, pinned by go.sum, with caches of our own.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { Problem } from "../errors/problem.ts";
import { CommandError, execute } from "./exec.ts";
import { binDir, root, toolchainDir } from "./paths.ts";

const goDir = join(toolchainDir, "go");
const gigabyte = 1024 ** 3;

export interface GoBuild {
  /** The folder of the module in the checkout: "toolchain/engine". */
  readonly module: string;
  /** Import paths, or "." for the module itself; each with the name its program gets in the bin folder. */
  readonly programs: Readonly<Record<string, string>>;
  /** For the linker: "-X path.Variable=value". */
  readonly ldflags?: string;
}

/** Builds programs into the bin folder. Each appears there whole or not at all. */
export async function goBuild(build: GoBuild, say: (line: string) => void): Promise<void> {
  await checkPrerequisites();
  // Left by a build that was killed.
  for (const name of readdirSync(toolchainDir)) {
    if (name.startsWith("build-")) rmSync(join(toolchainDir, name), { recursive: true, force: true });
  }
  const out = join(toolchainDir, `build-${process.pid}`);
  mkdirSync(out, { recursive: true });
  mkdirSync(binDir, { recursive: true });
  try {
    for (const [importPath, name] of Object.entries(build.programs)) {
      const ldflags = ["-s", "-w", build.ldflags ?? ""].join(" ").trim();
      const flags = ["-mod=readonly", "-trimpath", "-v", "-ldflags", ldflags, "-o", join(out, name)];
      await go(["build", ...flags, importPath], build.module, say);
      renameSync(join(out, name), join(binDir, name));
    }
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}

/** Where the sources of a module that another one needs are. Downloads them when they are not there. */
export async function goModuleDir(module: string, dependency: string, say: (line: string) => void): Promise<string> {
  const find = async (): Promise<string> => go(["list", "-m", "-f", "{{.Dir}}", dependency], module, () => undefined);
  const found = await find();
  if (found !== "") return found;
  await go(["mod", "download", dependency], module, say);
  return find();
}

/**
 * Removes downloaded sources, which take more room than everything else: all but those that building and testing one
 * module takes, or all. They come again when they are needed. What was compiled stays.
 */
export async function removeSources(allBut?: string): Promise<void> {
  const modules = join(goDir, "mod");
  const keep = new Set<string>();
  if (allBut !== undefined) {
    const list = ["list", "-deps", "-test", "-f", "{{with .Module}}{{.Dir}}{{end}}", "./..."];
    for (const dir of (await go(list, allBut, () => undefined)).split("\n")) keep.add(dir);
  }
  const visit = (dir: string): void => {
    for (const entry of readdirSync(dir, { withFileTypes: true })) {
      const path = join(dir, entry.name);
      if (keep.has(path) || entry.name.startsWith("toolchain@")) continue; // that is Go itself
      if (entry.name.includes("@")) rmSync(path, { recursive: true });
      else if (entry.isDirectory() && path !== join(modules, "cache")) visit(path);
    }
  };
  if (!existsSync(modules)) return;
  visit(modules);
  for (const file of readdirSync(join(modules, "cache"), { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".zip")) rmSync(join(modules, "cache", file));
  }
}

async function go(args: readonly string[], module: string, say: (line: string) => void): Promise<string> {
  try {
    return await execute("go", args, { cwd: join(root, module), env: goEnv(), say });
  } catch (error) {
    throw error instanceof CommandError ? explained(error) : error;
  }
}

/** The environment of every `go` command: caches of our own, and programs for this machine. */
export function goEnv(): NodeJS.ProcessEnv {
  const { GOOS: _os, GOARCH: _arch, ...own } = process.env;
  return {
    ...own,
    GOFLAGS: "-buildvcs=false -modcacherw",
    GOMODCACHE: join(goDir, "mod"),
    GOCACHE: join(goDir, "build"),
    GOWORK: "off",
    CGO_ENABLED: "0", // needs no C compiler, and the programs no C library
  };
}

/** From here on Go fetches a newer Go from its registry by itself, when a module asks for one. */
const oldestGo = { major: 1, minor: 21 };

async function checkPrerequisites(): Promise<void> {
  const wanted = `Go ${oldestGo.major}.${oldestGo.minor} or newer`;
  const install = "install it, for example with: apt-get install golang-go (Debian 13, Ubuntu 24.04 or newer)";
  let version: string;
  try {
    version = await execute("go", ["env", "GOVERSION"]);
  } catch {
    throw new Problem(
      "setup-failed",
      `${wanted} is needed to build what this machine cannot download, and there is none: ${install}`,
    );
  }
  const [, major, minor] = /go(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) < oldestGo.major || (Number(major) === oldestGo.major && Number(minor) < oldestGo.minor)) {
    throw new Problem(
      "setup-failed",
      `${wanted} is needed to build what this machine cannot download, and this is ${version}: ${install}`,
    );
  }
  // The first build fills the caches; later ones add little.
  mkdirSync(toolchainDir, { recursive: true });
  const needed = (existsSync(join(goDir, "build")) ? 1 : 7) * gigabyte;
  const { bavail, bsize } = statfsSync(toolchainDir);
  if (bavail * bsize < needed) {
    throw new Problem(
      "setup-failed",
      `${toolchainDir} has ${((bavail * bsize) / gigabyte).toFixed(1)} GB free and needs ${needed / gigabyte}: make room, or choose another disk with TENANT_TOOLCHAIN_DIR=FOLDER`,
    );
  }
}

/** The usual causes of a failed build, each with what helps. */
function explained(error: CommandError): Error {
  const causes: [RegExp, string][] = [
    [
      /checksum mismatch|SECURITY ERROR/,
      `a downloaded module is not the one that go.sum pins. Remove the downloads and try again: rm -rf ${join(goDir, "mod")}. If it happens again, do not trust the registry in \`go env GOPROXY\``,
    ],
    [/no space left on device/, "the disk is full: make room, or choose another disk with TENANT_TOOLCHAIN_DIR=FOLDER"],
    [
      /dial tcp|no such host|i\/o timeout|connection (refused|reset)|proxyconnect|TLS handshake|: (40[34]|410|50\d) /,
      "the Go module registry did not answer. Name yours with: go env -w GOPROXY=ADDRESS, and run the same command again",
    ],
  ];
  const [, help] = causes.find(([pattern]) => pattern.test(error.output)) ?? [];
  return help === undefined ? error : new Problem("setup-failed", `${help}\n${error.output}`, { cause: error });
}
