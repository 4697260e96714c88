// Pulumi's state in a bucket: the commands, the lock, and what is left of a tenant in it. The bucket and its user are nobody else's.
import { randomBytes } from "node:crypto";
import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Client } from "minio";
import { afterAll, beforeAll, expect, it } from "vitest";
import { removeFromBucket } from "../../cli/engine/state-bucket.ts";
import { emptyBucket, minioClient } from "../../providers/clients/minio.ts";
import { servers } from "../../providers/clients/servers.ts";
import { attachPolicies, removePolicy, removeUser, setPolicy, setUser } from "../support/minio-admin.ts";
import { platformUp } from "../support/platform.ts";
import { checkout, run, type Outcome } from "../support/pulumi.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { tenantNames } from "../../components/names.ts";

const bucket = "pulumi-state";
const id = "inbucket";
const writer = { user: `state-${randomBytes(8).toString("hex")}`, password: randomBytes(24).toString("hex") };
const rights = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"];
const versions = ["s3:ListBucketVersions", "s3:DeleteObjectVersion"];

let admin: Client;
let env: NodeJS.ProcessEnv;

/** What docs/operations.md gives the user of a backend. */
const policyOf = (actions: readonly string[], refused: readonly string[] = []): string =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: ["s3:ListBucket", "s3:GetBucketLocation", ...actions],
        Resource: [`arn:aws:s3:::${bucket}`, `arn:aws:s3:::${bucket}/*`],
      },
      {
        Effect: "Deny",
        Action: ["s3:PutObject"],
        Resource: ["arn:aws:s3:::*"],
        Condition: { StringEquals: { "s3:x-amz-content-sha256": ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"] } },
      },
      ...(refused.length === 0 ? [] : [{ Effect: "Deny", Action: refused, Resource: ["arn:aws:s3:::*"] }]),
    ],
  });

beforeAll(async () => {
  await platformUp();
  const all = servers();
  admin = await minioClient(all);
  await admin.makeBucket(bucket);
  await admin.setBucketVersioning(bucket, { Status: "Enabled" });
  await setPolicy(admin, bucket, policyOf([...rights, ...versions]));
  await setUser(admin, all.minio.password, writer.user, writer.password);
  await attachPolicies(admin, writer.user, bucket);
  const { ca, endpoint } = all.minio;
  env = {
    PULUMI_BACKEND_URL: `s3://${bucket}/team?endpoint=${endpoint.origin}&s3ForcePathStyle=true&region=us-east-1`,
    AWS_ACCESS_KEY_ID: writer.user,
    AWS_SECRET_ACCESS_KEY: writer.password,
    ...(ca === undefined ? {} : { AWS_CA_BUNDLE: ca.file }),
  };
}, 120_000);

afterAll(async () => {
  await run(process.execPath, ["cli/tenant.ts", "deprovision", id, "--confirm", id], env);
  for await (const { name, versionId } of versionsIn()) await admin.removeObject(bucket, name, { versionId });
  await emptyBucket(admin, bucket);
  await admin.removeBucket(bucket);
  await removeUser(admin, writer.user);
  await removePolicy(admin, bucket);
}, 120_000);

const tenant = (...args: string[]): Promise<Outcome> => run(process.execPath, ["cli/tenant.ts", ...args], env);

/** All versions of all objects, delete markers too. */
const versionsIn = () =>
  admin.listObjects(bucket, "", true, { IncludeVersion: true }) as AsyncIterable<{ name: string; versionId: string }>;

/** The objects that have the tenant's name, in any version. */
async function ofTenant(): Promise<string[]> {
  const found = new Set<string>();
  for await (const { name } of versionsIn()) if (name.split(/[/.]/).includes(id)) found.add(name);
  return [...found].sort();
}

it("a preview of a stack that is not there leaves nothing in it", async () => {
  const text = `config:\n  tenant-storage:id: ${id}\n  tenant-storage:octet: 71\n  tenant-storage:qdrantVectorSize: 4\n`;
  writeFileSync(join(checkout(), "stacks", `Pulumi.${id}.yaml`), text);
  const { code, all } = await run(process.execPath, ["cli/tenant.ts", "preview", id], env);
  expect(code, all).toBe(0);
  expect(await ofTenant()).toEqual([]);
});

