// Where the four shared servers are, and the administrator's credentials for them: from the environment, overridden by
// Pulumi configuration, or those of the placement that it names. They are read at call time and never become inputs or outputs of a resource.
import { Problem } from "../../errors/problem.ts";
import {
  defaultPlacement,
  placementEnvironment,
  placementProblem,
  placementsIn,
  placementVariable,
  variablesOf,
} from "./placements.ts";
import { parsePostgresqlList, type PostgresqlAddress } from "./postgresql-list.ts";
import { parseRedisUrl, type RedisLocation } from "./redis-url.ts";
import { stackScope } from "./stack-scope.ts";
import { readAuthority, type Authority } from "./tls.ts";

/** One setting of the shared servers. */
interface Setting {
  /** Environment variable (design: the public interface). */
  readonly env: string;
  /** Key of the Pulumi configuration, in the project's namespace. */
  readonly config: string;
  readonly secret?: true;
  readonly fallback?: string;
  /** True when it may be left out. */
  readonly optional?: true;
  readonly example: string;
}

/** Every setting, by the name the code uses. */
export const settings = {
  minioEndpoint: { env: "MINIO_ENDPOINT", config: "minioEndpoint", example: "http://127.0.0.1:9000" },
  minioUser: { env: "MINIO_ROOT_USER", config: "minioRootUser", example: "admin" },
  minioPassword: { env: "MINIO_ROOT_PASSWORD", config: "minioRootPassword", secret: true, example: "…" },
  pgHost: { env: "PGHOST", config: "pgHost", example: "127.0.0.1" },
  pgPort: { env: "PGPORT", config: "pgPort", fallback: "5432", example: "5432" },
  pgUser: { env: "PGUSER", config: "pgUser", example: "postgres" },
  pgPassword: { env: "PGPASSWORD", config: "pgPassword", secret: true, example: "…" },
  pgSslMode: { env: "PGSSLMODE", config: "pgSslMode", fallback: "verify-full", example: "verify-full" },
  qdrantUrl: { env: "QDRANT_URL", config: "qdrantUrl", example: "http://127.0.0.1:6333" },
  qdrantApiKey: { env: "QDRANT_API_KEY", config: "qdrantApiKey", secret: true, example: "…" },
  qdrantTenantUrl: {
    env: "QDRANT_TENANT_URL",
    config: "qdrantTenantUrl",
    optional: true,
    example: "http://127.0.0.1:6335",
  },
  qdrantTenantGrpcUrl: {
    env: "QDRANT_TENANT_GRPC_URL",
    config: "qdrantTenantGrpcUrl",
    optional: true,
    example: "http://127.0.0.1:6336",
  },
  qdrantGateway: { env: "QDRANT_GATEWAY", config: "qdrantGateway", fallback: "true", example: "true" },
  redisUrl: { env: "REDIS_URL", config: "redisUrl", secret: true, example: "redis://admin:…@127.0.0.1:6379" },
  caFile: { env: "TENANT_CA_FILE", config: "caFile", optional: true, example: "/etc/ssl/stores-ca.pem" },
} as const satisfies Record<string, Setting>;

type SettingName = keyof typeof settings;

/**
 * What decides where an administrator's credential is sent and how it is protected on the way, with the credential. (Redis: one
 * URL is both, but for the authority.) A stack's file is easier to change than the operator's environment: whoever only proposes a change of one must
 * not be able to have the environment's credential sent to a server of theirs.
 */
const destinations: readonly { readonly where: readonly SettingName[]; readonly credential: SettingName }[] = [
  { where: ["minioEndpoint", "caFile"], credential: "minioPassword" },
  { where: ["pgHost", "pgPort", "pgSslMode", "caFile"], credential: "pgPassword" },
  { where: ["qdrantUrl", "caFile"], credential: "qdrantApiKey" },
  { where: ["caFile"], credential: "redisUrl" },
];

/** What belongs to one Qdrant server: the environment's says nothing about a server that the configuration names. */
const aboutQdrant: readonly SettingName[] = ["qdrantTenantUrl", "qdrantTenantGrpcUrl", "qdrantGateway"];

