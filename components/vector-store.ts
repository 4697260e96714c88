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
  /** The id of the token that may use the collection. */
  readonly jti: Input<string>;
}

/** What one request may cost, so that a tenant's mistake is not everybody's (Qdrant, "strict mode"). */
export const strictMode = {
  enabled: true,
  /** Points one query may return. */
  max_query_limit: 10_000,
  /** Seconds. */
  max_timeout: 60,
  search_max_hnsw_ef: 1024,
  upsert_max_batchsize: 10_000,
} as const;

/** Collection and access. */
export class VectorStore extends ComponentResource {
  constructor(name: string, args: VectorStoreArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:VectorStore", name, {}, opts);
    const { names, vectorSize, distance, payloadIndexes } = args;
    const child = { parent: this };
    const collection = new QdrantCollection(
      name,
      { collection: names.collection, vectorSize, distance, strictMode: { ...strictMode }, payloadIndexes },
      child,
    );
    new QdrantAccess(name, { tenant: names.id, jti: args.jti }, { ...child, dependsOn: [collection] });
    this.registerOutputs();
  }
}
