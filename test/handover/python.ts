// Python with the clients of examples/applications, in a folder of its own beside the toolchain: made once.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { root, toolchainDir } from "../../toolchain/paths.ts";
import { run } from "../support/pulumi.ts";

const wanted = join(root, "examples/applications/requirements.txt");
const folder = join(toolchainDir, "python");
const stamp = join(folder, "tenant-storage-stamp");

/**
 * The interpreter; undefined on a machine without Python.
 * @throws Error when the packages cannot be installed.
 */
export async function pythonWithClients(): Promise<string | undefined> {
  const python = join(folder, "bin", "python");
  const requirements = readFileSync(wanted, "utf8");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === requirements) return python;
  if ((await run("python3", ["-c", "import venv, ensurepip"])).code !== 0) return undefined;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const steps = [
    ["python3", "-m", "venv", folder],
    [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-cache-dir", "-r", wanted],
  ] as const;
  for (const [program, ...args] of steps) {
    const { code, all } = await run(program, args);
    if (code !== 0) throw new Error(`the Python packages of ${wanted} could not be installed: ${all.slice(-1000)}`);
  }
  writeFileSync(stamp, requirements);
  return python;
}