/** What the configuration sends a credential of the environment to: a line each. */
function strayCredentials(config: ConfigLookup): string[] {
  return destinations.flatMap(({ where, credential }) => {
    const keys = where.map((name) => settings[name].config).filter((key) => Boolean(config(key)));
    const { config: key, env } = settings[credential];
    if (keys.length === 0 || Boolean(config(key))) return [];
    return [
      `${keys.join(", ")}: set in the configuration, but not ${key}: ${env} of the environment is for the environment's ` +
        `server and is not sent to another one. Set ${key} beside it (pulumi config set --secret ${key}), or remove ${keys.join(", ")}`,
    ];
  });
}

/**
 * What is wrong with the configuration's settings of the shared servers: those that are not encrypted. Only somebody with the
 * stack's passphrase can write an encrypted one; a proposed change of the file so cannot name a server.
 * @param isEncrypted by key, without the namespace
 */
export function unencryptedSettings(config: ConfigLookup, isEncrypted: (key: string) => boolean): string[] {
  return Object.values<Setting>(settings)
    .filter(({ config: key }) => config(key) !== undefined && !isEncrypted(key))
    .map(
      ({ config: key, env }) =>
        `${key}: says where the administrators' or the tenant's credentials are sent, and is not encrypted: anybody who can ` +
        `change the file could have written it. Use ${env}, or: pulumi config set --secret ${key}`,
    );
}

/** What every server may have. */
interface Trust {
  /** The only authority whose certificates are accepted; left out: those that Node.js knows. */
  readonly ca?: Authority;
}

/** The shared servers as an administrator reaches them. */
export interface Servers {
  readonly minio: Trust & { readonly endpoint: URL; readonly user: string; readonly password: string };
  readonly postgresql: Trust & {
    /** The server; of a primary and its standbys, the one that is named first, whichever of them it is. */
    readonly host: string;
    readonly port: number;
    /** The primary and its standbys, in no order that says which is which, when several are named. */
    readonly nodes?: readonly PostgresqlAddress[];
    readonly user: string;
    readonly password: string;
    /** libpq's words: disable, require, verify-ca, verify-full. */
    readonly sslMode: string;
  };
  readonly qdrant: Trust & {
    /** The server; of a cluster, the node that is named first. */
    readonly url: URL;
    /** The nodes of a cluster, `url` among them, when several are named: any of them will do. */
    readonly nodes?: readonly URL[];
    readonly apiKey: string;
    /** Where tenants reach it: the gateway's URL. The server's own where there is none. */
    readonly tenantUrl: URL;
    /** Where tenants reach gRPC; undefined where it is not offered. */
    readonly tenantGrpcUrl: URL | undefined;
    /** False: the operator accepts that tenants reach what a gateway would close. */
    readonly gateway: boolean;
  };
  readonly redis: Trust & RedisLocation;
}

/** Looks a configuration key up, without its namespace; undefined when it is not set. */
export type ConfigLookup = (key: string) => string | undefined;

/** What a plugin was configured with; the program reads its environment instead. */
let pluginConfig: ConfigLookup | undefined;

/** Tells a plugin's process the configuration: the engine sends it by a call, not by the environment. */
export function usePluginConfig(config: ConfigLookup): void {
  pluginConfig = config;
}

/** The project's configuration, as the engine hands it to the program or to the plugin this process is. */
export function engineConfig(env: NodeJS.ProcessEnv = process.env): ConfigLookup {
  if (pluginConfig !== undefined) return pluginConfig;
  const scope = stackScope();
  const all = JSON.parse((scope === undefined ? env["PULUMI_CONFIG"] : scope.config) || "{}") as Record<string, string>;
  return (key) => all[`tenant-storage:${key}`];
}

/** The variables that say of a placement what the settings say. */
export const serverVariables: readonly string[] = [...Object.values(settings).map(({ env }) => env), "PGSSLROOTCERT"];

