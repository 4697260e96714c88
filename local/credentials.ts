// The administrators' credentials of the local stores: random, made at the first start, in one file only the owner reads.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Problem } from "../errors/problem.ts";
import { hasTexts, readIfThere, writePrivate } from "./files.ts";
import { clusterDir, localDir } from "../toolchain/paths.ts";
import { stateDir } from "./settings.ts";

/** The administrator's name in PostgreSQL and Redis: no tenant can have it (tenant names start with `tenant`). */
export const adminName = "platform_admin";

export interface Credentials {
  readonly version: 1;
  readonly minio: {
    readonly user: string;
    readonly password: string;
    /** `name:base64 of 32 bytes`: the key that makes SSE-S3 work without a key server. */
    readonly kmsSecretKey: string;
  };
  readonly postgresql: { readonly user: string; readonly password: string };
  /** Also signs the tenants' tokens: changing it voids them all. */
  readonly qdrant: { readonly apiKey: string };
  readonly redis: { readonly user: string; readonly password: string };
}

export const credentialsFile = (dir: string): string => join(dir, "credentials.json");

/**
 * Encrypts the secrets in Pulumi's local state and in stack settings. A file, not a variable: fewer processes see it.
 * Beside the state and kept by `reset`: stack settings in the working tree would be lost with it.
 */
export const passphraseFile = (dir: string): string =>
  // A stack's file, with the salt of its passphrase, may serve both sets of stores.
  join(dir === clusterDir ? localDir : dirname(stateDir(dir)), "pulumi-passphrase");

/** 256 bits, in characters that need no quoting in a URL, a shell or a configuration file. */
const secret = (): string => randomBytes(32).toString("base64url");

/** The credentials, or undefined when these stores were never started. Throws when the file is not what was written. */
export function readCredentials(dir: string): Credentials | undefined {
  const file = credentialsFile(dir);
  const found = readIfThere(file);
  if (found === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(found);
    if (!isCredentials(value)) throw new Problem("setup-failed", "a field is missing or of an unknown version");
    return value;
  } catch (cause) {
    throw new Problem(
      "setup-failed",
      `${file} is not readable as the stores' credentials: put the original back, or delete all data with: npm run stores -- reset`,
      { cause },
    );
  }
}

// By hand: a schema library would take half the time of a whole `stores status`.
function isCredentials(value: unknown): value is Credentials {
  return (
    hasTexts(value, []) &&
    value["version"] === 1 &&
    hasTexts(value["minio"], ["user", "password", "kmsSecretKey"]) &&
    hasTexts(value["postgresql"], ["user", "password"]) &&
    hasTexts(value["qdrant"], ["apiKey"]) &&
    hasTexts(value["redis"], ["user", "password"])
  );
}

/** The credentials, made if these stores are new. Called under the lock, before any server is prepared. */
export function ensureCredentials(dir: string): Credentials {
  mkdirSync(dir, { recursive: true });
  if (!existsSync(passphraseFile(dir))) {
    writePrivate(passphraseFile(dir), `${secret()}\n`);
  }
  const known = readCredentials(dir);
  if (known !== undefined) return known;
  const old = ["postgresql/data", "minio/data", "qdrant/storage", "redis/users.acl"].filter((path) =>
    existsSync(join(dir, path)),
  );
  if (old.length > 0) {
    throw new Problem(
      "setup-failed",
      `${dir} holds data (${old.join(", ")}) but ${credentialsFile(dir)} is gone: put the file back, or delete all data with: npm run stores -- reset`,
    );
  }
  const made: Credentials = {
    version: 1,
    minio: {
      // A secret too: MinIO takes uploads without a look at the signature from who knows an access key, and no policy binds
      // the administrator (docs/operations.md).
      user: `admin_${randomBytes(16).toString("hex")}`,
      password: secret(),
      kmsSecretKey: `tenant-stores:${randomBytes(32).toString("base64")}`,
    },
    postgresql: { user: adminName, password: secret() },
    qdrant: { apiKey: secret() },
    redis: { user: adminName, password: secret() },
  };
  writePrivate(credentialsFile(dir), `${JSON.stringify(made, null, 2)}\n`);
  return made;
}

/** Every secret in them, for taking them out of text that is shown. */
export function secretsIn(credentials: Credentials): readonly string[] {
  const { minio, postgresql, qdrant, redis } = credentials;
  return [minio.user, minio.password, minio.kmsSecretKey, postgresql.password, qdrant.apiKey, redis.password];
}
