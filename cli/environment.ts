// Which servers a command works on: those of the environment, else the local stores.
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { binDir, pulumiHome, root, storesDir } from "../toolchain/paths.ts";
import { Problem } from "./errors.ts";

/** The variables that say where the servers are. One that is set means: this is somebody's own deployment. */
const locations = ["MINIO_ENDPOINT", "PGHOST", "QDRANT_URL", "REDIS_URL"] as const;

/**
 * Completes `process.env` for this process and its children. Never mixes the two: an administrator's password for one
 * server must not reach another. What is missing of a deployment's own variables is reported by `servers()`.
 */
export async function useEnvironment(env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const ownDeployment = locations.some((name) => env[name] !== undefined && env[name] !== "");
  if (ownDeployment || !existsSync(join(storesDir, "credentials.json"))) return useToolchain(env);
  const { conflictingVariables, environment } = await import("../local/environment.ts");
  for (const name of conflictingVariables) Reflect.deleteProperty(env, name);
  Object.assign(env, environment());
}

/** The programs of the checkout before those of the machine, and this very Node: it strips types. */
function useToolchain(env: NodeJS.ProcessEnv): void {
  const built = existsSync(join(binDir, "pulumi"));
  const first = [...(built ? [binDir] : []), dirname(process.execPath)];
  const rest = (env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "" && !first.includes(folder));
  env["PATH"] = [...first, ...rest].join(delimiter);
  if (built) env["PULUMI_HOME"] ??= pulumiHome;
}

/** The file of a stack's configuration. */
export function stackFile(stack: string): string {
  return join(root, "stacks", `Pulumi.${stack}.yaml`);
}

let setByUs = false;

/**
 * Makes the servers that a stack's configuration names known to this process, as the engine does for its plugins.
 * Costs nothing unless the configuration names any.
 * @throws Problem when one is not encrypted.
 */
export async function useStackConfig(stack: string, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  if (env["PULUMI_CONFIG"] !== undefined && !setByUs) return; // The engine did it: we are the verification hook.
  const { readFileSync } = await import("node:fs");
  const { settings, stackScope, unencryptedSettings } = await import("../providers/clients/servers.ts");
  const text = [join(root, "Pulumi.yaml"), stackFile(stack)].map((file) =>
    existsSync(file) ? readFileSync(file, "utf8") : "",
  );
  const names = Object.values(settings).map(({ config }) => config);
  if (!names.some((name) => text.join("\n").includes(`${name}:`))) return;
  const { runPulumi } = await import("./engine/command.ts");
  const { stdout } = await runPulumi(["config", "--json", "--show-secrets", "--stack", stack]);
  const found = JSON.parse(stdout) as Record<string, { value?: string; secret?: boolean }>;
  const entry = (key: string) => found[`tenant-storage:${key}`];
  const problems = unencryptedSettings(
    (key) => entry(key)?.value,
    (key) => entry(key)?.secret === true,
  );
  if (problems.length > 0) {
    throw new Problem(
      "settings-invalid",
      `stacks/Pulumi.${stack}.yaml cannot be used:\n${problems.map((one) => `  - ${one}`).join("\n")}`,
    );
  }
  const values = Object.entries(found).flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]]));
  const config = JSON.stringify(Object.fromEntries(values));
  const scope = stackScope();
  // Among many tenants it is this one's, never the process's.
  if (scope !== undefined) {
    scope.config = config;
    return;
  }
  env["PULUMI_CONFIG"] = config;
  setByUs = true;
}