/** Where the tenant lives that this is about: `default`, or a name that the operator's environment knows. */
export const currentPlacement = (config: ConfigLookup = engineConfig()): string =>
  config("placement") || defaultPlacement;

/** A setting that the configuration overrides. */
export interface ConfiguredSetting {
  /** Key of the configuration. */
  readonly key: string;
  /** Environment variable. */
  readonly env: string;
  readonly value: string;
  readonly secret: boolean;
}

/** The settings that the configuration overrides: for processes that do not see the configuration themselves. */
export function configuredSettings(config: ConfigLookup = engineConfig()): ConfiguredSetting[] {
  const found = Object.values<Setting>(settings).flatMap(({ env, config: key, secret = false }) => {
    const value = config(key);
    return value === undefined ? [] : [{ key, env, value, secret }];
  });
  const value = currentPlacement(config);
  // The default one is nothing to be said: stacks of before there were placements say nothing either.
  return value === defaultPlacement
    ? found
    : [...found, { key: "placement", env: "TENANT_PLACEMENT", value, secret: false }];
}

/**
 * The shared servers that the tenant lives on: those of its placement.
 * @throws Error naming every setting that is missing or malformed, at once, and the command that helps.
 */
export function servers(env: NodeJS.ProcessEnv = process.env, config: ConfigLookup = engineConfig(env)): Servers {
  const placement = currentPlacement(config);
  return placement === defaultPlacement ? serversIn(env, config) : placedServers(placement, env, config);
}

/** The shared servers of the default placement: the platform database is there, for tenants of all placements. */
export const platformServers = (
  env: NodeJS.ProcessEnv = process.env,
  config: ConfigLookup = engineConfig(env),
): Servers => serversIn(env, config);

/** Nothing is inherited from the default placement: the credential of one server is not sent to another. */
function placedServers(placement: string, env: NodeJS.ProcessEnv, config: ConfigLookup): Servers {
  const wrong = placementProblem(placement);
  if (wrong !== undefined) throw new Problem("servers-invalid", `placement ${JSON.stringify(placement)}: ${wrong}`);
  const own = Object.values(settings).flatMap(({ config: key }) => (config(key) === undefined ? [] : [key]));
  if (own.length > 0) {
    throw new Problem(
      "servers-invalid",
      `The configuration names servers of its own (${own.join(", ")}) and the placement ${placement}: a tenant lives on one of them. ` +
        `Remove one: pulumi config rm KEY`,
    );
  }
  const variables = placementEnvironment(placement, serverVariables, env);
  if (Object.keys(variables).length === 0) {
    const known = [defaultPlacement, ...placementsIn(serverVariables, env)].join(", ");
    throw new Problem(
      "placement-unknown",
      `There is no placement ${placement} here: neither a variable ${placementVariable(placement, "PGHOST")} nor any other of its own. ` +
        `Known: ${known}. Name its servers in the file of TENANT_PLACEMENTS_FILE, then: npm run tenant -- placements`,
    );
  }
  return serversIn(variables, () => undefined, placement);
}

