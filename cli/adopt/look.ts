// What there is of a tenant that somebody else made, asked of every store before an adoption. Reads only.
import type { TenantNames } from "../../components/names.ts";
import { existingOf, type Existing } from "../../providers/clients/existing.ts";
import type { Credentials } from "../../providers/clients/credentials.ts";
import type { Servers } from "../../providers/clients/servers.ts";
import { lookAtMinio } from "./minio.ts";
import { lookAtPostgresql } from "./postgresql.ts";
import { lookAtQdrant } from "./qdrant.ts";
import { lookAtRedis } from "./redis.ts";

export type Store = "minio" | "postgresql" | "qdrant" | "redis";

/** What one store has. */
export interface StoreLook {
  /** What is taken over: `bucket tenant-acme-bucket, 3 objects (1200 bytes)`. */
  readonly found: readonly string[];
  /** What the first update will make. */
  readonly missing: readonly string[];
  /** What cannot be taken over as it is, and what to do. */
  readonly problems: readonly string[];
  /** What somebody should know, and nothing has to be done about. */
  readonly notes: readonly string[];
  /** Settings for the tenant's stack file, so that what exists is kept. */
  readonly settings: Readonly<Record<string, unknown>>;
}

/** Everything an adoption rests on. */
export interface Look {
  readonly existing: Existing;
  readonly stores: Readonly<Record<Store, StoreLook>>;
  /** Networks that pg_hba.conf lets the tenant in from. */
  readonly networks: readonly string[];
}

/** What a store is asked with. */
export interface LookAt {
  readonly names: TenantNames;
  readonly servers: Servers;
  readonly existing: Existing;
  /** The tenant's own; undefined when they are lost. */
  readonly credentials: Credentials | undefined;
}

/** Asks every store. @throws Error when one does not answer */
export async function look(names: TenantNames, servers: Servers, credentials: Credentials | undefined): Promise<Look> {
  const existing = await existingOf(names, servers);
  const at: LookAt = { names, servers, existing, credentials };
  const [minio, { networks, ...postgresql }, qdrant, redis] = await Promise.all([
    lookAtMinio(at),
    lookAtPostgresql(at),
    lookAtQdrant(at),
    lookAtRedis(at),
  ]);
  return { existing, stores: { minio, postgresql, qdrant, redis }, networks };
}
