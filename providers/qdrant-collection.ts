// A Qdrant collection (plan, section 4.1) with limits on what one request may cost.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import type { QdrantClient, Schemas } from "@qdrant/js-client-rest";
import { aliasesOf, configDifferences, configOf, removeAliases, restoreConfig } from "./clients/collection-config.ts";
import {
  foundReplicas,
  peersOf,
  replicationFactor,
  syncReplicas,
  onAllPeers,
  type Replicas,
} from "./clients/qdrant-replicas.ts";
import { httpStatus, qdrantClient } from "./clients/qdrant.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";
import { isDeepStrictEqual } from "node:util";

export interface QdrantCollectionInputs {
  readonly collection: string;
  /** Dimensions. */
  readonly vectorSize: number;
  readonly distance: "Cosine" | "Dot" | "Euclid" | "Manhattan";
  /** Qdrant's strict mode; a field that was once set is changed, not unset (the server ignores null). */
  readonly strictMode: Readonly<Record<string, number | boolean>>;
  /** Payload indexes by field, such as `{ document_id: "keyword" }`: the tenant's token may not create them. */
  readonly payloadIndexes: Readonly<Record<string, string>>;
  /** Parts it is cut into, for the nodes of a cluster. Never given as 1. @default 1 */
  readonly shards?: number;
  /** Nodes that have a copy of each part. Never given as 1. @default 1 */
  readonly replicas?: Replicas;
  /** Copies that must have taken a write before it is answered. Never given as 1. @default 1 */
  readonly writeConsistency?: number;
}

interface QdrantCollectionState extends QdrantCollectionInputs {
  /** What the server chose when the collection was made (clients/collection-config.ts). Unset in the state of an older version. */
  readonly config?: string;
}

async function find(client: QdrantClient, collection: string): Promise<Schemas["CollectionInfo"] | undefined> {
  try {
    return await client.getCollection(collection);
  } catch (error) {
    if (httpStatus(error) === 404) return undefined;
    throw error;
  }
}

/** What is there, in the words of the inputs; how many copies there are is asked apart. */
function describeFound(inputs: QdrantCollectionInputs, info: Schemas["CollectionInfo"]): QdrantCollectionInputs {
  const { vectors: any, shard_number: shards = 1, write_consistency_factor: writeConsistency = 1 } = info.config.params;
  const vectors = any as { size?: number; distance?: string } | undefined;
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
    ...(shards !== 1 && { shards }),
    ...(writeConsistency !== 1 && { writeConsistency }),
  };
}

/** The inputs that only a new collection can be given, by the setting that gives them. */
function fixed({ vectorSize, distance, shards = 1 }: Partial<QdrantCollectionInputs>) {
  return { qdrantVectorSize: vectorSize, qdrantDistance: distance, qdrantShards: shards };
}

/** Why the collection cannot become what is desired; undefined when it can: it is that already, or it is empty. */
function immutableProblem(desired: QdrantCollectionInputs, info: Schemas["CollectionInfo"]): string | undefined {
  const [found, wanted] = [fixed(describeFound(desired, info)), fixed(desired)];
  const other = (Object.keys(wanted) as (keyof typeof wanted)[]).filter((key) => found[key] !== wanted[key]);
  // Vectors cannot be converted, nor a collection be cut anew: only an empty one is made anew.
  if (other.length === 0 || (info.points_count ?? 0) === 0) return undefined;
  const values = (of: typeof wanted) => other.map((key) => `${key}: ${of[key]}`).join(", ");
  return (
    `it holds ${info.points_count} points with ${values(found)} and cannot become ${values(wanted)}: set ` +
    `${other.join(" and ")} back; or export the tenant, empty the collection, and restore into the new one`
  );
}

