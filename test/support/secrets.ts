// Every secret value there is: what a scan looks for.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { adminName, readCredentials, secretsIn } from "../../local/credentials.ts";
import { auditDir } from "../../providers/clients/audit-key.ts";
import { credentialKeys, decryptCredentials } from "../../providers/clients/credentials.ts";
import { secretFiles, secretsDir } from "../../providers/clients/secrets-dir.ts";
import type { Secret } from "./secret-scan.ts";

/**
 * The administrators' credentials of the environment, those of the local stores (MinIO's name too), and the passphrase of the
 * state.
 */
export function administrators(env: NodeJS.ProcessEnv = process.env): Secret[] {
  const passphraseFile = env["PULUMI_CONFIG_PASSPHRASE_FILE"] ?? "";
  const stores = readCredentials(dirname(passphraseFile));
  return [
    ...["MINIO_ROOT_PASSWORD", "PGPASSWORD", "QDRANT_API_KEY"].map((name) => ({ name, value: env[name] ?? "" })),
    { name: "password in REDIS_URL", value: decodeURIComponent(new URL(env["REDIS_URL"] ?? "").password) },
    { name: "Pulumi passphrase", value: readFileSync(passphraseFile, "utf8").trim() },
    ...auditKeys(env),
    ...(stores === undefined ? [] : secretsIn(stores))
      // Stores that were made before MinIO's was random.
      .filter((value) => value !== adminName)
      .map((value, index) => ({ name: `stores' secret ${index}`, value })),
  ];
}

/** The private keys that sign audit logs. */
function auditKeys(env: NodeJS.ProcessEnv): Secret[] {
  const folder = auditDir(env);
  const logs = existsSync(folder) ? readdirSync(folder) : [];
  return logs.map((log) => {
    const [, body = ""] = readFileSync(join(folder, log, "audit.key"), "utf8").split("\n");
    return { name: `key of audit log ${log}`, value: body };
  });
}

/** A tenant's: its age key and what its SOPS file holds, but for the access key, which is a name. */
export async function secretsOf(tenant: string): Promise<Secret[]> {
  const files = secretFiles(tenant);
  const credentials = await decryptCredentials(readFileSync(files.encrypted, "utf8"), files.key);
  const key = /AGE-SECRET-KEY-1(\S+)/.exec(readFileSync(files.key, "utf8"))?.[1] ?? "";
  return [
    { name: `age key of ${tenant}`, value: key },
    ...credentialKeys
      .filter((name) => name !== "minio_access_key")
      .map((name) => ({ name: `${name} of ${tenant}`, value: withoutClaims(credentials[name]) })),
  ];
}

/** Of a token its signature: the header is the same in every token, and the claims are no secret. */
function withoutClaims(value: string): string {
  return /^eyJ[\w-]+\.[\w-]+\.([\w-]+)$/.exec(value)?.[1] ?? value;
}

/**
 * All tenants' whose files are here.
 * @param unreadable is told of a file that no key opens: a run that died half-way left it
 */
export async function everyTenants(unreadable: (reason: string) => unknown): Promise<Secret[]> {
  if (!existsSync(secretsDir())) return [];
  const tenants = readdirSync(secretsDir()).filter((tenant) => existsSync(secretFiles(tenant).encrypted));
  const found = await Promise.all(
    tenants.map((tenant) =>
      secretsOf(tenant).catch((error: unknown) => {
        unreadable(`the secrets of tenant ${tenant} cannot be read: ${(error as Error).message}`);
        return [];
      }),
    ),
  );
  return found.flat();
}
