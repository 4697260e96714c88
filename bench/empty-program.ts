// The floor: a Pulumi program without resources, on the same engine and backend.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Makes the program in `folder` (inside the checkout, so that its packages are found). */
export function writeEmptyProgram(folder: string): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(
    join(folder, "Pulumi.yaml"),
    "name: empty\nruntime:\n  name: nodejs\n  options:\n    typescript: false\nmain: index.js\n",
  );
  writeFileSync(join(folder, "package.json"), '{ "name": "empty", "private": true, "type": "commonjs" }\n');
  writeFileSync(join(folder, "index.js"), 'require("@pulumi/pulumi");\n');
}
