// The platform stack, once for all test files.
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { checkout, initStack, pulumi } from "./pulumi.ts";

/** Brings the platform up. Test files run beside each other: the first does it, the others wait. */
export async function platformUp(): Promise<void> {
  const lock = join(checkout(), "platform.lock");
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    try {
      await mkdir(lock);
    } catch {
      await setTimeout(200);
      continue;
    }
    try {
      await initStack("platform", {});
      const { code, all } = await pulumi(["up", "--stack", "platform", "--yes"]);
      if (code !== 0) throw new Error(all);
      return;
    } finally {
      await rmdir(lock);
    }
  }
  throw new Error(`somebody else holds ${lock}`);
}
