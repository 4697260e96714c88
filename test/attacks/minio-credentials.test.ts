// Credentials that were made out of a tenant's own, by itself or for it: they are worth nothing, and die with the tenant.
import { readFileSync } from "node:fs";
import { Agent } from "node:https";
import { AssumeRoleProvider } from "minio/dist/esm/AssumeRoleProvider.mjs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { bucketPolicy } from "../../components/object-storage.ts";
import { decryptCredentials } from "../../providers/clients/credentials.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { trusting } from "../../providers/clients/tls.ts";
import { addServiceAccount, setPolicy } from "../support/minio-admin.ts";
import { platformUp } from "../support/platform.ts";
import { initStack, pulumi, removeStack } from "../support/pulumi.ts";
import { awsClient, outcome, type S3Credentials } from "../support/s3.ts";

// Its secret changes and it ends: nobody else's tenant.
const id = `minio${Date.now().toString(36)}`;
const names = tenantNames(id);
const Bucket = names.bucket;
const secretAccessKey = "secret-of-a-service-account";

/** The tenant's own, as its SOPS file has them now. */
async function own(): Promise<S3Credentials> {
  const { encrypted, key } = secretFiles(id);
  const credentials = await decryptCredentials(readFileSync(encrypted, "utf8"), key);
  return { accessKeyId: credentials.minio_access_key, secretAccessKey: credentials.minio_secret_key };
}

/** Temporary ones, as the server issues them to any user. */
async function assumeRole(as: S3Credentials): Promise<S3Credentials> {
  const provider = new AssumeRoleProvider({
    stsEndpoint: servers().minio.endpoint.origin,
    ...{ accessKey: as.accessKeyId, secretKey: as.secretAccessKey, region: "us-east-1" },
    durationSeconds: 365 * 24 * 3600,
    ...(servers().minio.ca && { transportAgent: new Agent(trusting(servers().minio.ca)) }),
  });
  const issued = await provider.getCredentials();
  const { accessKey, secretKey, sessionToken } = issued;
  return { accessKeyId: accessKey, secretAccessKey: secretKey, ...(sessionToken !== undefined && { sessionToken }) };
}

/** What the server says to each of them. */
async function answers(to: Readonly<Record<string, S3Credentials>>): Promise<Record<string, string>> {
  const asked = Object.entries(to).map(async ([who, credentials]) => {
    const s3 = awsClient(credentials);
    return [who, await outcome(s3.listObjectsV2({ Bucket }))] as const;
  });
  return Object.fromEntries(await Promise.all(asked));
}

async function up(...flags: string[]): Promise<void> {
  const { code, all } = await pulumi(["up", "--stack", id, "--yes", "--skip-preview", ...flags]);
  if (code !== 0) throw new Error(all);
}

let first: S3Credentials;
const derived: Record<string, S3Credentials> = {};

/** Every update removes service accounts; temporary credentials are known to the server until they expire, and worth nothing. */
const refused = {
  "service account made by the administrator": "InvalidAccessKeyId",
  "service account made under a weaker policy": "InvalidAccessKeyId",
  "temporary credentials for a year": "AccessDenied",
  "temporary credentials issued now": "AccessDenied",
};

beforeAll(async () => {
  await platformUp();
  await initStack(id, { id, network: ["10.242.0.0/16"] });
  await up();
  first = await own();
});
afterAll(async () => {
  await pulumi(["destroy", "--stack", id, "--yes", "--skip-preview"], { TENANT_CONFIRM_DESTROY: id });
  await removeStack(id);
});

it("are issued, and refused everything", async () => {
  const admin = await minioClient(servers());
  const tenant = await minioClient(servers(), { user: first.accessKeyId, password: first.secretAccessKey });
  const account = (accessKey: string) => ({ accessKey, secretKey: secretAccessKey });
  const { password: adminSecret } = servers().minio;
  const byAdmin = { ...account(`${id}-admin`), targetUser: first.accessKeyId };
  await addServiceAccount(admin, adminSecret, byAdmin);
  derived["service account made by the administrator"] = { accessKeyId: byAdmin.accessKey, secretAccessKey };

  // An earlier, weaker policy: only what it allowed.
  const policy = JSON.parse(bucketPolicy(Bucket)) as { Statement: { Effect: string }[] };
  const weaker = { ...policy, Statement: policy.Statement.filter(({ Effect }) => Effect === "Allow") };
  await setPolicy(admin, names.minioPolicy, JSON.stringify(weaker));
  try {
    await addServiceAccount(tenant, first.secretAccessKey, account(`${id}-self`));
    derived["service account made under a weaker policy"] = { accessKeyId: `${id}-self`, secretAccessKey };
    derived["temporary credentials for a year"] = await assumeRole(first);
    // They did work: what refuses them below is the policy.
    expect(new Set(Object.values(await answers(derived)))).toEqual(new Set(["OK"]));
  } finally {
    await setPolicy(admin, names.minioPolicy, bucketPolicy(Bucket));
  }
  derived["temporary credentials issued now"] = await assumeRole(first);
  expect(new Set(Object.values(await answers(derived)))).toEqual(new Set(["AccessDenied"]));
  expect(Object.keys(derived)).toHaveLength(4);
});

it("are refused after the secret has changed, as the old secret is", async () => {
  const secret = `urn:pulumi:${id}::tenant-storage::tenant-storage:index:Tenant$tenant-storage:index:TenantStores$tenant-storage:index:TenantCredentials$random:index/randomPassword:RandomPassword::${id}-minio`;
  await up("--replace", secret);
  const now = await own();
  expect(now.secretAccessKey).not.toBe(first.secretAccessKey);
  expect(await answers({ now, old: first })).toEqual({ now: "OK", old: "SignatureDoesNotMatch" });
  expect(await answers(derived)).toEqual(refused);
});

it("are worth nothing after the tenant is gone, nor to a later tenant of the same id", async () => {
  const gone = { now: await own(), old: first };
  const { code, all } = await pulumi(["destroy", "--stack", id, "--yes", "--skip-preview"]);
  expect(code, all).toBe(0);
  const unknown = { now: "InvalidAccessKeyId", old: "InvalidAccessKeyId" };
  expect(await answers({ ...derived, ...gone })).toEqual({ ...refused, ...unknown });
  await up();
  const wrong = { now: "SignatureDoesNotMatch", old: "SignatureDoesNotMatch" };
  expect(await answers({ ...derived, ...gone })).toEqual({ ...refused, ...wrong });
}, 120_000);
