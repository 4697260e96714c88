// What makes an audit event evidence: a canonical form (RFC 8785), its SHA-256 hash, which the next event holds, and an Ed25519
// signature of that hash. An auditor needs the public key and nothing of ours.
import canonicalize from "canonicalize";
import { createHash, sign, verify, type KeyObject } from "node:crypto";

/** What can be told about an event. Names and states; never a credential. */
export type EventDetails = Readonly<Record<string, string | number | boolean | null | readonly string[]>>;

/** An event as it was before the chain began: what the seal over such events covers. */
export interface UnsignedEvent {
  readonly event_id: string;
  readonly tenant_id: string;
  /** 1, 2, 3 … within the tenant. */
  readonly position: number;
  readonly event_type: string;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly details: EventDetails;
  /** The tenant's event before; null: its first. */
  readonly previous_event_id: string | null;
  /** UTC, to the microsecond: `2026-02-11T12:00:00.000000Z`. */
  readonly created_at: string;
}

/** What the hash of an event covers. Its names are the columns' own, so that an auditor can build it from a row. */
export interface SignedContent extends UnsignedEvent {
  /** 1, 2, 3 … within the platform. */
  readonly sequence: number;
  /** The hash of the event before, hexadecimal; of the first one 64 zeros. */
  readonly previous_hash: string;
  /** Whose signature it carries. */
  readonly key_id: string;
}

/** Before the first event. */
export const noHash = "0".repeat(64);

/** Seals the events of before the chain: one hash over all of them, by id. */
export class Seal {
  readonly #hash = createHash("sha256");
  events = 0;

  add(event: UnsignedEvent): void {
    this.events += 1;
    this.#hash.update(`${canonicalize(event)}\n`);
  }

  /** Hexadecimal. Once. */
  digest(): string {
    return this.#hash.digest("hex");
  }
}

/** SHA-256 of the canonical form. */
export function contentHash(content: SignedContent): Buffer {
  return createHash("sha256")
    .update(canonicalize({ format: 1, ...content }) ?? "")
    .digest();
}

/** 16 hexadecimal digits of the public key's SHA-256. */
export function keyIdOf(publicKey: KeyObject): string {
  return createHash("sha256").update(publicKeyBytes(publicKey)).digest("hex").slice(0, 16);
}

/** What an old key signs to endorse its successor. */
export function publicKeyBytes(publicKey: KeyObject): Buffer {
  return publicKey.export({ type: "spki", format: "der" });
}

export function signBytes(bytes: Buffer, privateKey: KeyObject): Buffer {
  return sign(null, bytes, privateKey);
}

export function isSignature(bytes: Buffer, publicKey: KeyObject, signature: Buffer): boolean {
  return verify(null, bytes, publicKey, signature);
}

/** The same on a thread of its own: a hundred thousand of them take seconds. */
export async function isSignatureAsync(bytes: Buffer, publicKey: KeyObject, signature: Buffer): Promise<boolean> {
  return new Promise((done, fail) =>
    verify(null, bytes, publicKey, signature, (error, valid) => (error === null ? done(valid) : fail(error))),
  );
}

/** PostgreSQL keeps no NUL in JSON, and a lone surrogate (half of a character that was cut) has no canonical form. */
export function storable(details: EventDetails): EventDetails {
  const text = (value: string) => value.toWellFormed().replaceAll("\0", "\ufffd");
  return JSON.parse(
    JSON.stringify(details, (_, value: unknown) => (typeof value === "string" ? text(value) : value)),
  ) as EventDetails;
}
