// Two tenants that the real engine deployed, for tests that use a tenant's credentials: the one somebody attacks from, the other
// attacked. Brought up to date by the first test file of a run that asks; they stay for the next run.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, rmdir } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { tenantNames, type TenantNames } from "../../components/names.ts";
import { decryptCredentials, type Credentials } from "../../providers/clients/credentials.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { platformUp } from "./platform.ts";
import { checkout, initStack, pulumi } from "./pulumi.ts";

/** A tenant as its application sees it. */
export interface Deployed {
  readonly id: string;
  readonly names: TenantNames;
  readonly credentials: Credentials;
}

const octets = { attacker: 240, victim: 241 } as const;

/**
 * The tenant, deployed and verified, with the credentials of its SOPS file. Test files run beside each other: one does it at
 * a time.
 * @param id `attacker` or `victim`: only what a test leaves alone afterwards; one that changes settings has a tenant of its own
 */
export async function deployed(id: keyof typeof octets): Promise<Deployed> {
  const done = join(checkout(), `${id}.deployed`);
  await alone(`${id}.lock`, async () => {
    if (existsSync(done)) return;
    await platformUp();
    await initStack(id, { id, octet: octets[id] });
    const { code, all } = await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]);
    if (code !== 0) throw new Error(all);
    // The copy of the program is made anew for each run of the tests.
    writeFileSync(done, "");
  });
  const files = secretFiles(id);
  return {
    id,
    names: tenantNames(id),
    credentials: await decryptCredentials(readFileSync(files.encrypted, "utf8"), files.key),
  };
}

/** Both tenants. */
export async function deployedTenants(): Promise<{ attacker: Deployed; victim: Deployed }> {
  const attacker = await deployed("attacker");
  return { attacker, victim: await deployed("victim") };
}

/** Does the work while nobody else holds the lock of that name. */
async function alone(name: string, work: () => Promise<void>): Promise<void> {
  const lock = join(checkout(), name);
  for (const deadline = Date.now() + 120_000; Date.now() < deadline; await setTimeout(200)) {
    const held = await mkdir(lock).then(
      () => true,
      () => false,
    );
    if (!held) continue;
    try {
      return await work();
    } finally {
      await rmdir(lock);
    }
  }
  throw new Error(`somebody else holds ${lock}`);
}
