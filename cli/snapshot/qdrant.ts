// A tenant's points, page by page as the server writes them: one line is one page, the list that an upsert takes. The text is never
// taken apart, so that every number stays what it is. (A snapshot of the server's fits its own minor version only, needs room for a
// second copy on its disk, and leaves it there when we are killed.)
import type { Dispatcher } from "undici";
import type { Servers } from "../../providers/clients/servers.ts";
import { qdrantClient, qdrantUrl } from "../../providers/clients/qdrant.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { trusting } from "../../providers/clients/tls.ts";
import { shownBytes, type Exporter, type Importer, type Subject } from "./store.ts";
import { gunzipped, gzipped, lines, produced } from "./streams.ts";

/** Points of a page at most: what strict mode lets a query return (components/vector-store.ts). */
const most = 1000;
/** Bytes of a page at most, unless a single point is bigger. */
const pageSize = 16 * 1024 * 1024;

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter: number;
}

/** An answer that is bigger than what it may be. */
class TooBig extends Error {}

/** Qdrant's API with the administrator's key, for bodies that go through as they are. Waits where a limit says so. */
export async function qdrantApi({ qdrant }: Pick<Servers, "qdrant">) {
  const { Agent, fetch } = await import("undici");
  const dispatcher: Dispatcher | undefined =
    qdrant.ca === undefined ? undefined : new Agent({ connect: trusting(qdrant.ca) });
  const headers = { "api-key": qdrant.apiKey, "content-type": "application/json" };
  const url = await qdrantUrl(qdrant);

  async function once(method: string, path: string, body: string | Uint8Array, limit: number): Promise<Answer> {
    const init = { method, headers, body, signal: AbortSignal.timeout(120_000), ...(dispatcher && { dispatcher }) };
    const response = await fetch(new URL(path, url), init);
    const pieces: Uint8Array[] = [];
    let size = 0;
    for await (const piece of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      pieces.push(piece);
      size += piece.byteLength;
      // Leaving the loop ends the request.
      if (size > limit) throw new TooBig();
    }
    const text = Buffer.concat(pieces).toString("utf8");
    return { status: response.status, text, retryAfter: Number(response.headers.get("retry-after") ?? 1) };
  }

  return async (method: string, path: string, body: string | Uint8Array, limit = Infinity): Promise<string> => {
    for (;;) {
      const { status, text, retryAfter } = await once(method, path, body, limit);
      if (status === 200) return text;
      if (status !== 429) throw new Error(`Qdrant refused ${method} ${path} (${status}): ${text.slice(0, 300)}`);
      // The tenant's own limit of requests a minute holds for everybody.
      await sleep(Math.max(1, retryAfter) * 1000);
    }
  };
}

/** The points of an answer, as text, and where the next page begins (JSON; undefined after the last). */
export function pageOf(text: string): { points: string; next: string | undefined } {
  const begin = text.indexOf('"points":[');
  const end = text.lastIndexOf('],"next_page_offset":');
  const next = /^\],"next_page_offset":(null|\d+|"[0-9a-f-]+")\}/.exec(text.slice(end, end + 80))?.[1];
  if (begin === -1 || end === -1 || next === undefined || /[^"a-z_:{},0-9]/.test(text.slice(0, begin))) {
    throw new Error("Qdrant answered a page of points in a form that this version of the program does not know");
  }
  return { points: text.slice(begin + '"points":'.length, end + 1), next: next === "null" ? undefined : next };
}

const sizeOf = (vectors: unknown) => (vectors ?? {}) as { size?: number; distance?: string };

async function collectionOf({ names, servers }: Subject) {
  const { config } = await (await qdrantClient(servers)).getCollection(names.collection);
  const { size, distance } = sizeOf(config.params.vectors);
  if (size === undefined || distance === undefined) {
    throw new Error(`collection ${names.collection} has named vectors: it was not made by this program`);
  }
  const limits = (config.strict_mode_config ?? {}) as { write_rate_limit?: number; max_points_count?: number };
  return { about: { vectorSize: size, distance }, limits };
}

export const qdrantExporter: Exporter = {
  store: "qdrant",
  kind: "ndjson.gz",
  resumable: true,
  about: async (subject) => (await collectionOf(subject)).about,
  part: ({ names, servers, amount, partSize }, from) =>
    gzipped(
      produced(async (write) => {
        const call = await qdrantApi(servers);
        let [points, bytes, limit] = [0, 0, 64];
        for (let offset = from; bytes < partSize;) {
          const start = offset === undefined ? "" : `"offset":${offset},`;
          const body = `{${start}"limit":${limit},"with_payload":true,"with_vector":true}`;
          const path = `/collections/${names.collection}/points/scroll`;
          let text: string;
          try {
            text = await call("POST", path, body, limit === 1 ? Infinity : pageSize);
          } catch (error) {
            if (!(error instanceof TooBig)) throw error;
            limit = Math.max(1, Math.floor(limit / 8));
            continue;
          }
          const page = pageOf(text);
          // A page that another follows is full.
          const held = page.next === undefined ? (JSON.parse(page.points) as unknown[]).length : limit;
          if (held > 0) await write(Buffer.from(`${page.points}\n`));
          points += held;
          bytes += text.length;
          amount(`${points} points`);
          offset = page.next;
          if (offset === undefined) return { counts: { points } };
          // Half as big as they may be, so that few are asked for twice.
          limit = Math.max(1, Math.min(most, 2 * limit, Math.floor((limit * pageSize) / 2 / text.length)));
          if (bytes >= partSize) return { next: offset, counts: { points } };
        }
        return { counts: { points } };
      }),
    ),
};

export const qdrantImporter: Importer = {
  store: "qdrant",
  async problems(subject, about, { points }) {
    const { about: own, limits } = await collectionOf(subject);
    const found: string[] = [];
    if (own.vectorSize !== about["vectorSize"] || own.distance !== about["distance"]) {
      found.push(
        `its collection has ${own.vectorSize} dimensions (${own.distance}), the export ${about["vectorSize"]} (${about["distance"]}): ` +
          `set qdrantVectorSize and qdrantDistance`,
      );
    }
    const { write_rate_limit: rate = Infinity, max_points_count: room = Infinity } = limits;
    if (points > room)
      found.push(`the export has ${points} points, its collection may hold ${room}: raise qdrantMaxPoints`);
    if (rate < most)
      found.push(`it may write ${rate} points a minute, and they come ${most} at a time: raise qdrantWritesPerMinute`);
    return found;
  },
  async write({ names, servers, amount }, content) {
    const call = await qdrantApi(servers);
    let bytes = 0;
    for await (const page of lines(gunzipped(content))) {
      // Again is no matter: a point is written under its id.
      const body = Buffer.concat([Buffer.from('{"points":'), page, Buffer.from("}")]);
      await call("PUT", `/collections/${names.collection}/points?wait=true`, body);
      bytes += page.length;
      amount(shownBytes(bytes));
    }
    return { leftOut: {} };
  },
  async count({ names, servers }) {
    const { count } = await (await qdrantClient(servers)).count(names.collection, { exact: true });
    return { points: count };
  },
};
