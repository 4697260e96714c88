// Everything a tenant has comes back as it was: into another tenant, and into the same one after it was gone.
import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stackFile } from "../../cli/environment.ts";
import { exportTenant, type Exported } from "../../cli/snapshot/export.ts";
import { restoreTenant } from "../../cli/snapshot/restore.ts";
import { s3Place } from "../../cli/snapshot/s3-place.ts";
import { events } from "../../providers/clients/audit.ts";
import { pipeThrough } from "../../providers/clients/credentials.ts";
import { emptyBucket, minioClient } from "../../providers/clients/minio.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { servers } from "../../providers/clients/servers.ts";
import { makeTenant, removeTenant } from "../support/hand-made-tenant.ts";
import { attachPolicies, removePolicy, removeUser, setPolicy, setUser } from "../support/minio-admin.ts";
import { platformUp } from "../support/platform.ts";
import { contents, fill } from "../support/rich-tenant.ts";

const [source, copy] = ["snapfrom", "snapto"];
const quiet = { news: () => undefined, amount: () => undefined };
const folder = mkdtempSync(join(tmpdir(), "snapshot-"));
const place = join(folder, "export");
/** The recovery key's private half. */
const identity = join(folder, "recovery.age");
/** A bucket that is no tenant's, with a user that reaches nothing else. */
const archive = { bucket: "snapshot-archive", user: "snapshot-archivist", policy: "snapshot-archive" };
const inBucket = `s3://${archive.bucket}/tenants/${source}`;
let before: Awaited<ReturnType<typeof contents>>;
let exported: Exported;

async function makeArchive(): Promise<void> {
  const admin = await minioClient(servers());
  const { bucket, user, policy } = archive;
  if (!(await admin.bucketExists(bucket))) await admin.makeBucket(bucket);
  const resources = [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`];
  const allowed = { Effect: "Allow", Action: ["s3:*"], Resource: resources };
  await setPolicy(admin, policy, JSON.stringify({ Version: "2012-10-17", Statement: [allowed] }));
  const secret = randomBytes(20).toString("hex");
  await setUser(admin, servers().minio.password, user, secret);
  await attachPolicies(admin, user, policy);
  Object.assign(process.env, {
    EXPORT_S3_ENDPOINT: servers().minio.endpoint.origin,
    EXPORT_S3_ACCESS_KEY: user,
    EXPORT_S3_SECRET_KEY: secret,
    ...(servers().minio.ca === undefined ? {} : { EXPORT_S3_CA_FILE: servers().minio.ca?.file }),
  });
}

beforeAll(async () => {
  await platformUp();
  await Promise.all([makeTenant(source), makeTenant(copy)]);
  writeFileSync(identity, await pipeThrough("age-keygen", [], ""), { mode: 0o600 });
  const recovery = (await pipeThrough("age-keygen", ["-y", identity], "")).trim();
  writeFileSync(stackFile(source), `config:\n  tenant-storage:recipients: [${recovery}]\n`);
  await fill(source);
  before = await contents(source);
  exported = await exportTenant(source, place, quiet);
  await makeArchive();
  await exportTenant(source, inBucket, quiet);
});
afterAll(async () => {
  for (const id of [source, copy]) await removeTenant(id);
  const admin = await minioClient(servers());
  await emptyBucket(admin, archive.bucket);
  await admin.removeBucket(archive.bucket);
  await removeUser(admin, archive.user);
  await removePolicy(admin, archive.policy);
  for (const name of Object.keys(process.env))
    if (name.startsWith("EXPORT_S3_")) Reflect.deleteProperty(process.env, name);
  rmSync(stackFile(source), { force: true });
  rmSync(folder, { recursive: true });
});

describe("an export", () => {
  it("counts what the tenant has, and is recorded with its checksum", async () => {
    expect(exported.counts).toMatchObject({ objects: 13, points: 302, tables: 4, rows: 2061, keys: 16 });
    const [, event] = await withPlatform((client) => events(client, source, 2));
    expect(event).toMatchObject({
      event_id: exported.eventId,
      event_type: "TENANT_EXPORTED",
      details: { checksum: exported.checksum, objects: 13, keys: 16 },
    });
  });

  it("is encrypted files and a manifest that names them", () => {
    const { parts } = JSON.parse(readFileSync(join(place, "manifest.json"), "utf8")) as { parts: { name: string }[] };
    expect(readdirSync(place).sort()).toEqual([...parts.map(({ name }) => name), "manifest.json"].sort());
    for (const { name } of parts)
      expect(readFileSync(join(place, name)).subarray(0, 21).toString()).toBe("age-encryption.org/v1");
  });
});

it("restored into another tenant, everything is as it was, under the other one's names", async () => {
  await restoreTenant(source, place, quiet, { as: copy });
  const after = await contents(copy);
  expect(after.redis).toEqual(before.redis);
  expect(after.qdrant).toEqual(before.qdrant);
  expect(after.minio).toEqual(before.minio);
  expect(after.postgresql).toEqual(before.postgresql);
});

it("restored from a bucket into the same tenant after it was gone, with the recovery key, everything is as it was", async () => {
  await removeTenant(source);
  await makeTenant(source);
  await expect(restoreTenant(source, inBucket, quiet)).rejects.toThrow(
    /snapfrom has another key by now.*--identity FILE/,
  );
  await restoreTenant(source, inBucket, quiet, { identity });
  expect(await contents(source)).toEqual(before);
});

describe("a bucket", () => {
  it("that holds an export is not written to again", async () => {
    await expect(exportTenant(source, inBucket, quiet)).rejects.toThrow(
      /holds a finished export\. Nothing was overwritten/,
    );
  });

  it("is reached with credentials of its own, all of which are asked for at once", async () => {
    const { EXPORT_S3_ACCESS_KEY: user, EXPORT_S3_SECRET_KEY: secret, ...rest } = process.env;
    expect(() => s3Place(inBucket, { ...rest, EXPORT_S3_ENDPOINT: "archive" })).toThrow(
      /EXPORT_S3_ACCESS_KEY is not set\n.*EXPORT_S3_SECRET_KEY is not set\n.*EXPORT_S3_ENDPOINT is no URL/,
    );
    const wrong = { ...process.env, EXPORT_S3_SECRET_KEY: `${secret}x` };
    await expect(s3Place(inBucket, wrong).list()).rejects.toThrow(
      /cannot be listed: SignatureDoesNotMatch(?!.*snapshot-archivist)/,
    );
    expect(user).toBe(archive.user);
    await expect(s3Place(`s3://tenant-${copy}-bucket/x`).list()).rejects.toThrow(/cannot be listed: AccessDenied/);
  });
});
