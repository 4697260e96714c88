// What a killed run made and no state knows, on MinIO: a user, its policy and what ties them, in whichever state they were left.
import { afterEach, beforeAll, expect, it } from "vitest";
import type { Client } from "minio";
import { removeOrphans, type Begun } from "../cli/engine/orphans.ts";
import { tenantNames } from "../components/names.ts";
import { bucketPolicy } from "../components/object-storage.ts";
import { minioAdminGet, minioClient } from "../providers/clients/minio.ts";
import { servers } from "../providers/clients/servers.ts";
import { attachPolicies, removeUser, setPolicy, setUser } from "./support/minio-admin.ts";

const { bucket, minioUser: userName, minioPolicy: policyName } = tenantNames("orphan");
const begun: Readonly<Record<"policy" | "user" | "attachment", Begun>> = {
  policy: { type: "minio:index/iamPolicy:IamPolicy", inputs: { name: policyName } },
  user: { type: "minio:index/iamUser:IamUser", inputs: { name: userName } },
  attachment: {
    type: "minio:index/iamUserPolicyAttachment:IamUserPolicyAttachment",
    inputs: { userName, policyName },
  },
};
const all = [begun.policy, begun.user, begun.attachment];

let admin: Client;
beforeAll(async () => {
  admin = await minioClient(servers());
});
afterEach(async () => {
  expect(await removeOrphans(all)).toEqual([]);
});

const user = () => minioAdminGet(admin, "user-info", { accessKey: userName });
const policy = () => minioAdminGet(admin, "info-canned-policy", { name: policyName });

async function makeAll(): Promise<void> {
  await setPolicy(admin, policyName, bucketPolicy(bucket));
  await setUser(admin, servers().minio.password, userName, "secret-of-a-test");
  await attachPolicies(admin, userName, policyName);
}

it("all of it, the attachment first", async () => {
  await makeAll();
  expect(await removeOrphans(all)).toEqual([]);
  expect([await user(), await policy()]).toEqual([undefined, undefined]);
});

it("a policy whose user has gone already", async () => {
  await makeAll();
  await removeUser(admin, userName);
  expect(await removeOrphans(all)).toEqual([]);
  expect(await policy()).toBeUndefined();
});

it("only the attachment: user and policy are in the state, and stay", async () => {
  await makeAll();
  expect(await removeOrphans([begun.attachment])).toEqual([]);
  expect(await user()).not.toHaveProperty("policyName");
  expect(await policy()).toBeDefined();
});
