// A Qdrant collection (plan, section 4.1) with limits on what one request may cost.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import type { QdrantClient, Schemas } from "@qdrant/js-client-rest";
import { httpStatus, qdrantClient } from "./clients/qdrant.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface QdrantCollectionInputs {
  readonly collection: string;
  /** Dimensions. */
  readonly vectorSize: number;
  readonly distance: "Cosine" | "Dot" | "Euclid" | "Manhattan";
  /** Qdrant's strict mode; a field that was once set is changed, not unset (the server ignores null). */
  readonly strictMode: Readonly<Record<string, number | boolean>>;
  /** Payload indexes by field, such as `{ document_id: "keyword" }`: the tenant's token may not create them. */
  readonly payloadIndexes: Readonly<Record<string, string>>;
}

async function find(client: QdrantClient, collection: string): Promise<Schemas["CollectionInfo"] | undefined> {
  try {
    return await client.getCollection(collection);
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw error;
  }
}

function describeFound(inputs: QdrantCollectionInputs, info: Schemas["CollectionInfo"]): QdrantCollectionInputs {
  const vectors = info.config.params.vectors as { size?: number; distance?: string } | undefined;
  const strict = (info.config.strict_mode_config ?? {}) as Record<string, number | boolean | null>;
  return {
    collection: inputs.collection,
    vectorSize: vectors?.size ?? 0,
    distance: (vectors?.distance ?? "unknown") as QdrantCollectionInputs["distance"],
    strictMode: Object.fromEntries(
      Object.keys(inputs.strictMode).flatMap((key) => {
        const value = strict[key];
        return value === undefined || value === null ? [] : [[key, value]];
      }),
    ),
    payloadIndexes: Object.fromEntries(
      Object.entries(info.payload_schema).flatMap(([field, schema]) => (schema ? [[field, schema.data_type]] : [])),
    ),
  };
}

async function createCollection(client: QdrantClient, desired: QdrantCollectionInputs): Promise<void> {
  await client.createCollection(desired.collection, {
    vectors: { size: desired.vectorSize, distance: desired.distance },
    strict_mode_config: desired.strictMode,
  });
}

async function syncIndexes(
  client: QdrantClient,
  { collection, payloadIndexes }: QdrantCollectionInputs,
  found: Readonly<Record<string, string>>,
): Promise<void> {
  for (const field of Object.keys(found)) {
    if (found[field] !== payloadIndexes[field]) await client.deletePayloadIndex(collection, field, { wait: true });
  }
  for (const [field, type] of Object.entries(payloadIndexes)) {
    if (found[field] === type) continue;
    const schema = type as Schemas["PayloadSchemaType"];
    await client.createPayloadIndex(collection, { field_name: field, field_schema: schema, wait: true });
  }
}

export const provider = dynamicProvider<QdrantCollectionInputs, QdrantCollectionInputs>({
  describe: ({ collection }) => `Qdrant collection ${collection}`,
  id: ({ collection }) => collection,
  inputs: {
    collection: "replace",
    vectorSize: "update",
    distance: "update",
    strictMode: "update",
    payloadIndexes: "update",
  },
  adopts: true,
  async ensure(desired) {
    const client = await qdrantClient(servers());
    const info = await find(client, desired.collection);
    if (info === undefined) {
      await createCollection(client, desired);
      await syncIndexes(client, desired, {});
      return desired;
    }
    const found = describeFound(desired, info);
    if (found.vectorSize !== desired.vectorSize || found.distance !== desired.distance) {
      // Vectors cannot be converted: only an empty collection is made anew.
      if ((info.points_count ?? 0) > 0) {
        throw new Error(
          `it holds ${info.points_count} points of ${found.vectorSize} dimensions (${found.distance}) and cannot become ` +
            `${desired.vectorSize} (${desired.distance}): set qdrantVectorSize and qdrantDistance back, or empty it first`,
        );
      }
      await client.deleteCollection(desired.collection);
      await createCollection(client, desired);
      await syncIndexes(client, desired, {});
      return desired;
    }
    await client.updateCollection(desired.collection, { strict_mode_config: desired.strictMode });
    await syncIndexes(client, desired, found.payloadIndexes);
    return desired;
  },
  async observe(recorded) {
    const info = await find(await qdrantClient(servers()), recorded.collection);
    return info === undefined ? undefined : describeFound(recorded, info);
  },
  async remove({ collection }) {
    // Deleting an absent collection succeeds (the answer is false).
    await (await qdrantClient(servers())).deleteCollection(collection);
  },
});

/** A collection of vectors. */
export class QdrantCollection extends DynamicResource {
  constructor(
    name: string,
    args: { [K in keyof QdrantCollectionInputs]: Input<QdrantCollectionInputs[K]> },
    opts?: CustomResourceOptions,
  ) {
    super("QdrantCollection", "qdrant-collection", name, args, opts);
  }
}
