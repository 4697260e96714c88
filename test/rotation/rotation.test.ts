// tenant rotate on the real stores: an application at work loses no operation, the old secrets end, and a run that is killed or
// fails leaves one set of credentials that works, and is finished by the next.
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { readIdentities } from "../../providers/clients/age-identities.ts";
import { events, type AuditEvent } from "../../providers/clients/audit.ts";
import {
  decryptCredentials,
  readCredentials,
  recipientsOf,
  type Credentials,
} from "../../providers/clients/credentials.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { getTenant } from "../../providers/clients/registry.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { deployWith, destroy } from "../support/deploy-with.ts";
import { planned, pulumi, run, type Outcome } from "../support/pulumi.ts";
import { answers, refused, works } from "./answers.ts";
import { Application } from "./application.ts";
import { interruptedTests } from "./interrupted.ts";

const id = "rotated";
const names = tenantNames(id);
const files = secretFiles(id);
const rotate = (...args: string[]): Promise<Outcome> => run(process.execPath, ["cli/tenant.ts", "rotate", id, ...args]);
const lastEvents = async (count: number): Promise<AuditEvent[]> => withPlatform((client) => events(client, id, count));

beforeAll(async () => {
  await deployWith(id, { network: ["10.91.0.0/16"], qdrantVectorSize: 4 });
}, 120_000);
afterAll(() => destroy(id), 60_000);

describe("tenant rotate under load", () => {
  let before: Credentials;
  let application: Application;
  let outcome: Outcome;
  beforeAll(async () => {
    before = await readCredentials(id);
    application = new Application(id);
    await application.start();
    outcome = await rotate("--json");
    await application.more();
    await application.stop();
  }, 120_000);

  it("succeeds, and says what it rotated", () => {
    expect(outcome.code, outcome.all).toBe(0);
    expect(JSON.parse(outcome.stdout)).toEqual({
      tenant_id: id,
      outcome: "rotated",
      secrets: ["minio", "postgresql", "qdrant", "redis", "api"],
      rotation: { minio: 1, postgresql: 1, qdrant: 1, redis: 1, api: 1 },
    });
  });

  it.each(["minio", "postgresql", "postgresql, long transactions", "qdrant", "redis"])(
    "loses no operation in %s",
    (job) => {
      const done = application.done[job];
      expect(done?.failures).toEqual([]);
      expect(done?.operations).toBeGreaterThan(3);
    },
  );

  it("makes every secret anew, and they work", async () => {
    const after = await readCredentials(id);
    for (const [key, value] of Object.entries(before))
      expect([key, value]).not.toEqual([key, after[key as keyof Credentials]]);
    expect(after.minio_access_key).toBe(`${names.minioUser}-1`);
    expect(await answers(id, after)).toEqual(works);
  });

  it("ends the old ones: each server refuses them", async () => {
    expect(await answers(id, before)).toEqual(refused);
  });

  it("is in the audit log, without a secret", async () => {
    const [last] = await lastEvents(1);
    expect(last).toMatchObject({
      event_type: "TENANT_ROTATED",
      details: { rotated: ["minio", "postgresql", "qdrant", "redis", "api"] },
    });
  });

  it("leaves nothing to be changed, by a preview or by a refresh", async () => {
    expect(await planned(id)).toEqual([]);
    const refreshed = await pulumi(["refresh", "--stack", id, "--preview-only", "--expect-no-changes"]);
    expect(refreshed.code, refreshed.all).toBe(0);
  });
});

interruptedTests(id);

describe("the API key alone, and the age key", () => {
  it("are others, and the age key alone opens the file", async () => {
    const before = await readCredentials(id);
    const [old] = await readIdentities(files.key);
    const { code, all } = await rotate("--age-key", "--store", "api");
    expect(code, all).toBe(0);
    expect((await lastEvents(1))[0]).toMatchObject({ details: { rotated: ["api", "age"] } });

    const after = await readCredentials(id);
    expect(after.tenant_api_key).not.toBe(before.tenant_api_key);
    expect(after).toEqual({ ...before, tenant_api_key: after.tenant_api_key });
    const identities = await readIdentities(files.key);
    expect(identities.map(({ rotation }) => rotation)).toEqual([1]);
    const recipient = identities[0]?.recipient;
    expect(recipient).not.toBe(old?.recipient);
    const encrypted = await readFile(files.encrypted, "utf8");
    expect(recipientsOf(encrypted)).toEqual([recipient]);
    expect((await readFile(files.publicKey, "utf8")).trim()).toBe(recipient);
    expect((await withPlatform((client) => getTenant(client, id)))?.age_public_key).toBe(recipient);

    await expect(opens(encrypted, old?.text ?? "")).rejects.toThrow("identity did not match any of the recipients");
    expect(await opens(encrypted, identities[0]?.text ?? "")).toEqual(after);
  }, 60_000);
});

/** Decrypts with that identity alone. */
async function opens(encrypted: string, identity: string): Promise<Credentials> {
  const folder = await mkdtemp(join(tmpdir(), "rotation-"));
  try {
    await writeFile(join(folder, "key.age"), identity, { mode: 0o600 });
    return await decryptCredentials(encrypted, join(folder, "key.age"));
  } finally {
    await rm(folder, { recursive: true });
  }
}
