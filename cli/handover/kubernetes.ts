// A tenant's connection for Kubernetes: a Secret that holds it, or an ExternalSecret that says where it is.
import { readFileSync } from "node:fs";
import { stringify } from "yaml";
import { variables, type Connection } from "../connection.ts";
import { Problem } from "../errors.ts";
import type { KubernetesOptions } from "./formats.ts";

/** Where in the output of `--format json` each variable is, in External Secrets' words. */
const properties: Readonly<Record<string, string>> = {
  TENANT_ID: "tenant_id",
  MINIO_ENDPOINT: "minio.endpoint",
  MINIO_BUCKET: "minio.bucket",
  MINIO_ACCESS_KEY: "minio.access_key",
  MINIO_SECRET_KEY: "minio.secret_key",
  PGHOST: "postgresql.host",
  PGPORT: "postgresql.port",
  PGDATABASE: "postgresql.database",
  PGUSER: "postgresql.user",
  PGPASSWORD: "postgresql.password",
  PGSSLMODE: "postgresql.sslmode",
  PGTARGETSESSIONATTRS: "postgresql.target_session_attrs",
  QDRANT_URL: "qdrant.url",
  QDRANT_GRPC_URL: "qdrant.grpc_url",
  QDRANT_COLLECTION: "qdrant.collection",
  QDRANT_API_KEY: "qdrant.api_key",
  REDIS_URL: "redis.url",
  REDIS_KEY_PREFIX: "redis.key_prefix",
  TENANT_API_KEY: "tenant_api_key",
};

/** Files of this machine are none in a pod: the authority itself is handed over, as this entry. */
const authorityEntry = "ca.crt";
const files = ["TENANT_CA_FILE", "PGSSLROOTCERT"];

const authority = ({ ca_file, postgresql: { sslrootcert } }: Connection): string | undefined => {
  const file = ca_file ?? sslrootcert;
  return file === undefined ? undefined : readFileSync(file, "utf8");
};

const inPod = (found: Connection): [string, string][] =>
  Object.entries(variables(found)).filter(([name]) => !files.includes(name));

function metadata({ tenant_id }: Connection, { namespace }: KubernetesOptions) {
  if (namespace !== undefined && !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(namespace)) {
    throw new Problem(
      "usage",
      `--namespace: ${JSON.stringify(namespace)} is none: 1 to 63 of a-z, 0-9 and hyphens between them`,
    );
  }
  return {
    name: `tenant-${tenant_id}`,
    ...(namespace === undefined ? {} : { namespace }),
    labels: { "app.kubernetes.io/managed-by": "tenant-storage" },
  };
}

/** A Secret with the variables of `--format env`, and the stores' authority as `ca.crt` where they have one. */
export function kubernetesSecret(found: Connection, options: KubernetesOptions) {
  const pem = authority(found);
  const entries = [...inPod(found), ...(pem === undefined ? [] : [[authorityEntry, pem] as const])];
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: metadata(found, options),
    type: "Opaque",
    data: Object.fromEntries(entries.map(([name, value]) => [name, Buffer.from(value).toString("base64")])),
  };
}

/** An ExternalSecret that makes the same Secret of what `--format json` prints, kept in a secret manager. Holds no secret. */
export function externalSecret(found: Connection, options: KubernetesOptions) {
  const { secretStore = "ClusterSecretStore/tenant-storage", remoteKey = `tenants/${found.tenant_id}` } = options;
  const [, kind, store] =
    /^(SecretStore|ClusterSecretStore)\/([a-z0-9]([a-z0-9.-]*[a-z0-9])?)$/.exec(secretStore) ?? [];
  if (kind === undefined || store === undefined) {
    const given = JSON.stringify(secretStore);
    throw new Problem("usage", `--secret-store: ${given} is none: SecretStore/NAME or ClusterSecretStore/NAME`);
  }
  const pem = authority(found);
  const own = metadata(found, options);
  return {
    apiVersion: "external-secrets.io/v1",
    kind: "ExternalSecret",
    metadata: own,
    spec: {
      refreshInterval: "1m",
      secretStoreRef: { kind, name: store },
      target: {
        name: own.name,
        creationPolicy: "Owner",
        // An authority is public.
        ...(pem === undefined ? {} : { template: { mergePolicy: "Merge", data: { [authorityEntry]: pem } } }),
      },
      data: inPod(found).map(([name]) => ({
        secretKey: name,
        remoteRef: { key: remoteKey, property: propertyOf(name) },
      })),
    },
  };
}

function propertyOf(name: string): string {
  const found = properties[name];
  if (found === undefined) throw new Error(`${name} has no place in the output of --format json`);
  return found;
}

/** As YAML. */
export const manifest = (one: object): string => stringify(one, { lineWidth: 0 });
