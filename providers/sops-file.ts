// The tenant's encrypted credentials (plan, sections 6.3 and 6.4). New ones are written beside the file: nobody may read them before
// every store accepts them (CredentialsHandover).
import { secret, type CustomResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import {
  credentialKeys,
  decryptCredentials,
  encryptCredentials,
  recipientsOf,
  type Credentials,
} from "./clients/credentials.ts";
import { unfinishedWrites, writeAtomically } from "./clients/files.ts";
import { secretFiles } from "./clients/secrets-dir.ts";
import { shred } from "./clients/shred.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface SopsFileInputs {
  readonly tenant: string;
  /** age public keys that can decrypt the file. The tenant's own is one of them. */
  readonly recipients: readonly string[];
  /** Secret. */
  readonly credentials: Credentials;
}

interface SopsFileState extends SopsFileInputs {
  /** SHA-256 of the file as it was written, in hex. Unset in the state of an older version. */
  readonly digest?: string;
}

/** SHA-256 in hex. */
export const digestOf = (text: string): string => createHash("sha256").update(text).digest("hex");

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

export const provider = dynamicProvider<SopsFileInputs, SopsFileState>({
  describe: ({ tenant }) => `SOPS file ${secretFiles(tenant).encrypted}`,
  id: ({ tenant }) => tenant,
  inputs: { tenant: "replace", recipients: "update", credentials: "update" },
  outdated: ({ digest }) => digest === undefined,
  async ensure(desired, previous) {
    const { encrypted, staged } = secretFiles(desired.tenant);
    for (const file of [encrypted, staged]) {
      for (const left of await unfinishedWrites(file)) await rm(left, { force: true });
    }
    const current = await onDisk(desired.tenant);
    const same = current !== undefined && isDeepStrictEqual(current.credentials, desired.credentials);
    if (same && isDeepStrictEqual(current.recipients, desired.recipients)) {
      await rm(staged, { force: true });
      return { ...desired, digest: digestOf(await readFile(encrypted, "utf8")) };
    }
    const text = await encryptCredentials(desired.credentials, desired.recipients);
    // Only what somebody can read now is handed over. The same credentials for other keys are right at once.
    const handedOver = previous !== undefined && current !== undefined && !same;
    await writeAtomically(handedOver ? staged : encrypted, text, 0o600);
    if (!handedOver) await rm(staged, { force: true });
    return { ...desired, digest: digestOf(text) };
  },
  async observe(recorded) {
    const found = await onDisk(recorded.tenant);
    return found && { ...found, ...(recorded.digest === undefined ? {} : { digest: recorded.digest }) };
  },
  async remove({ tenant }) {
    const { encrypted, staged } = secretFiles(tenant);
    await shred(staged);
    await shred(encrypted);
  },
});

/** `secrets.enc.yaml`: the plan's six entries, encrypted to `recipients`. */
export class SopsFile extends DynamicResource {
  declare readonly digest: Output<string>;

  constructor(
    name: string,
    args: {
      tenant: string;
      recipients: Input<string[]>;
      credentials: { [K in keyof Credentials]: Input<string> };
    },
    opts?: CustomResourceOptions,
  ) {
    const props = { ...args, credentials: secret(args.credentials), digest: undefined };
    super("SopsFile", "sops-file", name, props, opts);
  }
}
