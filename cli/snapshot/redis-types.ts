// How each type of Redis is read, whole or in pieces, and written again.
import type { Redis } from "ioredis";

export type KeyType = "string" | "list" | "set" | "hash" | "zset" | "stream";

/** A consumer group of a stream. */
interface Group {
  readonly name: string;
  readonly last: string;
  /** Entries read; null where the server does not know. */
  readonly read: number | null;
  readonly consumers: readonly string[];
}

/** An entry that was delivered and not acknowledged. */
interface Pending {
  readonly id: string;
  readonly consumer: string;
  /** Unix time in milliseconds. */
  readonly delivered: number;
  readonly deliveries: number;
}

/** What a line says of a key beyond its identity. Names and values are base64. */
export interface Piece {
  /** A string's bytes; elements; a hash's fields and values by turns; a sorted set's members and scores by turns. */
  readonly values?: readonly string[];
  /** A stream's: the id, then fields and values by turns. */
  readonly entries?: readonly (readonly string[])[];
  /** A stream's, after all entries. */
  readonly stream?: { readonly last: string; readonly added: number; readonly deleted: string };
  readonly group?: Group;
  readonly pending?: { readonly group: string; readonly entries: readonly Pending[] };
}

/** A key, or a piece of one. */
export interface KeyLine extends Piece {
  /** Without the tenant's prefix. */
  readonly key: string;
  readonly type: KeyType;
  readonly first?: true;
  /** Unix time in milliseconds. */
  readonly expires?: number;
}

const base64 = (value: unknown): string => (value as Buffer).toString("base64");
const bytes = (text: string): Buffer => Buffer.from(text, "base64");
const text = (value: unknown): string => String(value);

const whole: Readonly<Record<Exclude<KeyType, "stream">, readonly string[]>> = {
  string: ["GET"],
  list: ["LRANGE", "0", "-1"],
  set: ["SMEMBERS"],
  hash: ["HGETALL"],
  zset: ["ZRANGE", "0", "-1", "WITHSCORES"],
};

/** All values of a small key; none when it is gone. */
export async function readWhole(client: Redis, type: KeyType, key: Buffer): Promise<string[]> {
  const [command = "", ...args] = whole[type as Exclude<KeyType, "stream">];
  const reply = await client.callBuffer(command, key, ...args);
  // Members with scores come as pairs.
  return [reply ?? []].flat(2).map(base64);
}

/** Bytes of a piece, about. */
const pieceSize = 256 * 1024;

/** The pieces of a big key. One that is changed meanwhile may be read half before and half after. */
export async function* readPieces(
  client: Redis,
  { key, type, elements, bytes: size }: { key: Buffer; type: KeyType; elements: number; bytes: number },
): AsyncGenerator<Piece, void, void> {
  const count = Math.max(1, Math.min(500, Math.floor((pieceSize * elements) / Math.max(1, size))));
  if (type === "string") {
    for (let at = 0; at < size; at += pieceSize) {
      const piece = await client.getrangeBuffer(key, at, at + pieceSize - 1);
      if (piece.length > 0) yield { values: [base64(piece)] };
    }
  } else if (type === "list") {
    for (let at = 0; ; at += count) {
      const values = await client.lrangeBuffer(key, at, at + count - 1);
      if (values.length > 0) yield { values: values.map(base64) };
      if (values.length < count) return;
    }
  } else if (type === "stream") yield* streamPieces(client, key, count);
  else {
    const scan = { set: "SSCAN", hash: "HSCAN", zset: "ZSCAN" }[type];
    let cursor = "0";
    do {
      const [next, values] = (await client.callBuffer(scan, key, cursor, "COUNT", count)) as [Buffer, Buffer[]];
      if (values.length > 0) yield { values: values.map(base64) };
      cursor = next.toString();
    } while (cursor !== "0");
  }
}

/** The fields of a reply that is names and values by turns. */
function fields(reply: unknown): Map<string, unknown> {
  const list = reply as readonly unknown[];
  return new Map(list.flatMap((name, at) => (at % 2 === 0 ? [[text(name), list[at + 1]] as const] : [])));
}

