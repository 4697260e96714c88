// The options of the Node.js processes that Pulumi starts.
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import { root } from "../toolchain/paths.ts";

const leanSdk = `--import=${pathToFileURL(join(root, "cli/sdk-preload.mjs")).href}`;

/** NODE_OPTIONS with which they load Pulumi's SDK as cli/sdk.ts says. @param given what they are without it */
export function nodeOptions(given = process.env["NODE_OPTIONS"] ?? ""): string {
  return given.split(" ").includes(leanSdk) ? given : `${given} ${leanSdk}`.trim();
}
