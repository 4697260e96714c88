// A tenant's Qdrant collection and the registration of its token (plan, section 4).
import { ComponentResource, type ComponentResourceOptions, type Input } from "@pulumi/pulumi";
import { QdrantAccess } from "../providers/qdrant-access.ts";
import { QdrantCollection, type QdrantCollectionInputs } from "../providers/qdrant-collection.ts";
import type { TenantNames } from "./names.ts";

export interface VectorStoreArgs {
  readonly names: TenantNames;
  /** Dimensions. */
  readonly vectorSize: number;
  readonly distance: QdrantCollectionInputs["distance"];
  readonly payloadIndexes: Readonly<Record<string, string>>;
  readonly layout: VectorLayout;
  readonly limits: VectorLimits;
  /** The id of the token that may use the collection. */
  readonly jti: Input<string>;
  /** The token is void until it is not. */
  readonly suspended: boolean;
}

/** How the collection lies on the nodes of a cluster. On a single server: all 1, or more shards. */
export interface VectorLayout {
  /** Parts it is cut into; only an empty collection is cut anew. */
  readonly qdrantShards: number;
  /** Nodes that have a copy of each part. */
  readonly qdrantReplicas: number;
  /** Copies that must have taken a write before it is answered. */
  readonly qdrantWriteConsistency: number;
}

/** What is not the default: a tenant on a single server is told nothing of clusters. */
function layoutInputs({ qdrantShards, qdrantReplicas, qdrantWriteConsistency }: VectorLayout) {
  return {
    ...(qdrantShards > 1 && { shards: qdrantShards }),
    ...(qdrantReplicas > 1 && { replicas: qdrantReplicas }),
    ...(qdrantWriteConsistency > 1 && { writeConsistency: qdrantWriteConsistency }),
  };
}

/** What a tenant may put into its collection and ask of it. 0 is no limit. */
export interface VectorLimits {
  readonly qdrantMaxPoints: number;
  /** Bytes of vectors, and as many of payload. */
  readonly qdrantQuota: number;
  /** Searches; one by one, also those of a batch. */
  readonly qdrantReadsPerMinute: number;
  /** Points. */
  readonly qdrantWritesPerMinute: number;
  /** Lets filters use fields without an index: each reads every payload. */
  readonly qdrantUnindexedFilters: boolean;
}

/** What requests may cost, so that a tenant's mistake is not everybody's (Qdrant, "strict mode"). */
export function strictMode(limits: VectorLimits): Record<string, number | boolean> {
  // A field that was once set cannot be unset: no limit is a high one.
  const orHighest = (limit: number): number => (limit === 0 ? 4_294_967_295 : limit);
  const bytes = limits.qdrantQuota === 0 ? Number.MAX_SAFE_INTEGER : limits.qdrantQuota;
  return {
    enabled: true,
    /** Points one query may return. */
    max_query_limit: 1000,
    /** Seconds. */
    max_timeout: 60,
    search_max_hnsw_ef: 1024,
    search_max_oversampling: 10,
    filter_max_conditions: 100,
    condition_max_size: 1000,
    unindexed_filtering_retrieve: limits.qdrantUnindexedFilters,
    unindexed_filtering_update: limits.qdrantUnindexedFilters,
    // The server counts at every 32nd write: a quota is exceeded by 31 requests at most, each of so many points.
    upsert_max_batchsize: 1000,
    max_points_count: orHighest(limits.qdrantMaxPoints),
    max_collection_vector_size_bytes: bytes,
    max_collection_payload_size_bytes: bytes,
    read_rate_limit: orHighest(limits.qdrantReadsPerMinute),
    write_rate_limit: orHighest(limits.qdrantWritesPerMinute),
  };
}

/** Collection and access. */
export class VectorStore extends ComponentResource {
  constructor(name: string, args: VectorStoreArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:VectorStore", name, {}, opts);
    const { names, vectorSize, distance, payloadIndexes, layout, limits } = args;
    const child = { parent: this };
    const collection = new QdrantCollection(
      name,
      {
        ...{ collection: names.collection, vectorSize, distance, payloadIndexes },
        strictMode: strictMode(limits),
        ...layoutInputs(layout),
      },
      child,
    );
    new QdrantAccess(
      name,
      { tenant: names.id, jti: args.jti, enabled: !args.suspended },
      { ...child, dependsOn: [collection] },
    );
    this.registerOutputs();
  }
}
