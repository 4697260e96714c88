// Where this code runs: from its sources, in the checkout, or compiled, as a package that somebody's program imports.
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** True in the package: Node runs no TypeScript under node_modules, so that there it is compiled. */
export const packaged = !import.meta.url.endsWith(".ts");

/**
 * The folder that relative paths of settings start from: the checkout; for the package, the Pulumi project of the program that
 * imports it (the nearest folder above the working folder with a Pulumi.yaml).
 */
export function projectFolder(): string {
  if (!packaged) return fileURLToPath(new URL("../..", import.meta.url));
  const start = process.cwd();
  for (let at = start; ; at = dirname(at)) {
    if (existsSync(join(at, "Pulumi.yaml"))) return at;
    if (at === dirname(at)) return start;
  }
}
