// A tenant's keys, read type by type: what DUMP writes fits no older server, and is one piece that a server may refuse to send or to
// take. A line is a key, or a piece of a big one; texts are in base64, for Redis keeps bytes.
import type { Cluster, Redis } from "ioredis";
import { countKeys, globOf, removeKeys } from "../../providers/clients/redis-keys.ts";
import { withRedisNodes } from "../../providers/clients/redis-nodes.ts";
import { redisOptions } from "../../providers/clients/redis.ts";
import type { Servers } from "../../providers/clients/servers.ts";
import { commandsOf, readPieces, readWhole, type KeyLine, type KeyType } from "./redis-types.ts";
import { type Exporter, type Importer, type Target, type Written } from "./store.ts";
import { gunzipped, gzipped, lines, produced, type Bytes } from "./streams.ts";

/** Bytes of values that are asked for at once. */
const batchSize = 4 * 1024 * 1024;
/** A key with more elements or bytes is read in pieces. */
const wholeLength = 512;
const wholeSize = 1024 * 1024;

interface Found {
  readonly key: Buffer;
  readonly type: KeyType;
  /** Unix time in milliseconds; undefined: never. */
  readonly expires: number | undefined;
  readonly elements: number;
  readonly bytes: number;
}

const lengthOf: Readonly<Record<KeyType, string>> = {
  string: "STRLEN",
  list: "LLEN",
  set: "SCARD",
  hash: "HLEN",
  zset: "ZCARD",
  stream: "XLEN",
};

/** What a key is, and how big; undefined when it is gone. */
async function look(client: Redis, key: Buffer): Promise<Found | undefined> {
  const [type, expires] = await Promise.all([client.type(key), client.call("PEXPIRETIME", key) as Promise<number>]);
  if (type === "none" || expires === -2) return undefined;
  if (!Object.hasOwn(lengthOf, type)) {
    throw new Error(
      `key ${JSON.stringify(key.toString())} is a ${type}, which is no type of Redis itself: it cannot be exported`,
    );
  }
  const known = type as KeyType;
  const elements = (await client.call(lengthOf[known], key)) as number;
  const size = known === "string" ? elements : await sizeOf(client, key, elements);
  return { key, type: known, expires: expires === -1 ? undefined : expires, elements, bytes: size };
}

/** Bytes of all elements: counted where they are few, else guessed from a hundred. */
async function sizeOf(client: Redis, key: Buffer, elements: number): Promise<number> {
  const samples = elements <= wholeLength ? 0 : 100;
  return ((await client.call("MEMORY", "USAGE", key, "SAMPLES", samples)) as number | null) ?? 0;
}

const isBig = ({ type, elements, bytes }: Found): boolean =>
  type === "stream" || bytes > wholeSize || (type !== "string" && elements > wholeLength);

/** Everything of these keys, a line each for small ones. Gone ones are left out. */
async function* linesOf(client: Redis, keys: readonly Buffer[], prefix: string): AsyncGenerator<KeyLine, void, void> {
  const found = (await Promise.all(keys.map((key) => look(client, key)))).filter((one) => one !== undefined);
  const identify = ({ key, type, expires }: Found): Omit<KeyLine, "values"> => ({
    key: key.subarray(Buffer.byteLength(prefix)).toString("base64"),
    type,
    first: true,
    ...(expires === undefined ? {} : { expires }),
  });
  let batch: Found[] = [];
  const whole = async () => {
    const read = await Promise.all(
      batch.map(async (one) => ({ one, values: await readWhole(client, one.type, one.key) })),
    );
    batch = [];
    return read.flatMap(({ one, values }) => (values.length === 0 ? [] : [{ ...identify(one), values }]));
  };
  for (const one of found.filter((each) => !isBig(each))) {
    batch.push(one);
    if (batch.reduce((sum, { bytes }) => sum + bytes, 0) >= batchSize) yield* await whole();
  }
  yield* await whole();
  for (const one of found.filter(isBig)) {
    const { first: _, expires: __, ...later } = identify(one);
    let begun = false;
    for await (const piece of readPieces(client, one)) {
      yield { ...(begun ? later : identify(one)), ...piece };
      begun = true;
    }
  }
}

