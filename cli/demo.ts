// npm run demo: from a fresh clone to two isolated tenants in four real stores. A second run takes seconds and changes nothing.
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { localDir } from "../toolchain/paths.ts";

enableCompileCache(process.env["NODE_COMPILE_CACHE"] ?? join(localDir, "compile-cache"));

const help = `npm run demo

Sets everything up (each step once), starts the local stores, prepares the platform and provisions the tenants acme and
globex by pulumi up. Safe to repeat and to interrupt.`;

if (process.argv.includes("--help")) process.stdout.write(`${help}\n`);
else {
  const { errorOutput, showError } = await import("./errors.ts");
  try {
    const { runDemo } = await import("./engine/demo.ts");
    await runDemo();
  } catch (error) {
    showError("demo", error, errorOutput(process.argv));
    process.exitCode = 1;
  }
}
