// MinIO's admin API beyond what the native provider does: users, their policies, groups and service accounts. It encrypts some
// requests and answers with the administrator's secret. Sources: madmin-go encrypt.go and user-commands.go, secure-io/sio-go.
import type { Client } from "minio";
import * as crypto from "node:crypto";
import { createCipheriv, createDecipheriv, pbkdf2Sync, randomBytes, type CipherGCMTypes } from "node:crypto";
import { promisify } from "node:util";

/** Bytes of plaintext in one fragment; each has a tag of 16 bytes behind it. */
const fragment = 16 * 1024;
const tagLength = 16;

/** Algorithms by their byte in the header. The first two derive the key with Argon2id, the last with PBKDF2. */
const algorithms = ["aes-256-gcm", "chacha20-poly1305", "aes-256-gcm"] as const;

// Not by its name: Node.js before 24.7 has none, and would not load the file.
const { argon2 } = crypto as Partial<typeof crypto>;

async function keyFor(secret: string, salt: Buffer, algorithm: number): Promise<Uint8Array> {
  if (algorithm === 2) return pbkdf2Sync(secret, salt, 8192, 32, "sha256");
  if (typeof argon2 === "function") {
    const parameters = { message: secret, nonce: salt, passes: 1, memory: 64 * 1024, parallelism: 4, tagLength: 32 };
    return promisify(argon2)("argon2id", parameters);
  }
  // Node.js before 24.7: five times the work.
  const { argon2idAsync } = await import("@noble/hashes/argon2.js");
  return argon2idAsync(secret, salt, { t: 1, m: 64 * 1024, p: 4, dkLen: 32 });
}

/** Seals and opens the fragments of one message. Each fragment's nonce ends with its number; 0 seals only the associated data. */
function fragments(algorithm: CipherGCMTypes, key: Uint8Array, nonce: Buffer) {
  const nonceOf = (number: number): Buffer => {
    const counter = Buffer.alloc(4);
    counter.writeUInt32LE(number);
    return Buffer.concat([nonce, counter]);
  };
  const options = { authTagLength: tagLength };
  const seal = (number: number, plain: Buffer, associated: Buffer): Buffer => {
    const cipher = createCipheriv(algorithm, key, nonceOf(number), options).setAAD(associated);
    return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
  };
  const about = seal(0, Buffer.alloc(0), Buffer.alloc(0));
  const associated = (last: boolean): Buffer => Buffer.concat([Buffer.from([last ? 0x80 : 0]), about]);
  return {
    seal: (number: number, plain: Buffer, last: boolean): Buffer => seal(number, plain, associated(last)),
    open: (number: number, sealed: Buffer, last: boolean): Buffer => {
      const cipher = createDecipheriv(algorithm, key, nonceOf(number), options).setAAD(associated(last));
      cipher.setAuthTag(sealed.subarray(-tagLength));
      return Buffer.concat([cipher.update(sealed.subarray(0, -tagLength)), cipher.final()]);
    },
  };
}

/** A request's body, of at most 16 KiB. */
export function sealed(secret: string, text: string): Buffer {
  const [salt, nonce] = [randomBytes(32), randomBytes(8)];
  const key = pbkdf2Sync(secret, salt, 8192, 32, "sha256");
  const body = fragments("aes-256-gcm", key, nonce).seal(1, Buffer.from(text), true);
  return Buffer.concat([salt, Buffer.from([2]), nonce, body]);
}

/** An answer in the clear. @throws Error when it is not sealed with that secret */
export async function unsealed(secret: string, answer: Buffer): Promise<string> {
  const [salt, algorithm, nonce] = [answer.subarray(0, 32), answer[32] ?? 255, answer.subarray(33, 41)];
  const name = algorithms[algorithm];
  if (name === undefined) throw new Error("MinIO's answer is encrypted in a way that is not known here");
  const { open } = fragments(name as CipherGCMTypes, await keyFor(secret, salt, algorithm), nonce);
  const parts: Buffer[] = [];
  for (let [number, rest] = [1, answer.subarray(41)]; ; number++) {
    const last = rest.length <= fragment + tagLength;
    parts.push(open(number, last ? rest : rest.subarray(0, fragment + tagLength), last));
    if (last) return Buffer.concat(parts).toString("utf8");
    rest = rest.subarray(fragment + tagLength);
  }
}

/** One call of the admin API. @throws Error with the server's `code` */
export async function adminCall(
  client: Client,
  method: "GET" | "PUT" | "DELETE",
  call: string,
  query: Readonly<Record<string, string>>,
  body: Buffer | string = "",
): Promise<Buffer> {
  const answer = await client.makeRequestAsync(
    {
      method,
      bucketName: "minio",
      objectName: `admin/v3/${call}`,
      query: new URLSearchParams(query).toString(),
      // The server closes some connections after a refusal, without saying so: the next request would be lost.
      headers: { connection: "close" },
    },
    body,
    // Errors of the admin API are JSON, which the client does not read.
    [200, 204, 400, 403, 404, 409, 426, 501],
    "us-east-1",
  );
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  const content = Buffer.concat(chunks);
  if ((answer.statusCode ?? 0) < 300) return content;
  const { Code: code = "", Message: message = "" } = JSON.parse(content.toString("utf8")) as {
    Code?: string;
    Message?: string;
  };
  throw Object.assign(new Error(`MinIO ${call}: ${message}`), { code });
}
