// One object, uploaded piece by piece: a small one at once, a big one in parts of which one is in memory.
import type { Client } from "minio";
import type { Bytes } from "./streams.ts";

/** Bytes of one request. S3 takes 10,000 of them for an object. */
const pieceSize = 32 * 1024 * 1024;

/** The bytes in pieces of that size; the last one is smaller, and the only one may be empty. */
async function* pieces(content: Bytes): AsyncGenerator<Buffer, void, void> {
  let held: Uint8Array[] = [];
  let size = 0;
  for await (const given of content) {
    for (let from = 0; from < given.byteLength;) {
      const part = given.subarray(from, from + pieceSize - size);
      held.push(part);
      size += part.byteLength;
      from += part.byteLength;
      if (size < pieceSize) continue;
      yield Buffer.concat(held);
      [held, size] = [[], 0];
    }
  }
  yield Buffer.concat(held);
}

/**
 * Uploads an object with these headers, as S3 names them.
 * @throws the client's error, and then nothing is left of the object.
 */
export async function upload(
  s3: Client,
  bucket: string,
  name: string,
  content: Bytes,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const source = pieces(content);
  const first = (await source.next()).value ?? Buffer.alloc(0);
  if (first.length < pieceSize) {
    const length = { "Content-Length": first.length };
    const request = { method: "PUT", bucketName: bucket, objectName: name, headers: { ...headers, ...length } };
    await s3.makeRequestAsyncOmit(request, first, [200]);
    return;
  }
  const uploadId = await s3.initiateNewMultipartUpload(bucket, name, { ...headers });
  try {
    const etags: { part: number; etag: string }[] = [];
    for (let piece: Buffer | undefined = first; piece !== undefined; piece = (await source.next()).value ?? undefined) {
      if (piece.length === 0) break;
      const part = etags.length + 1;
      const request = { bucketName: bucket, objectName: name, uploadID: uploadId, partNumber: part };
      const { etag } = await s3.uploadPart({ ...request, headers: { "Content-Length": piece.length } }, piece);
      etags.push({ part, etag });
    }
    await s3.completeMultipartUpload(bucket, name, uploadId, etags);
  } catch (error) {
    await s3.abortMultipartUpload(bucket, name, uploadId).catch(() => undefined); // The error says more.
    throw error;
  }
}
