// The provider instances that the components of this package need.
import { RunError, type ComponentResourceOptions, type ProviderResource } from "@pulumi/pulumi";
import resources from "@pulumi/pulumi/proto/resource_pb.js";
import { dynamicProvider } from "../components/dynamic-provider.ts";
import { nativeProviders } from "../components/provider-instances.ts";
import { engineConfig, unencryptedSettings } from "../providers/clients/servers.ts";

/**
 * The provider instances of `Tenant` and `Platform`: make them once a program. They name the shared servers and hold no
 * credentials: these come from the environment (`MINIO_ENDPOINT`, `PGHOST`, …) or from encrypted keys of your stack's
 * configuration in the namespace `tenant-storage`.
 *
 * The SDK writes the engine's answers into its debug log (`--debug`), secrets in the clear; from this call on it does not.
 * @throws RunError naming every setting that is missing, or not encrypted, at once.
 * @example
 * const providers = tenantProviders();
 * new Tenant("acme", { id: "acme", network: ["10.12.0.0/16"] }, { providers });
 */
export function tenantProviders(): ProviderResource[] {
  resources.RegisterResourceResponse.prototype.toString = () => "not shown: it may hold secrets";
  const encrypted = (JSON.parse(process.env["PULUMI_CONFIG_SECRET_KEYS"] || "[]") ?? []) as string[];
  const problems = unencryptedSettings(engineConfig(), (key) => encrypted.includes(`tenant-storage:${key}`));
  if (problems.length > 0) {
    throw new RunError(`The configuration cannot be used:\n${problems.map((one) => `  - ${one}`).join("\n")}`);
  }
  const { minio, postgresql } = nativeProviders();
  return [dynamicProvider(), minio, postgresql];
}

/** @throws RunError when a component was given no providers: the engine's own know no server. */
export function requireProviders(component: string, opts: ComponentResourceOptions | undefined): void {
  const given = opts?.providers ?? [];
  const own = Array.isArray(given) ? given : Object.values(given);
  if (own.length > 0 || opts?.parent?.getProvider("minio:index/s3Bucket:S3Bucket") !== undefined) return;
  throw new RunError(`${component} needs the providers of the shared servers: pass { providers: tenantProviders() }`);
}
