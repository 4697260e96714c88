// What a Qdrant collection is beyond what this program chooses: the server's own settings at its creation, and who else names it.
import type { QdrantClient, Schemas } from "@qdrant/js-client-rest";
import { differences } from "./words.ts";

type Info = Schemas["CollectionInfo"];

/** The server's settings of a collection. A document, compared as a whole and shown by what differs. */
interface Config {
  readonly params: Readonly<Record<string, unknown>>;
  readonly hnsw: Readonly<Record<string, unknown>>;
  readonly optimizer: Readonly<Record<string, unknown>>;
  readonly quantization: unknown;
  /** Fields of the strict mode that this program does not set. */
  readonly strict: Readonly<Record<string, unknown>>;
}

const known = <T extends object>(fields: T | null | undefined): Record<string, unknown> =>
  Object.fromEntries(Object.entries(fields ?? {}).filter(([, value]) => value !== null));

/** A field that limits nobody. Once set, none can be unset (the server ignores null). */
const unlimited = (value: unknown): boolean => value === true || value === 4_294_967_295;

/** What the server says, as a document. @param chosen fields of the strict mode that are somebody's choice */
export function configOf({ config }: Info, chosen: readonly string[]): string {
  // Size, distance and the layout on nodes are inputs; what else there is is not.
  const {
    vectors,
    shard_number: ___,
    replication_factor: ____,
    write_consistency_factor: _____,
    ...params
  } = config.params;
  const { size: _, distance: __, ...vector } = (vectors ?? {}) as Record<string, unknown>;
  const strict = Object.entries(known(config.strict_mode_config)).filter(
    ([name, value]) => !chosen.includes(name) && !unlimited(value),
  );
  return JSON.stringify({
    params: { ...known(params), vector: known(vector) },
    hnsw: known(config.hnsw_config),
    optimizer: known(config.optimizer_config),
    quantization: config.quantization_config ?? null,
    strict: Object.fromEntries(strict),
  } satisfies Config);
}

/** A document without what is somebody's choice by now. */
function unchosen(text: string, chosen: readonly string[]): Config {
  const config = JSON.parse(text) as Config;
  const strict = Object.entries(config.strict).filter(([name]) => !chosen.includes(name));
  return { ...config, strict: Object.fromEntries(strict) };
}

/** What differs, in words: `hnsw.m: 16 → 4`. */
export function configDifferences(before: string, after: string): string[] {
  const [from, to] = [JSON.parse(before) as object, JSON.parse(after) as object];
  return differences("", from, to).map((line) => line.replace(/^\./, ""));
}

/**
 * Gives the collection its settings back.
 * @throws Error naming what the server only lets a new collection have
 */
export async function restoreConfig(
  client: QdrantClient,
  collection: string,
  wanted: string,
  chosen: readonly string[],
): Promise<void> {
  const presentText = async () => configOf(await client.getCollection(collection), chosen);
  const [to, from] = [unchosen(wanted, chosen), unchosen(await presentText(), chosen)];
  if (differences("", to, from).length === 0) return;
  const open = (value: unknown): unknown => (typeof value === "boolean" ? true : 4_294_967_295);
  const strict = Object.entries(from.strict).map(([name, value]) => [name, to.strict[name] ?? open(value)] as const);
  const { on_disk_payload } = to.params;
  await client.updateCollection(collection, {
    hnsw_config: to.hnsw,
    optimizers_config: to.optimizer,
    quantization_config: (to.quantization ?? "Disabled") as Schemas["QuantizationConfigDiff"],
    params: known({ on_disk_payload }),
    strict_mode_config: { ...to.strict, ...Object.fromEntries(strict) },
  });
  const left = configDifferences(JSON.stringify(to), await presentText());
  if (left.length > 0) {
    throw new Error(
      `what was changed can only be had by a new collection: ${left.join("; ")}. Set it back by hand, or move the points: ` +
        `npm run tenant -- export, deprovision, provision and restore`,
    );
  }
}

/** Other names by which tokens and requests reach the collection. */
export async function aliasesOf(client: QdrantClient, collection: string): Promise<string[]> {
  const { aliases } = await client.getCollectionAliases(collection);
  return aliases.map(({ alias_name }) => alias_name);
}

export async function removeAliases(client: QdrantClient, aliases: readonly string[]): Promise<void> {
  if (aliases.length === 0) return;
  await client.updateCollectionAliases({ actions: aliases.map((alias_name) => ({ delete_alias: { alias_name } })) });
}
