// A copy of the program for tests that run whole stacks: their stack files do not lie in the real checkout.
import { cp, mkdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { root } from "../../toolchain/paths.ts";

/** What the program consists of. Packages are found above the copy, which lies inside the checkout. */
const parts = [
  "Pulumi.yaml",
  "package.json",
  "stacks",
  "components",
  "providers",
  "ci",
  "cli",
  "errors",
  "gateway",
  "local",
  "toolchain",
  "policy",
];

/** Makes a fresh copy in `folder` and returns it. Stack files (`Pulumi.<stack>.yaml`) stay behind. */
export async function makeCheckout(folder: string): Promise<string> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  await Promise.all(
    parts.map((part) =>
      cp(join(root, part), join(folder, part), {
        recursive: true,
        filter: (source) => !/^Pulumi\..+\.yaml$/.test(basename(source)) && !source.includes("/toolchain/plugins"),
      }),
    ),
  );
  return folder;
}
