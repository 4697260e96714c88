// The operator's side of the audit log, which the database's administrator has no hand in: the private key that signs events, the
// public keys that are trusted, and the newest event seen here.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Problem } from "../../errors/problem.ts";
import { keyIdOf } from "./audit-chain.ts";
import { writeAtomically } from "./files.ts";
import { checkPrivate, makePrivate } from "./private-folder.ts";
import { projectFolder } from "./place.ts";
import { secretsDir } from "./secrets-dir.ts";

/** The files of one audit log. */
export interface AuditFiles {
  /** `<dir>/<log>` (0700). */
  readonly folder: string;
  /** Ed25519 private key (PKCS #8 PEM, 0600). Never in the state. */
  readonly key: string;
  /** Every public key the log was ever signed with (SPKI PEM), the present one last. */
  readonly publicKeys: string;
  /** The newest event that was seen here (JSON). */
  readonly seen: string;
}

/** The newest event that was seen: one that is older in the database means that newer ones were taken away. */
export interface SeenEvent {
  readonly sequence: number;
  /** Hexadecimal. */
  readonly hash: string;
}

/** A key that signs. */
export interface Signer {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** Public keys by id. */
export type TrustedKeys = Map<string, KeyObject>;

/** TENANT_AUDIT_DIR, relative to the checkout; default `platform` in the secrets folder. */
export function auditDir(env: NodeJS.ProcessEnv = process.env): string {
  const own = env["TENANT_AUDIT_DIR"];
  return own ? resolve(projectFolder(), own) : join(secretsDir(env), "platform");
}

/** Where the files of the log are. @param log the log's id: a UUID */
export function auditFiles(log: string): AuditFiles {
  const folder = join(auditDir(), log);
  return {
    folder,
    key: join(folder, "audit.key"),
    publicKeys: join(folder, "audit.pub"),
    seen: join(folder, "audit.seen"),
  };
}

/** The logs whose files are here. */
export async function knownLogs(): Promise<string[]> {
  const names = await readdir(auditDir()).catch(absent([]));
  return names.filter((name) => /^[0-9a-f-]{36}$/.test(name)).sort();
}

/** A new key pair, not yet on disk. */
export function generateSigner(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  return { id: keyIdOf(publicKey), privateKey, publicKey };
}

/** Keeps the pair; an older private key is gone then, its public key stays trusted. */
export async function keepSigner(log: string, { privateKey, publicKey }: Signer): Promise<void> {
  const files = auditFiles(log);
  await mkdir(auditDir(), { recursive: true, mode: 0o700 });
  await makePrivate(files.folder);
  const before = await readFile(files.publicKeys, "utf8").catch(absent(""));
  await writeAtomically(files.publicKeys, before + publicPem(publicKey), 0o644);
  await writeAtomically(files.key, privateKey.export({ type: "pkcs8", format: "pem" }).toString(), 0o600);
}

/** The key that signs; undefined when it is not here. @throws Error when the file is none, or others may have a hand in it. */
export async function readSigner(log: string): Promise<Signer | undefined> {
  const files = auditFiles(log);
  const pem = await readFile(files.key, "utf8").catch(absent(undefined));
  if (pem === undefined) return undefined;
  await checkPrivate(files.folder);
  const privateKey = parsed(files.key, () => createPrivateKey(pem));
  const publicKey = createPublicKey(privateKey);
  return { id: keyIdOf(publicKey), privateKey, publicKey };
}

/** The public keys that are trusted for the log; none when its files are not here. */
export async function readTrustedKeys(log: string): Promise<TrustedKeys> {
  const file = auditFiles(log).publicKeys;
  return publicKeysIn(file, await readFile(file, "utf8").catch(absent("")));
}

/** The keys of a file: PEM, one after the other. @param file for messages */
export function publicKeysIn(file: string, text: string): TrustedKeys {
  const pems = text.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  const keys = pems.map((pem) => parsed(file, () => createPublicKey(pem)));
  return new Map(keys.map((key) => [keyIdOf(key), key]));
}

export function publicPem(publicKey: KeyObject): string {
  return publicKey.export({ type: "spki", format: "pem" }).toString();
}

/** The newest event that was seen here; undefined: none yet. */
export async function readSeen(log: string): Promise<SeenEvent | undefined> {
  const file = auditFiles(log).seen;
  const text = await readFile(file, "utf8").catch(absent(undefined));
  if (text === undefined) return undefined;
  return parsed(file, () => {
    const { sequence, hash } = JSON.parse(text) as SeenEvent;
    if (!Number.isSafeInteger(sequence) || !/^[0-9a-f]{64}$/.test(hash)) throw new Error("it names no event");
    return { sequence, hash };
  });
}

/** Keeps what was seen. The caller holds the log's lock, and has compared it with what was seen before. */
export async function keepSeen(log: string, { sequence, hash }: SeenEvent): Promise<void> {
  await writeAtomically(auditFiles(log).seen, `${JSON.stringify({ sequence, hash })}\n`, 0o600);
}

function parsed<T>(file: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new Problem(
      "audit-key-missing",
      `${file} cannot be read (${(cause as Error).message}): put the right file back`,
      { cause },
    );
  }
}

const absent =
  <T>(otherwise: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === "ENOENT") return otherwise;
    throw error;
  };
