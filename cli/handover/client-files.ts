// Files of the stores' own command line clients: each is all its program needs.
import { parseRedisUrl } from "../../providers/clients/redis-url.ts";
import type { Connection } from "../connection.ts";
import { Problem } from "../errors.ts";
import { quoted } from "../shell.ts";

/** MinIO's region; clients sign with it. */
export const region = "us-east-1";

/** By format: the file's text. */
export const clientFiles = {
  /** A libpq service file: `PGSERVICEFILE=FILE psql service=tenant_acme`. */
  psql({ tenant_id, postgresql }: Connection): string {
    const { host, port, database, user, password, sslmode, sslrootcert, target_session_attrs } = postgresql;
    const settings = { host, port: String(port), dbname: database, user, password, sslmode };
    return section(`tenant_${tenant_id}`, "=", {
      ...settings,
      ...(target_session_attrs && { target_session_attrs }),
      ...(sslrootcert === undefined ? {} : { sslrootcert }),
    });
  },

  /** A shell script that is redis-cli as the tenant: the password is in its environment, not among its arguments. */
  redis(found: Connection): string {
    const { host, port, tls, cluster } = redisPlace(found);
    const { user, password } = found.redis;
    const args = [
      ...["-h", host, "-p", String(port), "--user", user],
      ...(cluster ? ["-c"] : []),
      ...(tls ? ["--tls", ...(found.ca_file === undefined ? [] : ["--cacert", found.ca_file])] : []),
    ];
    return (
      `#!/bin/sh\n# redis-cli as tenant ${found.tenant_id}: sh FILE [COMMAND…]\n` +
      `REDISCLI_AUTH=${quoted(password)} exec redis-cli ${args.map(quoted).join(" ")} "$@"\n`
    );
  },

  /** A configuration of s3cmd: `s3cmd -c FILE ls s3://BUCKET`. */
  s3cfg({ minio: { endpoint, access_key, secret_key }, ca_file }: Connection): string {
    const { host, protocol } = new URL(endpoint);
    return section("default", " = ", {
      access_key,
      secret_key,
      host_base: host,
      // The bucket in the path: no DNS name is needed for each bucket.
      host_bucket: host,
      use_https: protocol === "https:" ? "True" : "False",
      bucket_location: region,
      ...(ca_file === undefined ? {} : { ca_certs_file: ca_file }),
    });
  },

  /** A remote of rclone: `rclone --config FILE ls tenant-acme:BUCKET`. */
  rclone({ tenant_id, minio: { endpoint, access_key, secret_key }, ca_file }: Connection): string {
    const remote = section(`tenant-${tenant_id}`, " = ", {
      type: "s3",
      provider: "Minio",
      access_key_id: access_key,
      secret_access_key: secret_key,
      endpoint,
      region,
      // The tenant may not make buckets, nor ask for them all.
      no_check_bucket: "true",
    });
    return ca_file === undefined
      ? remote
      : `# rclone takes the authority as an option: --ca-cert ${ca_file}\n${remote}`;
  },
} as const satisfies Record<string, (found: Connection) => string>;

/**
 * Where redis-cli connects to.
 * @throws Problem when only sentinels are known.
 */
export function redisPlace({ redis, tenant_id }: Connection) {
  const { addresses, master, url } = parseRedisUrl(redis.url);
  if (master !== undefined) {
    throw new Problem(
      "format-unfit",
      `The Redis of tenant ${tenant_id} is the one that sentinels call ${master}, and redis-cli asks no sentinels. ` +
        `Use a client that does, with the REDIS_URL of: npm run tenant -- credentials ${tenant_id}`,
    );
  }
  const [{ host, port }] = addresses;
  return { host, port, tls: url.protocol === "rediss:", cluster: addresses.length > 1 };
}

/** A section of an INI file. These have no quotes: what a line cannot hold is refused. */
function section(name: string, between: string, settings: Readonly<Record<string, string>>): string {
  const lines = Object.entries(settings).map(([key, value]) => {
    if (/\p{Cc}/u.test(value) || value.trim() !== value) {
      throw new Problem(
        "format-unfit",
        `${key}: holds a line break or a blank at its end, which this format cannot say. Use --format env or json`,
      );
    }
    return `${key}${between}${value}\n`;
  });
  return `[${name}]\n${lines.join("")}`;
}
