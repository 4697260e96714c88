// The key pair and SOPS file that a tenant came with: read where they are, and copied into the secrets folder. The plaintext is
// never a file.
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AdoptedSecrets } from "../../components/credentials.ts";
import { decryptCredentials, pipeThrough, type Credentials } from "../../providers/clients/credentials.ts";
import { writeAtomically } from "../../providers/clients/files.ts";
import { makePrivate } from "../../providers/clients/private-folder.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";

/** What `adopting` says in the stack's file: the next run must not choose otherwise. */
export const begun = { kept: "with its own credentials", new: "with new credentials" } as const;

/** What was in the folder. Holds secrets. */
export interface FoundSecrets {
  readonly credentials: Credentials;
  /** The text of key.age. */
  readonly identity: string;
  /** The text of secrets.enc.yaml. */
  readonly encrypted: string;
}

/** Reads and decrypts them. `problems` says what is wrong with them, all at once. */
export async function readSecrets(
  id: string,
  folder: string,
): Promise<{ readonly secrets?: FoundSecrets; readonly problems: readonly string[] }> {
  const [keyFile, sopsFile] = [join(folder, "key.age"), join(folder, "secrets.enc.yaml")];
  const absent = [keyFile, sopsFile].filter((file) => !existsSync(file));
  if (absent.length > 0) {
    return {
      problems: [`--secrets ${folder}: there is no ${absent.join(" and no ")}. If they are lost, leave it out`],
    };
  }
  const [identity, encrypted] = await Promise.all([readFile(keyFile, "utf8"), readFile(sopsFile, "utf8")]);
  let credentials: Credentials;
  try {
    credentials = await decryptCredentials(encrypted, keyFile);
  } catch (error) {
    return {
      problems: [`--secrets ${folder}: ${sopsFile} cannot be read with ${keyFile}: ${(error as Error).message}`],
    };
  }
  const ours = secretFiles(id);
  if (existsSync(ours.key) && (await publicKey(await readFile(ours.key, "utf8"))) !== (await publicKey(identity))) {
    return {
      problems: [
        `${ours.folder} holds another key of tenant ${id} already: set that folder aside, or leave --secrets out to go on with it`,
      ],
    };
  }
  return { secrets: { credentials, identity, encrypted }, problems: [] };
}

const publicKey = async (identity: string): Promise<string> =>
  (await pipeThrough("age-keygen", ["-y"], identity)).trim();

/** Puts key and file into the secrets folder. A file that is there is of an earlier run, and newer. */
export async function copySecrets(id: string, { identity, encrypted }: FoundSecrets): Promise<void> {
  const ours = secretFiles(id);
  await makePrivate(ours.folder);
  if (!existsSync(ours.encrypted)) await writeAtomically(ours.encrypted, encrypted, 0o600);
  // The key last: a folder with a key has its file.
  if (!existsSync(ours.key)) await writeAtomically(ours.key, identity, 0o600);
}

/** What the program is told of them. The Qdrant key is not among them: the tenant gets a token of its own. */
export function adoptedOf({ credentials }: FoundSecrets): AdoptedSecrets {
  return {
    minio: credentials.minio_secret_key,
    postgresql: credentials.postgres_password,
    redis: credentials.redis_password,
    api: credentials.tenant_api_key,
  };
}
