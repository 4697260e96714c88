// Which servers a command works on: those of the environment, else the local stores.
import { existsSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { defaultPlacement } from "../providers/clients/placements.ts";
import type { StackScope } from "../providers/clients/stack-scope.ts";
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
  if (ownDeployment || !existsSync(join(storesDir, "credentials.json"))) useToolchain(env);
  else {
    const { conflictingVariables, environment } = await import("../local/environment.ts");
    for (const name of conflictingVariables) Reflect.deleteProperty(env, name);
    Object.assign(env, environment());
  }
  if (!env["TENANT_PLACEMENTS_FILE"]) return;
  const { usePlacementsFile } = await import("./placements-file.ts");
  await usePlacementsFile(env);
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

/**
 * Makes the servers that a stack lives on known to this process, as the engine does for its plugins: those of its placement, or
 * those that its configuration names. Costs nothing unless there are placements, or the configuration names any.
 * @throws Problem when one is not encrypted, or the tenant lives elsewhere than its file says.
 */
export async function useStackConfig(stack: string, env: NodeJS.ProcessEnv = process.env): Promise<void> {
  const { stackScope } = await import("../providers/clients/stack-scope.ts");
  const scope = stackScope();
  if (scope === undefined) throw new Error("outside of any stack's scope: inStackScope");
  // The engine did it, and the program the rest: we are the verification hook.
  if (env["PULUMI_CONFIG"] !== undefined) {
    const given = JSON.parse(env["PULUMI_CONFIG"] || "{}") as Record<string, string>;
    const placement = env["TENANT_PLACEMENT"];
    setConfig(scope, { ...given, ...(placement ? { "tenant-storage:placement": placement } : {}) });
    return;
  }
  const servers = await configuredServers(stack);
  // For the platform database, which is asked where the tenant lives.
  setConfig(scope, servers);
  const { placementOf } = await import("./placement.ts");
  const placement = await placementOf(stack, env);
  if (placement !== defaultPlacement) setConfig(scope, { ...servers, "tenant-storage:placement": placement });
}

function setConfig(scope: StackScope, config: Readonly<Record<string, string>>): void {
  if (Object.keys(config).length === 0) delete scope.config;
  else scope.config = JSON.stringify(config);
}

/** What the stack's configuration says, where it names servers of its own; else nothing. */
async function configuredServers(stack: string): Promise<Record<string, string>> {
  const { readFileSync } = await import("node:fs");
  const { settings, unencryptedSettings } = await import("../providers/clients/servers.ts");
  const text = [join(root, "Pulumi.yaml"), stackFile(stack)].map((file) =>
    existsSync(file) ? readFileSync(file, "utf8") : "",
  );
  const names = Object.values(settings).map(({ config }) => config);
  if (!names.some((name) => text.join("\n").includes(`${name}:`))) return {};
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
  return Object.fromEntries(
    Object.entries(found).flatMap(([key, { value }]) => (value === undefined ? [] : [[key, value]])),
  );
}
