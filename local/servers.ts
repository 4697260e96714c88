// The servers of both sets of stores: one server each, and clusters.
import { clusterGateway, gateway } from "./gateway.ts";
import { minio, minioNodes } from "./minio.ts";
import { postgresql } from "./postgresql.ts";
import { postgresqlNodes } from "./postgresql-pair.ts";
import { qdrant, qdrantNodes } from "./qdrant.ts";
import { redis, redisNodes } from "./redis.ts";
import type { Settings, StoreName } from "./settings.ts";
import type { Store } from "./store.ts";

/** One server each. */
export const single = { minio, postgresql, qdrant, gateway, redis };
/** Those that are first have the stores' names. */
export const clusters = {
  ...minioNodes,
  ...postgresqlNodes,
  ...redisNodes,
  ...qdrantNodes,
  gateway: clusterGateway,
} satisfies Record<StoreName, Store>;

/** By name, those of the set. */
export const storesOf = ({ cluster }: Pick<Settings, "cluster">): Partial<Record<StoreName, Store>> =>
  cluster ? clusters : single;
