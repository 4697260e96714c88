// Which stores there are, where their data lies and on which ports they listen.
import { join, resolve } from "node:path";
import { Problem } from "../errors/problem.ts";
import { localDir, storesDir } from "../toolchain/paths.ts";

export const storeNames = ["minio", "postgresql", "qdrant", "gateway", "redis"] as const;
export type StoreName = (typeof storeNames)[number];

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

/** One set of stores. Every function of `local/` takes these and fills in what is left out. */
export interface StoresOptions {
  /** Data, logs, credentials, process records. @default `storesDir` of toolchain/paths.ts */
  readonly dir?: string;
  /** @default `portsAt()` */
  readonly ports?: Ports;
  /** Only these stores. @default all */
  readonly only?: readonly StoreName[];
  /** What `startStores` makes them speak from now on: TLS and nothing else, or no TLS. @default what they spoke before */
  readonly tls?: boolean;
}

/** The options, filled in. */
export interface Settings {
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
  if (!Number.isInteger(offset) || 15432 + offset < 1024 || 19000 + offset > 65535) {
    throw new Problem(
      "setup-failed",
      `the port offset must be a whole number from -14408 to 46535, not ${process.env["TENANT_STORES_PORT_OFFSET"] ?? offset}: set TENANT_STORES_PORT_OFFSET to, for example, 1000`,
    );
  }
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

function offsetFromEnvironment(): number {
  const text = process.env["TENANT_STORES_PORT_OFFSET"]?.trim() ?? "";
  // Number("") is 0 and Number("1e3") is 1000: only plain digits are what somebody meant.
  return text === "" ? 0 : /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
}

export function settingsOf(options: StoresOptions = {}): Settings {
  return {
    dir: resolve(options.dir ?? storesDir),
    ports: options.ports ?? portsAt(),
    only: options.only ?? storeNames,
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
