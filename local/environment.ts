// The variables that point Pulumi, the tenant command and the tests at the local stores.
import { mkdirSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { stringify } from "yaml";
import { nodeOptions } from "../cli/node-options.ts";
import { Problem } from "../errors/problem.ts";
import { placementProblem } from "../providers/clients/placements.ts";
import { serverVariables } from "../providers/clients/servers.ts";
import { binDir, localDir, pulumiHome } from "../toolchain/paths.ts";
import { credentialsFile, passphraseFile, readCredentials } from "./credentials.ts";
import { portsInUse } from "./lifecycle.ts";
import { checkOwner } from "./owner.ts";
import { balancerPort, nodePorts, type StoresOptions, settingsOf, stateDir } from "./settings.ts";
import { authorityFile, authorityOf } from "./tls.ts";

/**
 * Variables that would win over ours and must not be set beside them: `env` unsets them, and who merges `environment()`
 * into another environment leaves them out.
 */
export const conflictingVariables = [
  "PULUMI_CONFIG_PASSPHRASE",
  "QDRANT_GATEWAY",
  "PGHOSTADDR",
  "PGSERVICE",
  "PGPASSFILE",
  "PGOPTIONS",
  "PGSSLROOTCERT",
  "PGTARGETSESSIONATTRS",
  "TENANT_CA_FILE",
] as const;

/** The endpoints and administrator credentials of the local stores. Throws when they were never started. */
export function storesEnv(options: StoresOptions = {}): Record<string, string> {
  const { cluster, dir } = settingsOf(options);
  checkOwner(dir, "look");
  const credentials = readCredentials(dir);
  if (credentials === undefined) {
    const start = `npm run stores -- start${cluster ? " --cluster" : ""}`;
    throw new Problem("setup-failed", `the local stores were never started (no ${credentialsFile(dir)}): ${start}`);
  }
  const ports = portsInUse(options);
  const { minio, postgresql, qdrant, redis } = credentials;
  const tls = authorityOf(dir) !== undefined;
  const databasePorts = (cluster ? [1, 2] : [1]).map((node) => nodePorts.postgresql(ports, node));
  const redisPorts = cluster ? [1, 2, 3, 4, 5, 6].map((node) => nodePorts.redis(ports, node).clients) : [ports.redis];
  const redisNodes = redisPorts.map((port) => `127.0.0.1:${port}`);
  const http = tls ? "https" : "http";
  return {
    MINIO_ENDPOINT: `${http}://127.0.0.1:${cluster ? balancerPort(ports) : ports.minio}`,
    MINIO_ROOT_USER: minio.user,
    MINIO_ROOT_PASSWORD: minio.password,
    PGHOST: databasePorts.map(() => "127.0.0.1").join(","),
    PGPORT: databasePorts.join(","),
    // For psql by hand.
    ...(cluster && { PGTARGETSESSIONATTRS: "read-write" }),
    PGUSER: postgresql.user,
    PGPASSWORD: postgresql.password,
    PGDATABASE: "postgres",
    PGSSLMODE: tls ? "verify-full" : "disable",
    QDRANT_URL: (cluster ? [1, 2, 3].map((node) => nodePorts.qdrant(ports, node).rest) : [ports.qdrant])
      .map((port) => `${http}://127.0.0.1:${port}`)
      .join(","),
    QDRANT_TENANT_URL: `${http}://127.0.0.1:${ports.gateway}`,
    QDRANT_TENANT_GRPC_URL: `${http}://127.0.0.1:${ports.gatewayGrpc}`,
    QDRANT_API_KEY: qdrant.apiKey,
    REDIS_URL: `${tls ? "rediss" : "redis"}://${encodeURIComponent(redis.user)}:${encodeURIComponent(redis.password)}@${redisNodes.join(",")}`,
    ...(tls && { TENANT_CA_FILE: authorityFile(dir), PGSSLROOTCERT: authorityFile(dir) }),
  };
}

/** The same as a placement, for the file of TENANT_PLACEMENTS_FILE: YAML, with the credentials. */
export function placementText(name: string, options: StoresOptions = {}): string {
  const problem = placementProblem(name);
  if (problem !== undefined) throw new Problem("usage", `--placement ${problem}, not ${JSON.stringify(name)}`);
  const known = Object.entries(storesEnv(options)).filter(([variable]) => serverVariables.includes(variable));
  return stringify({ [name]: Object.fromEntries(known) });
}

/**
 * Everything a `pulumi` or `tenant` process needs to work on the local stores: `storesEnv` and Pulumi's own settings.
 * Makes the folder of Pulumi's state. Does not touch process.env. Throws when the stores were never started.
 */
export function environment(options: StoresOptions = {}): Record<string, string> {
  const stores = storesEnv(options);
  const { cluster, dir } = settingsOf(options);
  const state = stateDir(dir);
  mkdirSync(state, { recursive: true, mode: 0o700 });
  // Chosen by whoever asks.
  // Unless they are: the clusters' tenants may have the ids of the single stores' (the canary does).
  const chosen: Record<string, string> = cluster ? { TENANT_SECRETS_DIR: join(dir, "secrets") } : {};
  for (const name of ["TENANT_SECRETS_DIR", "TENANT_AUDIT_DIR"]) {
    const value = process.env[name];
    if (value !== undefined && value !== "") chosen[name] = value;
  }
  return {
    ...stores,
    // Without the files of metadata beside each state file: they are not written in one go, and a killed pulumi that leaves
    // one half written makes its stack, and `stack ls`, unreadable.
    PULUMI_BACKEND_URL: `${pathToFileURL(state).href}?metadata=skip`,
    PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile(dir),
    PULUMI_HOME: pulumiHome,
    PULUMI_SKIP_UPDATE_CHECK: "true",
    ...chosen,
    NODE_OPTIONS: nodeOptions(),
    NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? join(localDir, "compile-cache"),
    PATH: searchPath(),
  };
}

// The toolchain first, then this very Node: it strips types, the machine's own may not.
function searchPath(): string {
  const ours = [binDir, dirname(process.execPath)];
  const rest = (process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder !== "" && !ours.includes(folder));
  return [...ours, ...rest].join(delimiter);
}
