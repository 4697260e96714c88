// The explicit instances of the native providers. Credentials reach them by environment, not as inputs: inputs would be
// kept in every tenant's state.
import * as minio from "@pulumi/minio";
import * as postgresql from "@pulumi/postgresql";
import { secret } from "@pulumi/pulumi";
import { defaultPlacement, placementVariable } from "../providers/clients/placements.ts";
import { findPrimary } from "../providers/clients/postgresql.ts";
import { currentPlacement, engineConfig, servers, settings } from "../providers/clients/servers.ts";

/** One instance of each native provider, for the shared servers. */
export interface NativeProviders {
  readonly minio: minio.Provider;
  readonly postgresql: postgresql.Provider;
}

/** Makes them. Credentials that are set in the configuration (not the environment) become secret inputs. */
export function nativeProviders(): NativeProviders {
  const config = engineConfig();
  const placement = currentPlacement(config);
  // By another name on another placement: a file that is changed to it, and refused for that, leaves the recorded ones alone.
  const name = (plugin: string) => (placement === defaultPlacement ? plugin : `${plugin}-${placement}`);
  const variable = (of: string) => placementVariable(placement, of);
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
  const rootCert = process.env[variable("PGSSLROOTCERT")];
  // It takes one server: of several the one that accepts writes now.
  const primary = database.nodes === undefined ? undefined : findPrimary();
  return {
    minio: new minio.Provider(
      name("minio"),
      {
        minioServer: store.endpoint.host,
        minioSsl: store.endpoint.protocol === "https:",
        ...(minioUser === undefined ? {} : { minioUser }),
        ...(minioPassword === undefined ? {} : { minioPassword }),
        ...(caFile === undefined ? {} : { minioCacertFile: caFile }),
      },
      {
        envVarMappings: {
          [variable("MINIO_ROOT_USER")]: "MINIO_USER",
          [variable("MINIO_ROOT_PASSWORD")]: "MINIO_PASSWORD",
          [variable("TENANT_CA_FILE")]: "MINIO_CACERT_FILE",
        },
      },
    ),
    postgresql: new postgresql.Provider(
      name("postgresql"),
      {
        host: primary?.then(({ host }) => host) ?? database.host,
        port: primary?.then(({ port }) => port) ?? database.port,
        sslmode: database.sslMode,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...(caFile === undefined || rootCert ? {} : { sslrootcert: caFile }),
      },
      { envVarMappings: postgresqlVariables(placement, Boolean(rootCert)) },
    ),
  };
}

/** Where the plugin finds what is no input: by libpq's own names, as the default placement's variables are called already. */
function postgresqlVariables(placement: string, rootCert: boolean): Record<string, string> {
  const authority = { [placementVariable(placement, rootCert ? "PGSSLROOTCERT" : "TENANT_CA_FILE")]: "PGSSLROOTCERT" };
  if (placement === defaultPlacement) return rootCert ? {} : authority;
  return {
    [placementVariable(placement, "PGUSER")]: "PGUSER",
    [placementVariable(placement, "PGPASSWORD")]: "PGPASSWORD",
    ...authority,
  };
}
