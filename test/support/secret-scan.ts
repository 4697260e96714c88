// Looks for secrets in files and texts, in every form a program might write them in. A finding names the place and the secret,
// and never holds its value.
import { createHash } from "node:crypto";
import { closeSync, lstatSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { join } from "node:path";
import { constants, gunzipSync } from "node:zlib";

/** A secret by its name, for a finding: `postgres_password of acme`. */
export interface Secret {
  readonly name: string;
  readonly value: string;
}

/** A secret that is where it must not be. */
export interface Finding {
  /** A file, or what the text is called. */
  readonly place: string;
  readonly secret: string;
  /** `as it is`, `base64`, … */
  readonly form: string;
}

/**
 * Bytes that are compared: the beginning of each form, so that a value that was cut off is found too. 16 characters of a random
 * password are 95 bits: nothing else is equal by chance.
 */
const window = 16;

interface Needle {
  readonly bytes: Buffer;
  readonly secret: string;
  readonly form: string;
}

/** Every way to write the value that is not the value itself. Those that are equal to an earlier one are left out. */
function formsOf(value: string): Map<string, string> {
  const bytes = Buffer.from(value);
  // In the middle of something that was encoded as a whole (name:password of HTTP), a value starts at one of three places. The
  // characters that depend on what is beside it are left out.
  const inBase64 = (before: number) =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString("base64")
      .slice(before && 4, -4);
  const forms: [string, string][] = [
    ["as it is", value],
    ["base64", inBase64(0)],
    ["base64 inside something", inBase64(1)],
    ["base64 inside something else", inBase64(2)],
    ["hex", bytes.toString("hex")],
    ["HEX", bytes.toString("hex").toUpperCase()],
    ["URL-encoded", encodeURIComponent(value)],
    ["in JSON", JSON.stringify(value).slice(1, -1)],
    ["SHA-256", createHash("sha256").update(value).digest("hex")],
    ["UTF-16", bytes.toString("latin1").split("").join("\0")],
  ];
  const named = new Map<string, string>();
  for (const [form, text] of forms) if (![...named.values()].includes(text)) named.set(form, text);
  return named;
}

/** Looks for a set of secrets; make it once and use it often. About a gigabyte a second, whatever their number. */
export class SecretScan {
  readonly #needles = new Map<number, Needle[]>();
  /** How far the window may move when it ends with these two bytes (Wu and Manber's algorithm): 0 is "look closer". */
  readonly #shift = new Uint8Array(1 << 16).fill(window - 1);

  /** @throws RangeError for a secret that is shorter than the window: it would be found everywhere. */
  constructor(secrets: readonly Secret[]) {
    for (const { name, value } of secrets) {
      if (value.length < window) throw new RangeError(`${name} is too short to look for: ${value.length} characters`);
      for (const [form, text] of formsOf(value)) this.#add({ bytes: Buffer.from(text, "latin1"), secret: name, form });
    }
  }

  #add(needle: Needle): void {
    const { bytes } = needle;
    for (let end = 2; end <= window; end += 1) {
      const pair = (bytes[end - 2] ?? 0) | ((bytes[end - 1] ?? 0) << 8);
      this.#shift[pair] = Math.min(this.#shift[pair] ?? 0, window - end);
      if (end === window) this.#needles.set(pair, [...(this.#needles.get(pair) ?? []), needle]);
    }
  }

  /** What is in the text or the bytes. One finding for each secret and form, however often it is there. */
  in(place: string, content: string | Buffer): Finding[] {
    const bytes = typeof content === "string" ? Buffer.from(content) : content;
    const found = new Map<Needle, Finding>();
    let end = window;
    while (end <= bytes.length) {
      const pair = (bytes[end - 2] ?? 0) | ((bytes[end - 1] ?? 0) << 8);
      const step = this.#shift[pair] ?? 0;
      if (step === 0) {
        for (const needle of this.#needles.get(pair) ?? []) {
          if (found.has(needle) || bytes.compare(needle.bytes, 0, window, end - window, end) !== 0) continue;
          found.set(needle, { place, secret: needle.secret, form: needle.form });
        }
      }
      end += step || 1;
    }
    return [...found.values()];
  }

  /** What is in a file of any size, in its name, and in what it is when it is compressed (gzip). */
  inFile(file: string): Finding[] {
    const found = new Map<string, Finding>();
    const add = (all: Finding[]) => all.forEach((one) => found.set(`${one.secret} ${one.form}`, one));
    add(this.in(file, file));
    add(this.in(file, unpacked(file)));
    const descriptor = openSync(file, "r");
    try {
      const buffer = Buffer.alloc(1 << 20);
      for (let kept = 0; ;) {
        const read = readSync(descriptor, buffer, kept, buffer.length - kept, null);
        if (read === 0) return [...found.values()];
        const end = kept + read;
        add(this.in(file, buffer.subarray(0, end)));
        // The end of one piece is looked at again with the beginning of the next.
        kept = Math.min(end, window - 1);
        buffer.copyWithin(0, end - kept, end);
      }
    } finally {
      closeSync(descriptor);
    }
  }

  /**
   * What is in the files of a folder, at any depth. Links are not followed; what ends meanwhile is passed over.
   * @param skip files and folders not to look at, by their path
   */
  inFolder(folder: string, skip: (path: string) => boolean = () => false): Finding[] {
    return filesIn(folder, skip).flatMap((file) => {
      try {
        return this.inFile(file);
      } catch (error) {
        if (isGone(error)) return [];
        throw error;
      }
    });
  }
}

/** The content of a compressed file, as far as it was written; nothing for every other file. */
function unpacked(file: string): Buffer {
  const start = Buffer.alloc(2);
  const descriptor = openSync(file, "r");
  readSync(descriptor, start, 0, 2, 0);
  closeSync(descriptor);
  if (start.readUInt16BE() !== 0x1f8b) return Buffer.alloc(0);
  try {
    return gunzipSync(readFileSync(file), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return Buffer.alloc(0); // It only looks like one.
  }
}

const isGone = (error: unknown): boolean => ["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "");

/** The regular files of a folder, at any depth; none when there is no such folder. */
export function filesIn(folder: string, skip: (path: string) => boolean = () => false): string[] {
  try {
    return readdirSync(folder).flatMap((name) => {
      const path = join(folder, name);
      if (skip(path)) return [];
      const status = lstatSync(path, { throwIfNoEntry: false });
      if (status?.isDirectory()) return filesIn(path, skip);
      return status?.isFile() ? [path] : [];
    });
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}
