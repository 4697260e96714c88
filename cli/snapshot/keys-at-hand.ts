// The private keys that a command is given: a tenant's own, or the file of a recovery key.
import { identityToRecipient } from "age-encryption";
import { readFile } from "node:fs/promises";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { Problem } from "../errors.ts";

/** An age key pair. */
export interface KeyPair {
  /** `AGE-SECRET-KEY-1…` */
  readonly identity: string;
  /** `age1…` */
  readonly recipient: string;
}

/** The private keys in the text of an age identity file. */
async function keysIn(text: string): Promise<KeyPair[]> {
  const found = text.split("\n").filter((line) => /^AGE-SECRET-KEY-1/i.test(line.trim()));
  return Promise.all(
    found.map(async (line) => ({ identity: line.trim(), recipient: await identityToRecipient(line.trim()) })),
  );
}

/** The tenant's own key; undefined where it is not, or no longer, on this machine. */
export async function ownKey(tenant: string): Promise<KeyPair | undefined> {
  const text = await readFile(secretFiles(tenant).key, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return (await keysIn(text))[0];
}

/**
 * The private keys in the file.
 * @throws Problem when there is none. Never repeats what is in it.
 */
export async function keysInFile(file: string): Promise<KeyPair[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (cause) {
    throw new Problem("export-key", `--identity ${file} cannot be read: ${(cause as Error).message}`, { cause });
  }
  let found: KeyPair[] = [];
  try {
    found = await keysIn(text);
  } catch {
    // Mistyped: said below, without it.
  }
  if (found.length === 0)
    throw new Problem("export-key", `--identity ${file} holds no age private key (a line AGE-SECRET-KEY-1…)`);
  return found;
}
