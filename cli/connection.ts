// How an application of a tenant connects: endpoints from the servers, names from the id, secrets from the SOPS file.
import { tenantNames, type TenantNames } from "../components/names.ts";
import { readCredentials, type Credentials } from "../providers/clients/credentials.ts";
import { formatPostgresqlList } from "../providers/clients/postgresql-list.ts";
import { formatRedisUrl } from "../providers/clients/redis-url.ts";
import { servers, type Servers } from "../providers/clients/servers.ts";

/** Everything an application needs. Holds secrets. */
export interface Connection {
  readonly tenant_id: string;
  readonly minio: {
    readonly endpoint: string;
    readonly bucket: string;
    readonly access_key: string;
    readonly secret_key: string;
  };
  readonly postgresql: {
    /** Of a primary and its standbys, as libpq lists them: `one,two`. */
    readonly host: string;
    /** Of several servers: `5432,5433`, or one for all, as text. */
    readonly port: number | string;
    /** Where there are several: libpq finds the one that accepts writes. */
    readonly target_session_attrs?: "read-write";
    readonly database: string;
    readonly user: string;
    readonly password: string;
    readonly sslmode: string;
    /** The same for PostgreSQL, in libpq's words. */
    readonly sslrootcert?: string;
  };
  readonly qdrant: {
    readonly url: string;
    /** Where gRPC is offered. */
    readonly grpc_url?: string;
    readonly collection: string;
    readonly api_key: string;
  };
  readonly redis: {
    /** With user and password; the form says whether it is a server, nodes of a cluster or sentinels (README.md). */
    readonly url: string;
    readonly user: string;
    readonly password: string;
    /** Every key and channel starts with it. */
    readonly key_prefix: string;
  };
  readonly tenant_api_key: string;
  /** The private authority of the servers' certificates, on this machine; left out when they have none. */
  readonly ca_file?: string;
}

/** The connection of a tenant. Decrypts its credentials. */
export async function connection(id: string): Promise<Connection> {
  return connectionOf(tenantNames(id), servers(), await readCredentials(id));
}

/** The connection of a tenant with these credentials. */
export function connectionOf(names: TenantNames, all: Servers, credentials: Credentials): Connection {
  const { minio, postgresql, qdrant, redis } = all;
  const { host, port, nodes, sslMode } = postgresql;
  const redisAs = { user: names.redisUser, password: credentials.redis_password };
  return {
    tenant_id: names.id,
    minio: {
      endpoint: minio.endpoint.origin,
      bucket: names.bucket,
      access_key: credentials.minio_access_key,
      secret_key: credentials.minio_secret_key,
    },
    postgresql: {
      ...(nodes === undefined
        ? { host, port }
        : { ...formatPostgresqlList(nodes), target_session_attrs: "read-write" as const }),
      database: names.database,
      user: names.role,
      password: credentials.postgres_password,
      sslmode: sslMode,
      ...(postgresql.ca === undefined ? {} : { sslrootcert: postgresql.ca.file }),
    },
    qdrant: {
      url: qdrant.tenantUrl.origin,
      ...(qdrant.tenantGrpcUrl && { grpc_url: qdrant.tenantGrpcUrl.origin }),
      collection: names.collection,
      api_key: credentials.qdrant_api_key,
    },
    redis: {
      url: formatRedisUrl(redis, redisAs),
      ...redisAs,
      key_prefix: names.keyPrefix,
    },
    tenant_api_key: credentials.tenant_api_key,
    ...(minio.ca === undefined ? {} : { ca_file: minio.ca.file }),
  };
}

/** The same as environment variables. The names of PostgreSQL's are libpq's own. */
export function variables({
  tenant_id,
  minio,
  postgresql,
  qdrant,
  redis,
  tenant_api_key,
  ca_file,
}: Connection): Record<string, string> {
  return {
    TENANT_ID: tenant_id,
    MINIO_ENDPOINT: minio.endpoint,
    MINIO_BUCKET: minio.bucket,
    MINIO_ACCESS_KEY: minio.access_key,
    MINIO_SECRET_KEY: minio.secret_key,
    PGHOST: postgresql.host,
    PGPORT: String(postgresql.port),
    PGDATABASE: postgresql.database,
    PGUSER: postgresql.user,
    PGPASSWORD: postgresql.password,
    PGSSLMODE: postgresql.sslmode,
    ...(postgresql.target_session_attrs && { PGTARGETSESSIONATTRS: postgresql.target_session_attrs }),
    QDRANT_URL: qdrant.url,
    ...(qdrant.grpc_url !== undefined && { QDRANT_GRPC_URL: qdrant.grpc_url }),
    QDRANT_COLLECTION: qdrant.collection,
    QDRANT_API_KEY: qdrant.api_key,
    REDIS_URL: redis.url,
    REDIS_KEY_PREFIX: redis.key_prefix,
    TENANT_API_KEY: tenant_api_key,
    ...(ca_file === undefined ? {} : { TENANT_CA_FILE: ca_file }),
    ...(postgresql.sslrootcert === undefined ? {} : { PGSSLROOTCERT: postgresql.sslrootcert }),
  };
}
