// A tenant of its own for tests that need settings: payload indexes, small quotas. Deployed by the real engine, and destroyed.
import { readFileSync } from "node:fs";
import { tenantNames } from "../../components/names.ts";
import { decryptCredentials } from "../../providers/clients/credentials.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import type { Deployed } from "./deployed.ts";
import { platformUp } from "./platform.ts";
import { initStack, pulumi, removeStack } from "./pulumi.ts";

/** Deploys a tenant with these settings. */
export async function deployWith(id: string, settings: Readonly<Record<string, unknown>>): Promise<Deployed> {
  await platformUp();
  await initStack(id, { id, allowDestroy: true, ...settings });
  const { code, all } = await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]);
  if (code !== 0) throw new Error(all);
  const files = secretFiles(id);
  const credentials = await decryptCredentials(readFileSync(files.encrypted, "utf8"), files.key);
  return { id, names: tenantNames(id), credentials };
}

/** Destroys it with all it holds. */
export async function destroy(id: string): Promise<void> {
  const { code, all } = await pulumi(["destroy", "--stack", id, "--yes", "--skip-preview"]);
  if (code !== 0) throw new Error(all);
  await removeStack(id);
}
