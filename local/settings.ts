// Which stores there are, where their data lies and on which ports they listen.
import { join, resolve } from "node:path";
import { Problem } from "../errors/problem.ts";
import { clusterDir, localDir, storesDir } from "../toolchain/paths.ts";

export const storeNames = ["minio", "postgresql", "qdrant", "gateway", "redis"] as const;
/** The servers of the stores as clusters: those that are first have the stores' names. */
export const clusterNames = [
  ...["minio", "minio-2", "minio-3", "minio-4"],
  ...["postgresql", "postgresql-2"],
  ...["qdrant", "qdrant-2", "qdrant-3", "gateway"],
  ...["redis", "redis-2", "redis-3", "redis-4", "redis-5", "redis-6"],
] as const;
export type StoreName = (typeof clusterNames)[number];

/** TCP ports on the loopback address. */
export interface Ports {
  readonly minio: number;
  readonly postgresql: number;
  readonly qdrant: number;
  readonly qdrantGrpc: number;
  /** Where tenants reach Qdrant. */
  readonly gateway: number;
  readonly gatewayGrpc: number;
  readonly redis: number;
}

/** Where the servers of a store are beside the first one, and what they tell each other. */
export const nodePorts = {
  /** S3, for clients and for each other. */
  minio: ({ minio }: Ports, node: number) => minio + node - 1,
  postgresql: ({ postgresql }: Ports, node: number) => postgresql + node - 1,
  /** REST, gRPC and the nodes' own port. */
  qdrant: ({ qdrant }: Ports, node: number) => {
    const rest = qdrant + 3 * (node - 1);
    return { rest, grpc: rest + 1, peers: rest + 2 };
  },
  /** What clients use, and the nodes' own bus. */
  redis: ({ redis }: Ports, node: number) => ({ clients: redis + node - 1, bus: redis + node + 9 }),
} as const;

/** Where the balancer in front of the MinIO nodes listens: behind the ports of the four. */
export const balancerPort = ({ minio }: Ports): number => minio + 4;

/** One set of stores. Every function of `local/` takes these and fills in what is left out. */
export interface StoresOptions {
  /** The set whose stores are clusters of several servers. @default one server each */
  readonly cluster?: boolean;
  /** Data, logs, credentials, process records. @default `storesDir` or `clusterDir` of toolchain/paths.ts */
  readonly dir?: string;
  /** @default `portsAt()` or `clusterPortsAt()` */
  readonly ports?: Ports;
  /** Only these stores. @default all */
  readonly only?: readonly StoreName[];
  /** What `startStores` makes them speak from now on: TLS and nothing else, or no TLS. @default what they spoke before */
  readonly tls?: boolean;
}

/** The options, filled in. */
export interface Settings {
  readonly cluster: boolean;
  readonly dir: string;
  readonly ports: Ports;
  readonly only: readonly StoreName[];
  readonly tls?: boolean;
}

/**
 * The default ports, shifted, so that two sets of stores run side by side.
 * @param offset @default TENANT_STORES_PORT_OFFSET, or 0
 * Throws when a port would leave 1024–65535.
 */
export function portsAt(offset: number = offsetFromEnvironment()): Ports {
  checkOffset(offset, -14408, 46535);
  return {
    minio: 19000 + offset,
    postgresql: 15432 + offset,
    qdrant: 16333 + offset,
    qdrantGrpc: 16334 + offset,
    gateway: 16335 + offset,
    gatewayGrpc: 16336 + offset,
    redis: 16379 + offset,
  };
}

/**
 * The same for the stores as clusters: 64 ports from 12000 on, below those that the system gives to outgoing connections.
 * @param offset @default TENANT_STORES_PORT_OFFSET, or 0
 */
export function clusterPortsAt(offset: number = offsetFromEnvironment()): Ports {
  checkOffset(offset, -10976, 53471);
  return {
    minio: 12000 + offset,
    postgresql: 12010 + offset,
    qdrant: 12020 + offset,
    qdrantGrpc: 12021 + offset,
    gateway: 12035 + offset,
    gatewayGrpc: 12036 + offset,
    redis: 12040 + offset,
  };
}

function checkOffset(offset: number, least: number, most: number): void {
  if (Number.isInteger(offset) && offset >= least && offset <= most) return;
  throw new Problem(
    "setup-failed",
    `the port offset must be a whole number from ${least} to ${most}, not ${process.env["TENANT_STORES_PORT_OFFSET"] ?? offset}: set TENANT_STORES_PORT_OFFSET to, for example, 1000`,
  );
}

function offsetFromEnvironment(): number {
  const text = process.env["TENANT_STORES_PORT_OFFSET"]?.trim() ?? "";
  // Number("") is 0 and Number("1e3") is 1000: only plain digits are what somebody meant.
  return text === "" ? 0 : /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
}

export function settingsOf(options: StoresOptions = {}): Settings {
  const { cluster = false } = options;
  return {
    cluster,
    dir: resolve(options.dir ?? (cluster ? clusterDir : storesDir)),
    ports: options.ports ?? (cluster ? clusterPortsAt() : portsAt()),
    only: options.only ?? (cluster ? clusterNames : storeNames),
    ...(options.tls !== undefined && { tls: options.tls }),
  };
}

/**
 * Pulumi's state for these stores. It belongs to them: state that describes tenants of other stores is worse than
 * none, so stores in a folder of their own (the tests') have a state of their own.
 */
export function stateDir(dir: string): string {
  return dir === join(localDir, "stores") ? join(localDir, "state") : join(dir, "state");
}
