// Pulumi's own release, where the machine has it or can download it.
import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { execute } from "./exec.ts";
import { binDir, toolchainDir } from "./paths.ts";

/** Older engines lack what the program uses: hooks, environment mappings. */
const oldest = [3, 259] as const;

/** The `pulumi` program of a release, on PATH or downloaded now; undefined when this machine can have none. */
export async function findOfficial(say: (line: string) => void): Promise<string | undefined> {
  return (await onPath()) ?? (await downloaded(say));
}

async function onPath(): Promise<string | undefined> {
  for (const dir of (process.env["PATH"] ?? "").split(delimiter)) {
    const program = join(dir, "pulumi");
    if (!isProgram(program)) continue;
    const real = realpathSync(program);
    // A release has the language host beside it; one that a checkout like this built is none.
    if (isBuilt(real) || !existsSync(join(real, "..", "pulumi-language-nodejs"))) continue;
    const version = await execute(real, ["version"], { env: { ...process.env, PULUMI_SKIP_UPDATE_CHECK: "1" } });
    if (isNewEnough(version)) return real;
  }
  return undefined;
}

function isBuilt(program: string): boolean {
  return dirname(program) === binDir || existsSync(join(program, "..", "..", "stamps", "engine"));
}

async function downloaded(say: (line: string) => void): Promise<string | undefined> {
  try {
    const answer = await fetch("https://get.pulumi.com/install.sh", { signal: AbortSignal.timeout(3000) });
    if (!answer.ok) return undefined;
  } catch {
    return undefined; // the usual case on a machine that reaches package registries only
  }
  say("downloading Pulumi");
  const { PulumiCommand } = await import("@pulumi/pulumi/automation/index.js");
  try {
    const { command } = await PulumiCommand.install({ root: join(toolchainDir, "release") });
    return command;
  } catch {
    return undefined; // the script came, the release did not
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function isNewEnough(version: string): boolean {
  const [, major, minor] = /v?(\d+)\.(\d+)\./.exec(version) ?? [];
  return Number(major) > oldest[0] || (Number(major) === oldest[0] && Number(minor) >= oldest[1]);
}
