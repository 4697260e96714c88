// A tenant's collection, as somebody else made it.
import type { Schemas } from "@qdrant/js-client-rest";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { plural } from "../output.ts";
import type { LookAt, StoreLook } from "./look.ts";

/** The settings of a collection that lies on the nodes of a cluster. */
function layoutOf(params: Schemas["CollectionParams"]) {
  const { shard_number: shards = 1, replication_factor: replicas = 1, write_consistency_factor: writes = 1 } = params;
  return {
    ...(shards > 1 && { qdrantShards: shards }),
    ...(replicas > 1 && { qdrantReplicas: replicas }),
    ...(writes > 1 && { qdrantWriteConsistency: writes }),
  };
}

export async function lookAtQdrant({ names, servers, existing }: LookAt): Promise<StoreLook> {
  const { collection } = names;
  const nothing = { found: [], missing: [], problems: [], notes: [], settings: {} };
  const client = await qdrantClient(servers);
  const { aliases } = await client.getAliases();
  const alias = aliases.find(({ alias_name }) => alias_name === collection);
  if (alias !== undefined) {
    const problem = `${collection} is an alias of collection ${alias.collection_name}: a tenant's collection has its own name`;
    return { ...nothing, problems: [problem] };
  }
  if (!existing.collection) return { ...nothing, missing: [`collection ${collection}`] };

  const info = await client.getCollection(collection);
  const vectors = info.config.params.vectors as { size?: number; distance?: string } | undefined;
  const { count } = await client.count(collection, { exact: true });
  const indexes = Object.entries(info.payload_schema).flatMap(([field, schema]) =>
    schema ? [[field, schema.data_type] as const] : [],
  );
  const shape = vectors?.size === undefined ? "named vectors" : `${vectors.size} dimensions, ${vectors.distance}`;
  const found = [
    `collection ${collection}, ${plural(count, "point")}, ${shape}${indexes.length > 0 ? `, payload indexes ${indexes.map(([field]) => field).join(", ")}` : ""}`,
  ];
  const problems: string[] = [];
  if (vectors?.size === undefined || Object.keys(info.config.params.sparse_vectors ?? {}).length > 0) {
    problems.push(
      `collection ${collection} has named or sparse vectors, which this program does not make: move the points into a ` +
        `collection with one unnamed vector`,
    );
  }
  const settings = {
    ...(vectors?.size === undefined ? {} : { qdrantVectorSize: vectors.size, qdrantDistance: vectors.distance }),
    ...(indexes.length === 0 ? {} : { qdrantPayloadIndexes: Object.fromEntries(indexes) }),
    ...layoutOf(info.config.params),
    // Half of the default: the collection would be closed soon, or at once.
    ...(count > 500_000 ? { qdrantMaxPoints: 0, qdrantQuota: 0 } : {}),
  };
  const aliasesOf = aliases.filter(({ collection_name }) => collection_name === collection);
  const notes = aliasesOf.map(({ alias_name }) => `alias ${alias_name} points to collection ${collection}, and stays`);
  return { found, missing: [], problems, notes, settings };
}
