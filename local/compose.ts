// The credentials file of compose.yaml: for those who have Docker and want the official images.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { ensureCredentials } from "./credentials.ts";
import { writePrivate } from "./files.ts";
import { type StoresOptions, settingsOf } from "./settings.ts";

/** Writes <dir>/compose.env (mode 0600), with the same credentials and ports as `env` prints. Returns its path. */
export function writeComposeEnv(options: StoresOptions = {}): string {
  const { dir, ports } = settingsOf(options);
  const { minio, postgresql, qdrant, redis } = ensureCredentials(dir);
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
