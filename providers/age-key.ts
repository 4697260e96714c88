// The tenant's age key pair (plan, section 6.1). The private key is a 0600 file and never in the state.
import type { CustomResourceOptions, Output } from "@pulumi/pulumi";
import { chmod, readFile, rmdir, stat } from "node:fs/promises";
import { formatIdentities, newIdentity, readIdentities } from "./clients/age-identities.ts";
import { unfinishedWrites, writeAtomically } from "./clients/files.ts";
import { checkPrivate, makePrivate } from "./clients/private-folder.ts";
import { secretFiles, type SecretFiles } from "./clients/secrets-dir.ts";
import { shred } from "./clients/shred.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";
import { modeText } from "./sops-file.ts";

export interface AgeKeyInputs {
  readonly tenant: string;
  /** Which key it is; unset is the first. */
  readonly rotation?: number;
}

interface AgeKeyState extends AgeKeyInputs {
  /** The public key, `age1…`. */
  readonly recipient: string;
}

/** What a killed run was about to rename: a key may be in it. */
async function shredUnfinished(file: string): Promise<void> {
  for (const left of await unfinishedWrites(file)) await shred(left);
}

/** Removes the folder with whatever keys are in it. */
async function removeAll(files: SecretFiles): Promise<void> {
  await shred(files.publicKey);
  await shred(files.key);
  for (const file of [files.publicKey, files.key, files.encrypted, files.staged]) await shredUnfinished(file);
  await rmdir(files.folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
  });
}

const isFile = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

export const provider = dynamicProvider<AgeKeyInputs, AgeKeyState>({
  describe: ({ tenant }) => `age key of tenant ${tenant} in ${secretFiles(tenant).folder}`,
  id: ({ tenant }) => tenant,
  inputs: { tenant: "replace", rotation: "renew" },
  optional: ["rotation"],
  async ensure(desired) {
    const files = secretFiles(desired.tenant);
    await makePrivate(files.folder);
    for (const file of [files.publicKey, files.key]) await shredUnfinished(file);
    const { rotation = 0 } = desired;
    const found = await readIdentities(files.key);
    const others = found.filter((one) => one.rotation !== rotation);
    // A key from an interrupted run is kept: something may be encrypted to it already.
    const kept = found.find((one) => one.rotation === rotation);
    const own = kept ?? (await newIdentity(rotation));
    if (kept === undefined) await writeAtomically(files.key, formatIdentities([...others, own]), 0o600);
    await chmod(files.key, 0o600);
    await writeAtomically(files.publicKey, `${own.recipient}\n`, 0o644);
    return { ...desired, recipient: own.recipient };
  },
  async observe(recorded) {
    const files = secretFiles(recorded.tenant);
    const identities = await readIdentities(files.key);
    if (identities.length > 0) await checkPrivate(files.folder);
    return identities.some(({ recipient }) => recipient === recorded.recipient) ? recorded : undefined;
  },
  async foreign({ recipient, tenant }) {
    const files = secretFiles(tenant);
    const { mode } = await stat(files.key);
    const open = (mode & 0o777) === 0o600 ? [] : [`the mode of key.age is ${modeText(mode)}, not 0600`];
    // One that has a successor is about to be deleted, and is published no more.
    if ((await readIdentities(files.key)).at(-1)?.recipient !== recipient) return open;
    const published = await readFile(files.publicKey, "utf8").catch(() => undefined);
    if (published?.trim() === recipient) return open;
    return [...open, published === undefined ? "key.pub is gone" : "key.pub is another key"];
  },
  async remove({ tenant, recipient }) {
    const files = secretFiles(tenant);
    // Without credentials nothing is encrypted to any key: the tenant is being removed.
    if (!(await isFile(files.encrypted))) return removeAll(files);
    const others = (await readIdentities(files.key)).filter((one) => one.recipient !== recipient);
    if (others.length === 0) return removeAll(files);
    for (const file of [files.publicKey, files.key]) await shredUnfinished(file);
    await writeAtomically(files.key, formatIdentities(others), 0o600);
  },
});

/** An age key pair in the tenant's secrets folder. */
export class AgeKey extends DynamicResource {
  declare readonly recipient: Output<string>;

  constructor(name: string, args: AgeKeyInputs, opts?: CustomResourceOptions) {
    super("AgeKey", "age-key", name, { ...args, recipient: undefined }, opts);
  }
}
