// A tenant's connection as text, in the words of whoever is to use it.
import type { Connection } from "../connection.ts";
import { quoted } from "../shell.ts";

/** Every format of `tenant credentials`. */
export const formats = [
  "env",
  "json",
  "yaml",
  "kubernetes",
  "external-secrets",
  "psql",
  "redis",
  "s3cfg",
  "rclone",
] as const;

export type Format = (typeof formats)[number];

/** What the two formats for Kubernetes are told beside the tenant. */
export interface KubernetesOptions {
  /** @default the namespace it is applied to */
  readonly namespace?: string;
  /** External Secrets: KIND/NAME of the store. @default ClusterSecretStore/tenant-storage */
  readonly secretStore?: string;
  /** External Secrets: where in that store the output of `--format json` is. @default tenants/ID */
  readonly remoteKey?: string;
}

/**
 * The text, ending with a line break. Holds secrets, but for `external-secrets`.
 * @throws Problem when a value cannot be said in the format, or an option is wrong.
 */
export async function formatted(found: Connection, format: Format, options: KubernetesOptions = {}): Promise<string> {
  switch (format) {
    case "env": {
      const { variables } = await import("../connection.ts");
      return shellLines(variables(found));
    }
    case "json":
      return `${JSON.stringify(found, null, 2)}\n`;
    case "yaml": {
      const { stringify } = await import("yaml");
      return stringify(found);
    }
    case "kubernetes":
    case "external-secrets": {
      const { externalSecret, kubernetesSecret, manifest } = await import("./kubernetes.ts");
      return manifest(format === "kubernetes" ? kubernetesSecret(found, options) : externalSecret(found, options));
    }
    case "psql":
    case "redis":
    case "s3cfg":
    case "rclone": {
      const { clientFiles } = await import("./client-files.ts");
      return clientFiles[format](found);
    }
  }
}

const shellLines = (all: Readonly<Record<string, string>>): string =>
  Object.entries(all)
    .map(([name, value]) => `export ${name}=${quoted(value)}\n`)
    .join("");