it("provision keeps the state there, with its backups", async () => {
  const { code, all } = await tenant("provision", id);
  expect(code, all).toBe(0);
  expect(await ofTenant()).toContain(`team/.pulumi/stacks/tenant-storage/${id}.json`);
  expect((await ofTenant()).some((name) => name.startsWith(`team/.pulumi/backups/tenant-storage/${id}/`))).toBe(true);
});

it("a second operator is told who holds the tenant and since when; what a killed one left is taken over", async () => {
  const first = spawn(process.execPath, ["cli/tenant.ts", "rotate", id], {
    cwd: checkout(),
    env: { ...process.env, ...env },
    stdio: "ignore",
  });
  const ended = new Promise((done) => first.on("close", done));
  const locks = `team/.pulumi/locks/organization/tenant-storage/${id}/`;
  const held = async (): Promise<boolean> => {
    for await (const _ of admin.listObjectsV2(bucket, locks, true)) return true;
    return false;
  };
  while (!(await held())) {
    if (first.exitCode !== null) throw new Error(`it ended with ${first.exitCode} before it held the tenant`);
    await setTimeout(10);
  }
  const children = readFileSync(`/proc/${first.pid}/task/${first.pid}/children`, "utf8").trim().split(" ").map(Number);
  const engine = children.find((pid) => readFileSync(`/proc/${pid}/comm`, "utf8").trim() === "pulumi") ?? 0;
  expect(engine).not.toBe(0);
  process.kill(engine, "SIGSTOP");
  const second = await tenant("suspend", id);
  for (const pid of [first.pid ?? 0, engine]) process.kill(pid, "SIGKILL");
  await ended;
  const who = `${userInfo().username} on ${hostname()}, process ${engine}, since ${new Date().getFullYear()}-`;
  expect(second.stderr).toContain(`Another run works on tenant ${id} (${who}`);
  expect(second.stderr).toContain(`pulumi cancel --stack ${id} --yes`);
  expect(second.code).toBe(1);

  const third = await tenant("rotate", id, "--json");
  expect(third.code, third.all).toBe(0);
  expect(third.stderr).toContain("An earlier command was killed in the middle");
  expect(await held()).toBe(false);
});

it("deprovision removes every version of its state, history, backups and locks, and says so", async () => {
  const { code, all } = await tenant("deprovision", id);
  expect(code, all).toBe(0);
  expect(all).not.toContain("may still be there");
  expect(await ofTenant()).toEqual([]);
  expect(await tracesOf(tenantNames(id), servers(), { keys: true, minioRotations: 2 })).toEqual([]);
  const report = await tenant("deletion-report", id);
  expect(report.stdout).toMatch(/history and [1-9]\d* files of backups removed from s3:\/\/pulumi-state\/team\?/);
  expect(report.stdout).not.toContain("NOT removed");
});

it("what the user may not remove is named", async () => {
  await admin.putObject(bucket, "team/.pulumi/backups/x", "1");
  await admin.putObject(bucket, "team/.pulumi/backups/x", "2");
  const url = env["PULUMI_BACKEND_URL"] ?? "";
  await setPolicy(admin, bucket, policyOf(rights, ["s3:DeleteObjectVersion"]));
  expect(await removeFromBucket(url, [".pulumi/backups/"], env)).toEqual({
    removed: 0,
    left: "s3://pulumi-state/team/.pulumi/backups/*, every version (AccessDenied)",
  });
  const unknown = { ...env, AWS_SECRET_ACCESS_KEY: "another" };
  expect((await removeFromBucket(url, [".pulumi/backups/"], unknown)).left).toContain("SignatureDoesNotMatch");
  expect((await removeFromBucket(url, [".pulumi/backups/"], {})).left).toContain("only pulumi knows its credentials");
  await setPolicy(admin, bucket, policyOf([...rights, ...versions]));
  expect(await removeFromBucket(url, [".pulumi/backups/"], env)).toEqual({ removed: 1, left: null });
});