function serversIn(env: NodeJS.ProcessEnv, config: ConfigLookup, placement = defaultPlacement): Servers {
  const problems: string[] = strayCredentials(config);
  const value = (name: SettingName): string => {
    const setting: Setting = settings[name];
    const elsewhere = aboutQdrant.includes(name) && Boolean(config(settings.qdrantUrl.config));
    const found = config(setting.config) || (elsewhere ? undefined : env[setting.env]) || setting.fallback;
    if (found === undefined && !setting.optional) {
      problems.push(`${setting.env} is not set (for example ${setting.example}; or configuration ${setting.config})`);
    }
    return found ?? "";
  };
  const url = (name: SettingName, protocols: readonly string[], given = value(name)): URL => {
    try {
      const parsed = new URL(given);
      if (protocols.includes(parsed.protocol)) return parsed;
    } catch {
      // Reported below, without the value: it may hold a password.
    }
    if (given !== "") {
      problems.push(
        `${settings[name].env} is not a URL starting with ${protocols.map((p) => `${p}//`).join(" or ")} (for example ${settings[name].example})`,
      );
    }
    return new URL("http://unset.invalid");
  };
  const optionalUrl = (name: SettingName, protocols: readonly string[]): URL | undefined =>
    value(name) === "" ? undefined : url(name, protocols);
  const http = ["http:", "https:"];
  // Nodes of a cluster are separated by commas.
  const qdrantNodes = value("qdrantUrl")
    .split(",")
    .map((one) => url("qdrantUrl", http, one.trim()));
  const [qdrantUrl = new URL("http://unset.invalid")] = qdrantNodes;
  const qdrantTenantUrl = optionalUrl("qdrantTenantUrl", http);
  if (qdrantNodes.length > 1 && qdrantTenantUrl === undefined) {
    problems.push(
      `QDRANT_URL names ${qdrantNodes.length} nodes, and QDRANT_TENANT_URL none: tenants are told one URL, that of the gateway ` +
        `in front of all nodes (for example ${settings.qdrantTenantUrl.example})`,
    );
  }
  if (new Set(qdrantNodes.map(({ protocol }) => protocol)).size > 1) {
    problems.push("QDRANT_URL must say http:// or https:// for all nodes alike");
  }
  const gateway = value("qdrantGateway");
  if (gateway !== "true" && gateway !== "false") problems.push("QDRANT_GATEWAY must be true or false");
  const redis = (): RedisLocation => {
    const given = value("redisUrl");
    try {
      if (given !== "") return parseRedisUrl(given);
    } catch (error) {
      problems.push(`${settings.redisUrl.env} ${(error as Error).message}`);
    }
    return { url: new URL("http://unset.invalid"), addresses: [{ host: "unset.invalid", port: 0 }] };
  };
  const trust = (setting: string, file: string | undefined): Trust => {
    if (!file) return {};
    try {
      return { ca: readAuthority(setting, file) };
    } catch (error) {
      problems.push((error as Error).message);
      return {};
    }
  };
  const all = trust("TENANT_CA_FILE", value("caFile"));
  // libpq's own variable; `system` are the authorities of the machine.
  const rootCert = env["PGSSLROOTCERT"];
  const database = parsePostgresqlList(value("pgHost"), value("pgPort"));
  problems.push(...database.problems);
  const [{ host, port } = { host: "", port: 0 }] = database.addresses;
  const found: Servers = {
    minio: {
      endpoint: url("minioEndpoint", http),
      user: value("minioUser"),
      password: value("minioPassword"),
      ...all,
    },
    postgresql: {
      host,
      port,
      ...(database.addresses.length > 1 && { nodes: database.addresses }),
      user: value("pgUser"),
      password: value("pgPassword"),
      sslMode: value("pgSslMode"),
      ...(rootCert ? trust("PGSSLROOTCERT", rootCert === "system" ? undefined : rootCert) : all),
    },
    qdrant: {
      url: qdrantUrl,
      ...(qdrantNodes.length > 1 && { nodes: qdrantNodes }),
      apiKey: value("qdrantApiKey"),
      tenantUrl: qdrantTenantUrl ?? qdrantUrl,
      tenantGrpcUrl: optionalUrl("qdrantTenantGrpcUrl", http),
      gateway: gateway === "true",
      ...all,
    },
    redis: { ...redis(), ...all },
  };
  if (problems.length > 0) {
    const [which, help] =
      placement === defaultPlacement
        ? ["The shared servers", `For the local stores: npm run stores -- start && eval "$(npm run -s env)"`]
        : [
            `The servers of placement ${placement}`,
            `Name them in the file of TENANT_PLACEMENTS_FILE, or by variables that begin with ${variablesOf(placement)}. ` +
              `Nothing is taken from another placement`,
          ];
    throw new Problem(
      "servers-invalid",
      `${which} are not fully configured:\n${problems.map((p) => `  - ${p}`).join("\n")}\n${help}`,
    );
  }
  return found;
}
