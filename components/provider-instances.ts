// The explicit instances of the native providers. Credentials reach them by environment, not as inputs: inputs would be
// kept in every tenant's state.
import * as minio from "@pulumi/minio";
import * as postgresql from "@pulumi/postgresql";
import { secret } from "@pulumi/pulumi";
import { findPrimary } from "../providers/clients/postgresql.ts";
import { engineConfig, servers, settings } from "../providers/clients/servers.ts";

/** One instance of each native provider, for the shared servers. */
export interface NativeProviders {
  readonly minio: minio.Provider;
  readonly postgresql: postgresql.Provider;
}

/** Makes them. Credentials that are set in the configuration (not the environment) become secret inputs. */
export function nativeProviders(): NativeProviders {
  const config = engineConfig();
  const { minio: store, postgresql: database } = servers();
  const configured = (key: keyof typeof settings) => {
    const value = config(settings[key].config);
    return value === undefined ? undefined : secret(value);
  };
  const minioUser = configured("minioUser");
  const minioPassword = configured("minioPassword");
  const username = configured("pgUser");
  const password = configured("pgPassword");
  // Named by the environment, the authority's file reaches them by it: a path differs from machine to machine.
  const caFile = configured("caFile");
  const rootCert = process.env["PGSSLROOTCERT"];
  // It takes one server: of several the one that accepts writes now.
  const primary = database.nodes === undefined ? undefined : findPrimary();
  return {
    minio: new minio.Provider(
      "minio",
      {
        minioServer: store.endpoint.host,
        minioSsl: store.endpoint.protocol === "https:",
        ...(minioUser === undefined ? {} : { minioUser }),
        ...(minioPassword === undefined ? {} : { minioPassword }),
        ...(caFile === undefined ? {} : { minioCacertFile: caFile }),
      },
      {
        envVarMappings: {
          MINIO_ROOT_USER: "MINIO_USER",
          MINIO_ROOT_PASSWORD: "MINIO_PASSWORD",
          TENANT_CA_FILE: "MINIO_CACERT_FILE",
        },
      },
    ),
    postgresql: new postgresql.Provider(
      "postgresql",
      {
        host: primary?.then(({ host }) => host) ?? database.host,
        port: primary?.then(({ port }) => port) ?? database.port,
        sslmode: database.sslMode,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(caFile === undefined || rootCert ? {} : { sslrootcert: caFile }),
      },
      rootCert ? {} : { envVarMappings: { TENANT_CA_FILE: "PGSSLROOTCERT" } },
    ),
  };
}
