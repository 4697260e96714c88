// Streams of bytes that end with a result, encrypted and decrypted with age. Nothing is kept but the piece at hand.
import { Decrypter, Encrypter } from "age-encryption";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { ReadableStream, TransformStream } from "node:stream/web";
import { createGunzip, createGzip } from "node:zlib";

export type Bytes = AsyncIterable<Uint8Array>;
/** Bytes, and what is known when they end. */
export type Source<T> = AsyncGenerator<Uint8Array, T, void>;

/** What `work` writes, piece by piece: a write waits until the piece is taken. */
export async function* produced<T>(work: (write: (piece: Uint8Array) => Promise<void>) => Promise<T>): Source<T> {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
  const writer = writable.getWriter();
  writer.closed.catch(() => undefined); // The reader is told.
  const done = work((piece) => writer.write(piece)).then(
    async (result) => {
      await writer.close();
      return result;
    },
    async (error: unknown) => {
      await writer.abort(error);
      throw error;
    },
  );
  done.catch(() => undefined); // Thrown below, unless nobody reads on.
  yield* readable;
  return done;
}

/** Compressed by gzip, at the speed of a disk rather than small. */
export async function* gzipped<T>(source: Source<T>): Source<T> {
  const end: T[] = [];
  async function* body(): Bytes {
    end.push(yield* source);
  }
  yield* Readable.from(body()).compose(createGzip({ level: 1 })) as Bytes;
  return end[0] as T;
}

export const gunzipped = (source: Bytes): Bytes => Readable.from(source).compose(createGunzip()) as Bytes;

/** The lines of a text, without their ends. */
export async function* lines(source: Bytes): AsyncGenerator<Buffer, void, void> {
  let rest: Buffer[] = [];
  for await (const piece of source) {
    let from = 0;
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, from)) {
      yield Buffer.concat([...rest, bytes.subarray(from, end)]);
      rest = [];
      from = end + 1;
    }
    if (from < bytes.length) rest.push(Buffer.from(bytes.subarray(from)));
  }
  if (rest.length > 0) yield Buffer.concat(rest);
}

/** Encrypted to these age public keys. */
export async function* encrypted<T>(source: Source<T>, recipients: readonly string[]): Source<T> {
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  const end: T[] = [];
  async function* body(): Bytes {
    end.push(yield* source);
  }
  yield* await encrypter.encrypt(ReadableStream.from(body()) as globalThis.ReadableStream<Uint8Array>);
  return end[0] as T;
}

/**
 * Decrypted with the first of these private keys that opens it.
 * @throws Error ("no identity matched …") before the first byte when none does; at the first altered piece.
 */
export async function* decrypted(source: Bytes, identities: readonly string[]): AsyncGenerator<Uint8Array, void, void> {
  const decrypter = new Decrypter();
  for (const identity of identities) decrypter.addIdentity(identity);
  yield* await decrypter.decrypt(ReadableStream.from(source) as globalThis.ReadableStream<Uint8Array>);
}

/** What went through. */
export interface Measured {
  readonly bytes: number;
  /** Hex. */
  readonly sha256: string;
}

/** The same bytes, and at their end what they were. */
export async function* measured<T>(source: Source<T>): Source<{ end: T; measure: Measured }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for (;;) {
    const { done, value } = await source.next();
    if (done === true) return { end: value, measure: { bytes, sha256: hash.digest("hex") } };
    hash.update(value);
    bytes += value.byteLength;
    yield value;
  }
}

/**
 * The same bytes, the last of them only when all are proven to be the expected ones: who needs the end to go on does not get it
 * otherwise.
 * @throws Error when they are others.
 */
export async function* proven(source: Bytes, expected: Measured, name: string): AsyncGenerator<Uint8Array, void, void> {
  const hash = createHash("sha256");
  let bytes = 0;
  let held: Uint8Array | undefined;
  for await (const piece of source) {
    if (piece.byteLength === 0) continue;
    hash.update(piece);
    bytes += piece.byteLength;
    if (held !== undefined) yield held;
    held = piece;
  }
  if (bytes !== expected.bytes || hash.digest("hex") !== expected.sha256) {
    throw new Error(`${name} is not what the manifest says: it was altered, or cut off`);
  }
  if (held !== undefined) yield held;
}
