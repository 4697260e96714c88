// Where everything lives. Nothing outside the checkout is written.
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout. */
export const root = fileURLToPath(new URL("..", import.meta.url)).replace(/\/$/, "");

/** Everything made by machines, ignored by git. */
export const localDir = join(root, ".local");

/** Built or downloaded programs. Set TENANT_TOOLCHAIN_DIR to share one build between checkouts. */
export const toolchainDir = resolve(process.env["TENANT_TOOLCHAIN_DIR"] ?? join(localDir, "toolchain"));

/** pulumi, pulumi-language-nodejs, minio, qdrant, sops, age-keygen, node. First on PATH. */
export const binDir = join(toolchainDir, "bin");

/** PULUMI_HOME: plugins and workspaces of this project only. */
export const pulumiHome = join(toolchainDir, "pulumi");

/** Data, logs, credentials and process ids of the local stores. */
export const storesDir = resolve(process.env["TENANT_STORES_DIR"] ?? join(localDir, "stores"));

/** The same of the local stores as clusters: another set, beside the first. */
export const clusterDir = resolve(process.env["TENANT_CLUSTER_DIR"] ?? join(localDir, "cluster"));
