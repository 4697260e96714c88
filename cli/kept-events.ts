// Whether audit events or notifications wait on disk: asked before every command, so without loading what would deliver them.
import { readdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { root } from "../toolchain/paths.ts";

/** True when `deliverOutbox` of providers/clients/outbox.ts has something to do. */
export function hasKeptEvents(env: NodeJS.ProcessEnv = process.env): boolean {
  return holdsFiles(outbox(env));
}

/** True when `deliverKept` of cli/notify/index.ts has something to do: somebody wants to be told, and something is kept. */
export function hasKeptNotifications(env: NodeJS.ProcessEnv = process.env): boolean {
  return Boolean(env["TENANT_WEBHOOK_URL"]) && holdsFiles(join(outbox(env), "notifications"));
}

const outbox = (env: NodeJS.ProcessEnv): string => resolve(root, env["TENANT_OUTBOX_DIR"] || join(".local", "outbox"));

function holdsFiles(folder: string): boolean {
  try {
    return readdirSync(folder).some((name) => name.endsWith(".json"));
  } catch {
    return false; // No folder: nothing was ever kept.
  }
}
