// Encryption: the tenant's credentials decrypt with its own age key and with no other (plan, sections 6 and 8.1).
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parse } from "yaml";
import { credentialKeys, decryptCredentials, pipeThrough, recipientsOf } from "../../providers/clients/credentials.ts";
import { parseIdentities } from "../../providers/clients/age-identities.ts";
import { secretFiles, type SecretFiles } from "../../providers/clients/secrets-dir.ts";
import { Mismatch, refused, works, type Attempt, type Dialect, type StoreDefinition, type Subject } from "./checks.ts";

const notARecipient = "not a recipient";

const dialect: Dialect = {
  // sops wraps its lines.
  code: (error) =>
    /identity did not match any of the recipients/.test((error as Error).message.replace(/[\s|]+/g, " "))
      ? notARecipient
      : undefined,
  refusals: [notARecipient],
};

interface Context extends Subject {
  readonly files: SecretFiles;
  readonly encrypted: string;
}

/** Runs `use` with the file of a new key that nothing was ever encrypted to. */
async function withFreshKey<T>(use: (keyFile: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "tenant-verify-"));
  try {
    const file = join(folder, "key.age");
    await writeFile(file, await pipeThrough("age-keygen", [], ""), { mode: 0o600 });
    return await use(file);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

export const encryption: StoreDefinition<Context> = {
  store: "encryption",
  async within(subject, work) {
    const files = secretFiles(subject.names.id);
    // Every store waits for this decryption: the others need not compete with it.
    await subject.credentials.catch(() => undefined);
    return work({ ...subject, files, encrypted: await readFile(files.encrypted, "utf8") });
  },
  checks: [
    {
      test: "decrypts_with_own_key",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          await c.credentials.catch((error: unknown) => {
            throw new Mismatch((error as Error).message, { cause: error });
          });
        }),
    },
    {
      test: "decrypts_with_other_key",
      expected: "DENIED",
      run: async (c) =>
        withFreshKey(async (fresh) => {
          const attempts: Attempt[] = [{ what: "a new key", run: () => decryptCredentials(c.encrypted, fresh) }];
          // The other tenant's key need not be on this machine.
          const key = secretFiles(c.other.id).key;
          if (await exists(key)) {
            attempts.push({ what: `the key of ${c.other.id}`, run: () => decryptCredentials(c.encrypted, key) });
          }
          return refused(dialect, attempts);
        }),
    },
    {
      test: "recipients",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          const [published, key] = await Promise.all([
            readFile(c.files.publicKey, "utf8"),
            readFile(c.files.key, "utf8"),
          ]);
          const own = published.trim();
          // While the key is being rotated, the file holds the former one, too.
          if ((await parseIdentities(key)).at(-1)?.recipient !== own) {
            throw new Mismatch(`${c.files.publicKey} is not the public key of ${c.files.key}`);
          }
          const found = recipientsOf(c.encrypted);
          const wanted = [own, ...c.extraRecipients];
          const foreign = found.filter((recipient) => !wanted.includes(recipient));
          const missing = wanted.filter((recipient) => !found.includes(recipient));
          if (foreign.length > 0) throw new Mismatch(`also encrypted to ${foreign.join(", ")}`);
          if (missing.length > 0) throw new Mismatch(`not encrypted to ${missing.join(", ")}`);
        }),
    },
    {
      test: "values_encrypted",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          const document = parse(c.encrypted) as Record<string, unknown>;
          const clear = credentialKeys.filter((key) => !String(document[key]).startsWith("ENC[AES256_GCM,"));
          if (clear.length > 0) throw new Mismatch(`not encrypted: ${clear.join(", ")}`);
        }),
    },
    {
      test: "key_file_mode",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          const { mode } = await stat(c.files.key);
          const shown = (mode & 0o777).toString(8).padStart(4, "0");
          if ((mode & 0o077) !== 0) throw new Mismatch(`${c.files.key} has mode ${shown}: chmod 600 ${c.files.key}`);
        }),
    },
  ],
};
