// The tenant's encrypted credentials (plan, sections 6.3 and 6.4).
import { secret, type CustomResourceOptions, type Input } from "@pulumi/pulumi";
import { readFile, rm } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import {
  credentialKeys,
  decryptCredentials,
  encryptCredentials,
  recipientsOf,
  type Credentials,
} from "./clients/credentials.ts";
import { writeAtomically } from "./clients/files.ts";
import { secretFiles } from "./clients/secrets-dir.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface SopsFileInputs {
  readonly tenant: string;
  /** age public keys that can decrypt the file. The tenant's own is one of them. */
  readonly recipients: readonly string[];
  /** Secret. */
  readonly credentials: Credentials;
}

async function onDisk(tenant: string): Promise<SopsFileInputs | undefined> {
  const files = secretFiles(tenant);
  let encrypted: string;
  try {
    encrypted = await readFile(files.encrypted, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const credentials = await decryptCredentials(encrypted, files.key);
    const known = Object.fromEntries(credentialKeys.map((key) => [key, credentials[key]]));
    return { tenant, recipients: recipientsOf(encrypted).sort(), credentials: known as unknown as Credentials };
  } catch {
    // Altered, or not for this tenant's key: of no use to anybody, and written anew by the next update.
    return undefined;
  }
}

export const provider = dynamicProvider<SopsFileInputs, SopsFileInputs>({
  describe: ({ tenant }) => `SOPS file ${secretFiles(tenant).encrypted}`,
  id: ({ tenant }) => tenant,
  inputs: { tenant: "replace", recipients: "update", credentials: "update" },
  async ensure(desired, previous) {
    // A first write has nothing to compare with: one decryption less.
    const current = previous === undefined ? undefined : await onDisk(desired.tenant);
    if (!isDeepStrictEqual(current, desired)) {
      const encrypted = await encryptCredentials(desired.credentials, desired.recipients);
      await writeAtomically(secretFiles(desired.tenant).encrypted, encrypted, 0o600);
    }
    return desired;
  },
  observe: ({ tenant }) => onDisk(tenant),
  remove: ({ tenant }) => rm(secretFiles(tenant).encrypted, { force: true }),
});

/** `secrets.enc.yaml`: the plan's six entries, encrypted to `recipients`. */
export class SopsFile extends DynamicResource {
  constructor(
    name: string,
    args: {
      tenant: string;
      recipients: Input<string[]>;
      credentials: { [K in keyof Credentials]: Input<string> };
    },
    opts?: CustomResourceOptions,
  ) {
    super("SopsFile", "sops-file", name, { ...args, credentials: secret(args.credentials) }, opts);
  }
}