async function createCollection(client: QdrantClient, desired: QdrantCollectionInputs): Promise<void> {
  const layout = {
    // Said also where it is 1: a cluster's own default is a part on each node, and one copy of it.
    shard_number: desired.shards ?? 1,
    replication_factor: await replicationFactor(client, desired.replicas ?? 1),
    write_consistency_factor: desired.writeConsistency ?? 1,
  };
  const wanted = {
    vectors: { size: desired.vectorSize, distance: desired.distance },
    strict_mode_config: desired.strictMode,
    ...layout,
  };
  await onAllPeers(client, servers().qdrant, desired.collection, () =>
    client.createCollection(desired.collection, wanted),
  );
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

/** The settings of the strict mode that are inputs. */
const chosen = ({ strictMode }: QdrantCollectionInputs): string[] => Object.keys(strictMode);

const withConfig = async (client: QdrantClient, desired: QdrantCollectionInputs): Promise<QdrantCollectionState> => ({
  ...desired,
  config: configOf(await client.getCollection(desired.collection), chosen(desired)),
});

export const provider = dynamicProvider<QdrantCollectionInputs, QdrantCollectionState>({
  describe: ({ collection }) => `Qdrant collection ${collection}`,
  id: ({ collection }) => collection,
  inputs: {
    collection: "replace",
    vectorSize: "update",
    distance: "update",
    strictMode: "update",
    payloadIndexes: "update",
    shards: "update",
    replicas: "update",
    writeConsistency: "update",
  },
  optional: ["shards", "replicas", "writeConsistency"],
  adopts: true,
  async refuse(recorded, desired) {
    // `all` nodes are as many as there are.
    const replicas = desired.replicas === "all" ? 1 : (desired.replicas ?? 1);
    const failures: { property: string; reason: string }[] = [];
    const grows = replicas > 1 && replicas !== recorded.replicas;
    const made = recorded.vectorSize !== undefined;
    const remade = made && !isDeepStrictEqual(fixed(recorded), fixed(desired));
    if (!grows && !remade) return failures;
    const client = await qdrantClient(servers());
    const nodes = grows ? Math.max(1, (await peersOf(client)).length) : replicas;
    if (grows && replicas > nodes) {
      const has = nodes === 1 ? "is one node" : `has ${nodes} nodes`;
      const reason = `qdrantReplicas is ${replicas}, and Qdrant ${has}: set ${nodes} at most, or add nodes to the cluster`;
      failures.push({ property: "replicas", reason });
    }
    const info = remade ? await find(client, desired.collection) : undefined;
    const reason = info && immutableProblem(desired, info);
    if (reason !== undefined) failures.push({ property: "collection", reason });
    return failures;
  },
  async ensure(desired, previous) {
    const client = await qdrantClient(servers());
    const info = await find(client, desired.collection);
    if (info === undefined) {
      await createCollection(client, desired);
      await syncIndexes(client, desired, {});
      return withConfig(client, desired);
    }
    const found = describeFound(desired, info);
    const problem = immutableProblem(desired, info);
    if (problem !== undefined) throw new Error(problem);
    if (!isDeepStrictEqual(fixed(found), fixed(desired))) {
      await client.deleteCollection(desired.collection);
      await createCollection(client, desired);
      await syncIndexes(client, desired, {});
      return withConfig(client, desired);
    }
    const { replicas = 1, writeConsistency = 1, strictMode: strict_mode_config } = desired;
    const params = {
      replication_factor: await replicationFactor(client, replicas),
      write_consistency_factor: writeConsistency,
    };
    await client.updateCollection(desired.collection, { strict_mode_config, params });
    await syncReplicas(client, desired.collection, replicas);
    await syncIndexes(client, desired, found.payloadIndexes);
    await removeAliases(client, await aliasesOf(client, desired.collection));
    if (previous?.config !== undefined)
      await restoreConfig(client, desired.collection, previous.config, chosen(desired));
    return withConfig(client, desired);
  },
  async observe(recorded) {
    const client = await qdrantClient(servers());
    const info = await find(client, recorded.collection);
    if (info === undefined) return undefined;
    const replicas = await foundReplicas(client, recorded.collection, recorded.replicas ?? 1);
    const config = recorded.config ?? configOf(info, chosen(recorded));
    return { ...describeFound(recorded, info), ...(replicas !== 1 && { replicas }), config };
  },
  async foreign({ config, ...recorded }) {
    const client = await qdrantClient(servers());
    const [info, aliases] = await Promise.all([
      client.getCollection(recorded.collection),
      aliasesOf(client, recorded.collection),
    ]);
    const changed = config === undefined ? [] : configDifferences(config, configOf(info, chosen(recorded)));
    return [...changed, ...aliases.map((name) => `the alias ${name} leads to it`)];
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
    args: { [K in keyof QdrantCollectionInputs]: Input<NonNullable<QdrantCollectionInputs[K]>> },
    opts?: CustomResourceOptions,
  ) {
    super("QdrantCollection", "qdrant-collection", name, { ...args, config: undefined }, opts);
  }
}
