// Whether audit events wait on disk: asked before every command, so without loading what would deliver them.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { root } from "../toolchain/paths.ts";

/** True when `deliverOutbox` of providers/clients/outbox.ts has something to do. */
export function hasKeptEvents(env: NodeJS.ProcessEnv = process.env): boolean {
  try {
    const folder = resolve(root, env["TENANT_OUTBOX_DIR"] || join(".local", "outbox"));
    return readdirSync(folder).some((name) => name.endsWith(".json"));
  } catch {
    return false; // No folder: nothing was ever kept.
  }
}