export const redisExporter: Exporter = {
  store: "redis",
  kind: "ndjson.gz",
  // A cursor says nothing after a restart of the server.
  resumable: false,
  about: async () => ({}),
  part: ({ names, servers, amount, partSize }, from) =>
    gzipped(
      produced((write) =>
        withRedisNodes(servers, async (nodes) => {
          const masters = nodes.filter(({ role }) => role === "master");
          let [keys, bytes] = [0, 0];
          // `1:4711`: which master, and where in its keys.
          const [master = "0", start = "0"] = from?.split(":") ?? [];
          for (let index = Number(master), cursor = start; index < masters.length; index += 1, cursor = "0") {
            const client = masters[index]?.client as Redis;
            do {
              const [next, found] = await client.scanBuffer(cursor, "MATCH", globOf(names.keyPrefix), "COUNT", 1000);
              for await (const line of linesOf(client, found, names.keyPrefix)) {
                const text = Buffer.from(`${JSON.stringify(line)}\n`);
                await write(text);
                bytes += text.length;
                if (line.first) keys += 1;
              }
              amount(`${keys} keys`);
              cursor = next.toString();
              if (bytes >= partSize && cursor !== "0") return { next: `${index}:${cursor}`, counts: { keys } };
            } while (cursor !== "0");
          }
          return { counts: { keys } };
        }),
      ),
    ),
};

/** A client that finds the node of a key by itself. */
async function withKeys<T>(servers: Servers, work: (client: Redis | Cluster) => Promise<T>): Promise<T> {
  return withRedisNodes(servers, async (nodes, topology) => {
    const master = nodes.find(({ role }) => role === "master");
    if (master === undefined) throw new Error("Redis has no master");
    if (!topology.cluster) return work(master.client);
    const { Cluster } = await import("ioredis");
    const options = { redisOptions: redisOptions(servers), enableReadyCheck: false, lazyConnect: true };
    const client = new Cluster([...topology.nodes], { ...options, clusterRetryStrategy: () => null });
    client.on("error", () => undefined); // Thrown by the command.
    try {
      await client.connect();
      return await work(client);
    } finally {
      client.disconnect();
    }
  });
}

async function writeLines(client: Redis | Cluster, { names, amount }: Target, content: Bytes): Promise<Written> {
  let leftOut = 0;
  let written = 0;
  const ends: number[] = [];
  let waiting: Promise<unknown>[] = [];
  let bytes = 0;
  // The key at hand: `until` is set when all its pieces are there. It may end before.
  let at: { key: Buffer; until: number | undefined; left: boolean } | undefined;
  const send = (command: readonly [string, ...(string | number | Buffer)[]]) => {
    const [name, ...args] = command;
    const sent = client.call(name, ...args);
    sent.catch(() => undefined); // Thrown where it is waited for.
    waiting.push(sent);
  };
  const close = () => {
    if (at !== undefined && !at.left && at.until !== undefined) {
      send(["PEXPIREAT", at.key, at.until]);
      ends.push(at.until);
    }
  };
  for await (const text of lines(gunzipped(content))) {
    const line = JSON.parse(text.toString("utf8")) as KeyLine;
    const key = Buffer.concat([Buffer.from(names.keyPrefix), Buffer.from(line.key, "base64")]);
    if (line.first) {
      close();
      at = { key, until: line.expires, left: line.expires !== undefined && line.expires <= Date.now() };
      if (at.left) leftOut += 1;
      else {
        written += 1;
        amount(`${written} keys`);
        // A walk of the keys may meet one twice.
        const removed = client.unlink(key).then((count) => (leftOut += count));
        removed.catch(() => undefined);
        waiting.push(removed);
      }
    }
    if (at?.left === true) continue;
    for (const command of commandsOf(line, key)) send(command);
    bytes += text.length;
    if (bytes < batchSize && waiting.length < 10_000) continue;
    await Promise.all(waiting);
    [waiting, bytes] = [[], 0];
  }
  close();
  await Promise.all(waiting);
  return { leftOut: { keys: leftOut }, gone: () => ends.filter((end) => end <= Date.now()).length };
}

export const redisImporter: Importer = {
  store: "redis",
  problems: async () => [],
  clear: ({ names, servers }) => withRedisNodes(servers, (nodes) => removeKeys(nodes, names.keyPrefix)),
  write: (target, content) => withKeys(target.servers, (client) => writeLines(client, target, content)),
  count: async ({ names, servers }) =>
    withRedisNodes(servers, async (nodes) => ({ keys: await countKeys(nodes, names.keyPrefix) })),
};
