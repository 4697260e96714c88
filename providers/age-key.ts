// The tenant's age key pair (plan, section 6.1). The private key is a 0600 file and never in the state.
import type { CustomResourceOptions, Output } from "@pulumi/pulumi";
import { chmod, readdir, readFile, rm, rmdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeThrough } from "./clients/credentials.ts";
import { writeAtomically } from "./clients/files.ts";
import { checkPrivate, makePrivate } from "./clients/private-folder.ts";
import { secretFiles } from "./clients/secrets-dir.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface AgeKeyInputs {
  readonly tenant: string;
}

interface AgeKeyState extends AgeKeyInputs {
  /** The public key, `age1…`. */
  readonly recipient: string;
}

async function recipientOf(keyFile: string): Promise<string | undefined> {
  let identity: string;
  try {
    identity = await readFile(keyFile, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return (await pipeThrough("age-keygen", ["-y"], identity)).trim();
}

export const provider = dynamicProvider<AgeKeyInputs, AgeKeyState>({
  describe: ({ tenant }) => `age key of tenant ${tenant} in ${secretFiles(tenant).folder}`,
  id: ({ tenant }) => tenant,
  inputs: { tenant: "replace" },
  async ensure({ tenant }) {
    const files = secretFiles(tenant);
    await makePrivate(files.folder);
    // A key from an interrupted run is kept: something may be encrypted to it already.
    let recipient = await recipientOf(files.key);
    if (recipient === undefined) {
      const identity = await pipeThrough("age-keygen", [], "");
      await writeAtomically(files.key, identity, 0o600);
      recipient = (await pipeThrough("age-keygen", ["-y"], identity)).trim();
    }
    await chmod(files.key, 0o600);
    await writeAtomically(files.publicKey, `${recipient}\n`, 0o644);
    return { tenant, recipient };
  },
  async observe({ tenant }) {
    const files = secretFiles(tenant);
    const recipient = await recipientOf(files.key);
    if (recipient !== undefined) await checkPrivate(files.folder);
    if (recipient === undefined || ((await stat(files.key)).mode & 0o077) !== 0) return undefined;
    const published = await readFile(files.publicKey, "utf8").catch(() => "");
    return published.trim() === recipient ? { tenant, recipient } : undefined;
  },
  async remove({ tenant }) {
    const files = secretFiles(tenant);
    await rm(files.publicKey, { force: true });
    await rm(files.key, { force: true });
    // What a killed run was about to rename: a key may be in it.
    const left = await readdir(files.folder).catch(() => []);
    for (const name of left.filter((one) => one.endsWith(".new"))) await rm(join(files.folder, name), { force: true });
    await rmdir(files.folder).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== "ENOENT") throw error;
    });
  },
});

/** An age key pair in the tenant's secrets folder. */
export class AgeKey extends DynamicResource {
  declare readonly recipient: Output<string>;

  constructor(name: string, args: AgeKeyInputs, opts?: CustomResourceOptions) {
    super("AgeKey", "age-key", name, { ...args, recipient: undefined }, opts);
  }
}
