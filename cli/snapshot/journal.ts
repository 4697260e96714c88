// How far an export or a restore has come: kept on this machine, not beside the export, so that nobody who can write there can
// make us vouch for parts that are not ours. Encrypted: it names objects.
import { Decrypter, Encrypter } from "age-encryption";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { makePrivate } from "../../providers/clients/private-folder.ts";
import { writeAtomically } from "../../providers/clients/files.ts";
import { localDir } from "../../toolchain/paths.ts";
import { Problem } from "../errors.ts";
import { sha256 } from "./manifest.ts";
import type { KeyPair } from "./keys-at-hand.ts";

/** The record of one piece of work; `T` is JSON. */
export interface Journal<T> {
  readonly file: string;
  /** What an interrupted run wrote; undefined when there was none. @throws Problem when it cannot be opened. */
  readonly read: () => Promise<T | undefined>;
  readonly write: (state: T) => Promise<void>;
  readonly remove: () => Promise<void>;
}

/**
 * The journal of a piece of work.
 * @param what `export acme` or `restore acme`, with where the export lies
 * @param key the tenant's: it is written to and read with it
 */
export function journalOf<T>(what: readonly string[], key: KeyPair): Journal<T> {
  const folder = join(localDir, "snapshots");
  const file = join(folder, `${what.slice(0, 2).join("-")}-${sha256(what.join("\n")).slice(0, 12)}.age`);
  return {
    file,
    async read() {
      const found = await readFile(file).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
      if (found === undefined) return undefined;
      const decrypter = new Decrypter();
      decrypter.addIdentity(key.identity);
      try {
        return JSON.parse(await decrypter.decrypt(found, "text")) as T;
      } catch (cause) {
        throw new Problem(
          "export-not-resumable",
          `${file}, the record of an interrupted ${what.slice(0, 2).join(" of ")}, does not open with the tenant's key of now: ` +
            `it cannot be gone on with. Remove it and what was written, and begin anew`,
          { cause },
        );
      }
    },
    async write(state) {
      await makePrivate(folder);
      const encrypter = new Encrypter();
      encrypter.addRecipient(key.recipient);
      await writeAtomically(file, await encrypter.encrypt(JSON.stringify(state)), 0o600);
    },
    remove: () => rm(file, { force: true }),
  };
}
