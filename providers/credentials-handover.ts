// The moment at which new credentials take the place of the old. Until then every store accepts both sets, except PostgreSQL, which
// knows one password: it changes in the same moment as the SOPS file, so that whoever reads the file finds a set that works.
import { secret, type CustomResourceOptions, type Input } from "@pulumi/pulumi";
import { renameSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { readCredentials } from "./clients/credentials.ts";
import { withAdmin } from "./clients/postgresql.ts";
import { withEveryNode } from "./clients/postgresql-nodes.ts";
import { changePassword, endFormerSessions, forcePassword, storedLogin } from "./clients/role-password.ts";
import { scramVerifier } from "./clients/scram.ts";
import { secretFiles } from "./clients/secrets-dir.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";
import { digestOf } from "./sops-file.ts";

export interface CredentialsHandoverInputs {
  readonly tenant: string;
  readonly role: string;
  /** `SCRAM-SHA-256$…` of the password in the new file. Secret. */
  readonly verifier: string;
  /** Whether the role may log in. */
  readonly login: boolean;
  /** SHA-256 of the new file. */
  readonly digest: string;
}

/**
 * What makes the new file the tenant's: a renaming, or nothing when it is already.
 * @throws Error when neither file holds the credentials that the stores were told
 */
async function publication({ tenant, role, verifier, digest }: CredentialsHandoverInputs): Promise<() => void> {
  const { encrypted, staged } = secretFiles(tenant);
  const isNew = (file: string): Promise<boolean> =>
    readFile(file, "utf8").then(
      (text) => digestOf(text) === digest,
      () => false,
    );
  if (await isNew(staged)) return () => renameSync(staged, encrypted);
  // Encrypted once more by somebody, it has another digest and says the same.
  if (!(await isNew(encrypted))) {
    const { postgres_password: password } = await readCredentials(tenant);
    if (scramVerifier(role, password) !== verifier) {
      throw new Error(
        `neither ${encrypted} nor ${staged} holds the credentials that the stores were told. ` +
          `Write them again: pulumi refresh --stack ${tenant} && pulumi up --stack ${tenant}`,
      );
    }
  }
  return () => undefined;
}

export const provider = dynamicProvider<CredentialsHandoverInputs, CredentialsHandoverInputs>({
  describe: ({ tenant }) => `handover of the credentials of tenant ${tenant}`,
  id: ({ tenant }) => tenant,
  inputs: { tenant: "replace", role: "replace", verifier: "update", login: "update", digest: "update" },
  adopts: true,
  async ensure(desired, previous) {
    const publish = await publication(desired);
    let published = false;
    const once = (): void => {
      if (!published) publish();
      published = true;
    };
    await withEveryNode(async (nodes) => {
      const stored = await storedLogin(nodes[0].client, desired.role);
      const settled = previous === undefined || previous.verifier === desired.verifier;
      if (stored?.verifier === desired.verifier) {
        once();
        // An interrupted run may have left sessions of the former password.
        if (settled || (await endFormerSessions(nodes, desired))) return;
      } else {
        // Any other password is somebody's who set it: nothing of that may live on.
        const ours = previous === undefined || stored?.verifier === previous.verifier;
        if (ours && (await changePassword(nodes, desired, once))) return;
      }
      await forcePassword(nodes, desired, once);
    });
    const folder = await open(secretFiles(desired.tenant).folder, "r");
    await folder.sync().finally(() => folder.close());
    return desired;
  },
  async observe(recorded) {
    const stored = await withAdmin((client) => storedLogin(client, recorded.role));
    if (stored === undefined) return undefined;
    return stored.verifier === recorded.verifier ? recorded : { ...recorded, verifier: "changed outside" };
  },
  foreign: async ({ verifier }, found) => (verifier === found.verifier ? [] : ["the password of the role was changed"]),
  remove: async () => undefined, // RoleLogin shuts the role out; SopsFile removes the files.
});

/** Publishes new credentials when every store accepts them, and ends the sessions of the former password. */
export class CredentialsHandover extends DynamicResource {
  constructor(
    name: string,
    args: { [K in keyof CredentialsHandoverInputs]: Input<CredentialsHandoverInputs[K]> },
    opts?: CustomResourceOptions,
  ) {
    super("CredentialsHandover", "credentials-handover", name, { ...args, verifier: secret(args.verifier) }, opts);
  }
}
