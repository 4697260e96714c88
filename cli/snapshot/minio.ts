// A tenant's objects as tar files: of each object its metadata (N.json) and its content (N). Names are in the metadata, for tar
// knows none that end with a slash, begin with one, or are a folder and a file at once.
import type { Client } from "minio";
import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { extract as untar, pack as tar, type Pack } from "tar-stream";
import { bucketPrefixes } from "../../components/names.ts";
import { minioClient, prefixKeeper, s3Code } from "../../providers/clients/minio.ts";
import { Problem } from "../errors.ts";
import { shownBytes, type Exporter, type Importer, type Original, type PartEnd } from "./store.ts";
import { produced, type Bytes } from "./streams.ts";
import { upload } from "./upload.ts";

/** What is kept of an object beside its content. */
export interface ObjectMetadata {
  readonly name: string;
  readonly size: number;
  /** As S3 names them; user metadata are `x-amz-meta-…`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
}

const kept =
  /^(content-type|content-encoding|content-language|content-disposition|cache-control|expires|x-amz-meta-.*)$/;

/** The objects that hold the tenant's four prefixes open are made with the tenant. */
const ours: readonly string[] = bucketPrefixes.map((prefix) => `${prefix}${prefixKeeper}`);

/** The objects after `after`, in the order of their names' bytes. */
export async function* objectsOf(
  client: Client,
  bucket: string,
  after = "",
): AsyncGenerator<{ name: string; size: number }, void, void> {
  const items = client.listObjectsV2(bucket, "", true, after) as AsyncIterable<{ name?: string; size?: number }>;
  for await (const { name = "", size = 0 } of items) if (!ours.includes(name)) yield { name, size };
}

async function tagsOf(client: Client, bucket: string, name: string): Promise<Record<string, string>> {
  const found = (await client.getObjectTagging(bucket, name)) as { Key: string; Value: string }[];
  return Object.fromEntries(found.map(({ Key, Value }) => [String(Key), String(Value)]));
}

/** The content of an object, with its metadata; undefined when it is gone. */
async function open(client: Client, bucket: string, name: string) {
  try {
    const content = (await client.getObject(bucket, name)) as IncomingMessage;
    const headers = Object.entries(content.headers).flatMap(([key, value]) =>
      kept.test(key) && typeof value === "string" ? [[key, value] as const] : [],
    );
    const tags = content.headers["x-amz-tagging-count"] === undefined ? {} : await tagsOf(client, bucket, name);
    const size = Number(content.headers["content-length"]);
    const metadata: ObjectMetadata = { name, size, headers: Object.fromEntries(headers), tags };
    return { content, metadata };
  } catch (error) {
    if (["NoSuchKey", "NotFound"].includes(s3Code(error) ?? "")) return undefined;
    throw error;
  }
}

/** Writes one entry, as fast as the tar file is read. */
async function entry(pack: Pack, name: string, content: Buffer | IncomingMessage, size: number): Promise<void> {
  await new Promise<void>((done, fail) => {
    const sink = pack.entry({ name, size }, (error) => (error ? fail(error) : done()));
    if (Buffer.isBuffer(content)) return sink.end(content);
    content.on("error", fail);
    content.on("aborted", () => fail(new Error("the server ended the connection in the middle of an object")));
    return content.pipe(sink);
  });
}

async function fill(
  pack: Pack,
  { names, servers, amount, partSize }: Original,
  from: string | undefined,
): Promise<PartEnd> {
  const client = await minioClient(servers);
  const counts = { objects: 0, objectBytes: 0 };
  for await (const { name } of objectsOf(client, names.bucket, from)) {
    const found = await open(client, names.bucket, name);
    if (found === undefined) continue;
    const number = String(counts.objects + 1).padStart(7, "0");
    const metadata = Buffer.from(JSON.stringify(found.metadata));
    await entry(pack, `${number}.json`, metadata, metadata.length);
    await entry(pack, number, found.content, found.metadata.size);
    counts.objects += 1;
    counts.objectBytes += found.metadata.size;
    amount(shownBytes(counts.objectBytes));
    if (counts.objectBytes >= partSize) return { next: name, counts };
  }
  return { counts };
}

export const minioExporter: Exporter = {
  store: "minio",
  kind: "tar",
  resumable: true,
  about: async () => ({}),
  part: (subject, from) =>
    produced(async (write) => {
      const pack = tar();
      const filled = fill(pack, subject, from).then(
        (end) => {
          pack.finalize();
          return end;
        },
        (error: unknown) => {
          pack.destroy(error as Error);
          throw error;
        },
      );
      filled.catch(() => undefined); // Thrown by the pack, too.
      for await (const piece of pack as AsyncIterable<Buffer>) await write(piece);
      return filled;
    }),
};

async function put(client: Client, bucket: string, metadata: ObjectMetadata, content: Bytes, again: boolean) {
  const { name, headers, tags } = metadata;
  try {
    await upload(client, bucket, name, content, { ...headers, ...(again ? {} : { "if-none-match": "*" }) });
  } catch (cause) {
    if (s3Code(cause) !== "PreconditionFailed") throw cause;
    throw new Problem(
      "export-changed",
      `object ${JSON.stringify(name)} appeared while the tenant was restored: it was not overwritten`,
      {
        cause,
      },
    );
  }
  if (Object.keys(tags).length > 0) await client.setObjectTagging(bucket, name, tags);
}

export const minioImporter: Importer = {
  store: "minio",
  problems: async () => [],
  async write({ names, servers, amount }, content, again) {
    const client = await minioClient(servers);
    const extract = untar();
    const reading = pipeline(Readable.from(content), extract);
    reading.catch(() => undefined); // Thrown below.
    let metadata: ObjectMetadata | undefined;
    let bytes = 0;
    for await (const file of extract as AsyncIterable<Readable & { readonly header: { readonly name: string } }>) {
      if (file.header.name.endsWith(".json")) {
        const pieces: Buffer[] = [];
        for await (const piece of file as AsyncIterable<Buffer>) pieces.push(piece);
        metadata = JSON.parse(Buffer.concat(pieces).toString("utf8")) as ObjectMetadata;
      } else if (metadata !== undefined) {
        await put(client, names.bucket, metadata, file, again);
        bytes += metadata.size;
        amount(shownBytes(bytes));
      }
    }
    await reading;
    return { leftOut: {} };
  },
  async count({ names, servers }) {
    const counts = { objects: 0, objectBytes: 0 };
    for await (const { size } of objectsOf(await minioClient(servers), names.bucket)) {
      counts.objects += 1;
      counts.objectBytes += size;
    }
    return counts;
  },
};