async function* streamPieces(client: Redis, key: Buffer, count: number): AsyncGenerator<Piece, void, void> {
  const about = fields(await client.callBuffer("XINFO", "STREAM", key));
  const last = text(about.get("last-generated-id"));
  for (let from = "-"; ;) {
    const found = (await client.callBuffer("XRANGE", key, from, last, "COUNT", count)) as [Buffer, Buffer[]][];
    if (found.length > 0) yield { entries: found.map(([id, values]) => [text(id), ...values.map(base64)]) };
    if (found.length < count) break;
    from = `(${text(found.at(-1)?.[0])}`;
  }
  yield {
    stream: {
      last,
      added: Number(about.get("entries-added") ?? about.get("length")),
      deleted: text(about.get("max-deleted-entry-id") ?? "0-0"),
    },
  };
  for (const reply of (await client.callBuffer("XINFO", "GROUPS", key)) as unknown[])
    yield* groupPieces(client, key, fields(reply));
}

async function* groupPieces(
  client: Redis,
  key: Buffer,
  about: ReadonlyMap<string, unknown>,
): AsyncGenerator<Piece, void, void> {
  const name = about.get("name") as Buffer;
  const consumers = (await client.callBuffer("XINFO", "CONSUMERS", key, name)) as unknown[];
  const read = about.get("entries-read");
  yield {
    group: {
      name: base64(name),
      last: text(about.get("last-delivered-id")),
      read: typeof read === "number" ? read : null,
      consumers: consumers.map((one) => base64(fields(one).get("name"))),
    },
  };
  for (let from = "-"; ;) {
    const found = (await client.callBuffer("XPENDING", key, name, from, "+", 500)) as [
      Buffer,
      Buffer,
      number,
      number,
    ][];
    const now = Date.now();
    const entries = found.map(([id, consumer, idle, deliveries]): Pending => ({
      id: text(id),
      consumer: base64(consumer),
      delivered: now - idle,
      deliveries,
    }));
    if (entries.length > 0) yield { pending: { group: base64(name), entries } };
    if (found.length < 500) return;
    from = `(${text(found.at(-1)?.[0])}`;
  }
}

type Command = readonly [name: string, ...args: (string | number | Buffer)[]];

/** The commands that write a line. */
export function commandsOf(line: KeyLine, key: Buffer): Command[] {
  const values = (line.values ?? []).map(bytes);
  const write: Readonly<Record<Exclude<KeyType, "stream">, () => Command>> = {
    string: () => [line.first ? "SET" : "APPEND", key, ...values],
    list: () => ["RPUSH", key, ...values],
    set: () => ["SADD", key, ...values],
    hash: () => ["HSET", key, ...values],
    // Members and scores by turns; ZADD takes the score first.
    zset: () => [
      "ZADD",
      key,
      ...values.flatMap((_, at) => (at % 2 === 0 ? [values[at + 1] ?? "", values[at] ?? ""] : [])),
    ],
  };
  return line.type === "stream" ? streamCommands(line, key) : [write[line.type]()];
}

function streamCommands({ entries = [], stream, group, pending }: KeyLine, key: Buffer): Command[] {
  const added = entries.map(([id = "", ...values]): Command => ["XADD", key, id, ...values.map(bytes)]);
  if (stream !== undefined) {
    const { last, added: ever, deleted } = stream;
    // A stream without an entry is still one: a group makes it, and goes again.
    const made: Command[] = [
      ["XGROUP", "CREATE", key, "restore", "$", "MKSTREAM"],
      ["XGROUP", "DESTROY", key, "restore"],
    ];
    return [...made, ["XSETID", key, last, "ENTRIESADDED", ever, "MAXDELETEDID", deleted]];
  }
  if (group !== undefined) {
    const name = bytes(group.name);
    const read: (string | number)[] = group.read === null ? [] : ["ENTRIESREAD", group.read];
    const made: Command[] = group.consumers.map((one) => ["XGROUP", "CREATECONSUMER", key, name, bytes(one)]);
    return [["XGROUP", "CREATE", key, name, group.last, ...read], ...made];
  }
  if (pending === undefined) return added;
  return pending.entries.map(({ id, consumer, delivered, deliveries }): Command => {
    const how = ["TIME", delivered, "RETRYCOUNT", deliveries, "FORCE", "JUSTID"];
    return ["XCLAIM", key, bytes(pending.group), bytes(consumer), 0, id, ...how];
  });
}
