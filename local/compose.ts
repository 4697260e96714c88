// The files of compose.yaml: for those who have Docker and want the official images.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { Problem } from "../errors/problem.ts";
import { gatewayConfiguration } from "../gateway/nginx.ts";
import { ensureCredentials } from "./credentials.ts";
import { writePrivate } from "./files.ts";
import { type StoresOptions, settingsOf } from "./settings.ts";
import { authorityOf } from "./tls.ts";

/**
 * Writes <dir>/compose.env (mode 0600), with the same credentials and ports as `env` prints, and the gateway's configuration
 * beside it. Returns the path of the first.
 * @throws Error when `env` prints addresses for TLS: compose.yaml's servers do not speak it
 */
export function writeComposeEnv(options: StoresOptions = {}): string {
  const { dir, ports } = settingsOf(options);
  if (authorityOf(dir) !== undefined) {
    throw new Problem(
      "setup-failed",
      "the stores speak TLS and local/compose.yaml's servers do not: turn it off first: npm run stores -- start --no-tls",
    );
  }
  const { minio, postgresql, qdrant, redis } = ensureCredentials(dir);
  const gatewayFile = join(dir, "compose-gateway.conf");
  writePrivate(
    gatewayFile,
    gatewayConfiguration({ listen: "6335", listenGrpc: "6336", qdrant: "qdrant:6333", qdrantGrpc: "qdrant:6334" }),
  );
  const variables = {
    MINIO_PORT: ports.minio,
    MINIO_ROOT_USER: minio.user,
    MINIO_ROOT_PASSWORD: minio.password,
    MINIO_KMS_SECRET_KEY: minio.kmsSecretKey,
    POSTGRES_PORT: ports.postgresql,
    POSTGRES_USER: postgresql.user,
    POSTGRES_PASSWORD: postgresql.password,
    QDRANT_PORT: ports.qdrant,
    QDRANT_GRPC_PORT: ports.qdrantGrpc,
    QDRANT_API_KEY: qdrant.apiKey,
    QDRANT_GATEWAY_PORT: ports.gateway,
    QDRANT_GATEWAY_GRPC_PORT: ports.gatewayGrpc,
    // Quoted: a path may have spaces.
    QDRANT_GATEWAY_FILE: `'${gatewayFile.replaceAll("'", "\\'")}'`,
    REDIS_PORT: ports.redis,
    REDIS_ADMIN: redis.user,
    REDIS_ADMIN_SHA256: createHash("sha256").update(redis.password).digest("hex"),
  };
  const file = join(dir, "compose.env");
  writePrivate(
    file,
    Object.entries(variables)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
  return file;
}
