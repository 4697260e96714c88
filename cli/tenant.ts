// npm run tenant -- COMMAND: provision, deprovision, suspend, resume, rotate, verify, credentials, list.
//
// The Pulumi program runs `tenant verify` at every change of a tenant: what is not needed for that is loaded when it is.
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { localDir } from "../toolchain/paths.ts";

enableCompileCache(process.env["NODE_COMPILE_CACHE"] ?? join(localDir, "compile-cache"));
// `tenant list | head`: who reads has seen enough.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});
// After the cache is on, so that it serves these too.
const { askHost } = await import("./host/verifier.ts");
const verified = await askHost(process.argv.slice(2), process.env);
if (verified === undefined) {
  const { catchTheRest } = await import("./manners.ts");
  catchTheRest("tenant");
  const { main } = await import("./main.ts");
  await main(process.argv);
} else {
  process.stdout.write(verified.stdout);
  process.stderr.write(verified.stderr);
  process.exitCode = verified.code;
}
