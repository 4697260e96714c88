// The tenant's encrypted credentials (plan, sections 6.3 and 6.4). New ones are written beside the file: nobody may read them before
// every store accepts them (CredentialsHandover).
import { secret, type CustomResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import { chmod, readFile, rm, stat } from "node:fs/promises";
import { isDeepStrictEqual } from "node:util";
import { parse } from "yaml";
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

/** Permissions as `chmod` takes them. */
export const modeText = (mode: number): string => (mode & 0o777).toString(8).padStart(4, "0");

/** What of the file's entries is not as sops writes them, or not ours. */
async function oddEntries(file: string): Promise<string[]> {
  const { sops: _, ...entries } = parse(await readFile(file, "utf8")) as Record<string, unknown>;
  return Object.entries(entries).flatMap(([name, value]) => {
    if (!(credentialKeys as readonly string[]).includes(name)) return [`it has the entry ${name}`];
    return String(value).startsWith("ENC[") ? [] : [`${name} stands in it unencrypted`];
  });
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
    if (current !== undefined) await chmod(encrypted, 0o600);
    const same = current !== undefined && isDeepStrictEqual(current.credentials, desired.credentials);
    const whole = same && (await oddEntries(encrypted)).length === 0;
    if (whole && isDeepStrictEqual(current.recipients, desired.recipients)) {
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
  async foreign({ credentials, digest, tenant }, found) {
    const { encrypted, staged } = secretFiles(tenant);
    const odd = await oddEntries(encrypted);
    const { mode } = await stat(encrypted);
    if ((mode & 0o777) !== 0o600) odd.push(`its mode is ${modeText(mode)}, not 0600`);
    const next = await readFile(staged, "utf8").catch(() => "");
    if (digestOf(next) === digest)
      return [...odd, "new credentials wait for their handover, which the next update does"];
    const others = credentialKeys.filter((key) => credentials[key] !== found.credentials[key]);
    return [...odd, ...others.map((key) => `${key} is not what was written`)];
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
