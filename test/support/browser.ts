// A real browser: Debian's Chromium, installed where root may.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";

const program = "/usr/bin/chromium";

function installed(): boolean {
  if (!existsSync(program) && process.getuid?.() === 0) {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const apt = (...args: string[]) => spawnSync("apt-get", ["-o", "DPkg::Lock::Timeout=300", ...args], { env }).status;
    const install = ["install", "--yes", "--no-install-recommends", "chromium"];
    if (apt(...install) !== 0) {
      apt("update");
      apt(...install);
    }
  }
  return existsSync(program);
}

/** False: this machine has no browser, and we may not install one. */
export const hasBrowser = installed();

/** Starts it. The caller closes it. */
export async function openBrowser(): Promise<Browser> {
  // Root has no sandbox of Chromium's; it sees our own page only.
  return chromium.launch({ executablePath: program, chromiumSandbox: process.getuid?.() !== 0 });
}
