// A Node.js of its own that runs a few lines in the checkout.
import { root } from "../../toolchain/paths.ts";
import { run, type Outcome } from "./pulumi.ts";

/** @param options of Node.js, such as --max-old-space-size=64 */
export async function runNode(code: string, options: readonly string[] = []): Promise<Outcome> {
  return run(process.execPath, [...options, "--input-type=module", "--eval", code], {}, root);
}
