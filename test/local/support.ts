// A set of real stores in a temporary folder, on ports of its own.
import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adminName, readCredentials, type Credentials } from "../../local/credentials.ts";
import { resetStores } from "../../local/lifecycle.ts";
import { whoListens } from "../../local/listeners.ts";
import { portsAt, type Ports } from "../../local/settings.ts";
import { root } from "../../toolchain/paths.ts";

export { adminName };

export interface TemporaryStores {
  readonly dir: string;
  readonly ports: Ports;
  readonly offset: number;
  credentials(): Credentials;
  /** Stops and deletes them. */
  remove(): Promise<void>;
}

/**
 * @param offset a multiple of 100 that no other test file uses
 * @param mode of the folder above the stores: 0o700 keeps the servers' accounts out
 */
export function temporaryStores(offset: number, mode: 0o755 | 0o700 = 0o755): TemporaryStores {
  const outer = mkdtempSync(join(tmpdir(), "stores-"));
  chmodSync(outer, mode);
  const dir = join(outer, "a folder", "stores");
  const free = freeOffset(offset);
  const ports = portsAt(free);
  return {
    dir,
    ports,
    offset: free,
    credentials() {
      const found = readCredentials(dir);
      if (found === undefined) throw new Error(`no credentials in ${dir}`);
      return found;
    },
    async remove() {
      await resetStores({ dir, ports });
      rmSync(outer, { recursive: true, force: true });
    },
  };
}

// The tests of another checkout may run at the same time.
function freeOffset(from: number): number {
  // Qdrant and its gateway take four ports in a row.
  const start = 4 * Math.floor(Math.random() * 20);
  for (let step = 0; step < 80; step += 4) {
    const offset = from + ((start + step) % 80);
    if (Object.values(portsAt(offset)).every((port: number) => whoListens(port) === undefined)) return offset;
  }
  throw new Error(`no free ports at offsets ${from} to ${from + 80}`);
}

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly milliseconds: number;
}

/** Runs a command of `local/` as a person would, on that set of stores. */
export function command(
  script: "stores" | "env",
  args: readonly string[],
  { dir, offset }: TemporaryStores,
): Promise<Ran> {
  const started = performance.now();
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(root, "local", `${script}.ts`), ...args], {
      cwd: root,
      env: { ...process.env, TENANT_STORES_DIR: dir, TENANT_STORES_PORT_OFFSET: String(offset), NO_COLOR: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", reject);
    child.on("close", (code) => resolve({ code, stdout, stderr, milliseconds: performance.now() - started }));
  });
}

/** The command lines of everything that runs on this machine. */
export function commandLines(): string {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
      } catch {
        return "";
      }
    })
    .join("\n");
}
