// The folder of a tenant's key and encrypted credentials (plan, section 6).
import { join, resolve } from "node:path";
import { canaryId } from "../../components/names.ts";
import { projectFolder } from "./place.ts";
import { defaultPlacement } from "./placements.ts";
import { currentPlacement } from "./servers.ts";

/** The files of one tenant. The plaintext of `encrypted` never exists as a file. */
export interface SecretFiles {
  /** `<dir>/<id>` (0700). */
  readonly folder: string;
  /** age private key (0600). Never in the state. */
  readonly key: string;
  /** age public key. */
  readonly publicKey: string;
  /** The SOPS file of credentials. */
  readonly encrypted: string;
  /** The SOPS file of the credentials that come next, while stores are being told of them. */
  readonly staged: string;
}

/** TENANT_SECRETS_DIR, relative to the checkout (or, for the package, to the project); default `.secrets/tenants`. */
export function secretsDir(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(projectFolder(), env["TENANT_SECRETS_DIR"] || ".secrets/tenants");
}

/** Where the files of `tenant` are. */
export function secretFiles(tenant: string, env: NodeJS.ProcessEnv = process.env): SecretFiles {
  const placement = tenant === canaryId ? currentPlacement() : defaultPlacement;
  // Every placement has a canary, of one name in its stores. Ids hold no hyphen: the folder is nobody else's.
  const folder = join(secretsDir(env), placement === defaultPlacement ? tenant : `${tenant}-${placement}`);
  return {
    folder,
    key: join(folder, "key.age"),
    publicKey: join(folder, "key.pub"),
    encrypted: join(folder, "secrets.enc.yaml"),
    staged: join(folder, "secrets.enc.yaml.next"),
  };
}
