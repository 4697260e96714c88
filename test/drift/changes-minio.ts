// Outside changes in MinIO.
import { bucketPolicy } from "../../components/object-storage.ts";
import { minioAdminGet } from "../../providers/clients/minio.ts";
import { servers } from "../../providers/clients/servers.ts";
import * as admin from "../support/minio-admin.ts";
import { type Change, info, none, objectText, policy, s3, stranger } from "./change.ts";

export const minio: readonly Change[] = [
  {
    name: "a wider policy",
    ...{ place: "MinIO", resource: "IamPolicy", says: /^policy\.Statement: added .*s3:DeleteBucket/ },
    make: async ({ bucket, minioPolicy }) => {
      const wider = JSON.parse(bucketPolicy(bucket)) as { Statement: object[] };
      wider.Statement.push({ Effect: "Allow", Action: ["s3:DeleteBucket"], Resource: [`arn:aws:s3:::${bucket}`] });
      await admin.setPolicy(await s3(), minioPolicy, JSON.stringify(wider));
    },
    ask: policy,
  },
  {
    name: "a second policy attached",
    ...{ place: "MinIO", resource: "MinioAccess", says: /^the policy readwrite is attached too$/ },
    make: async ({ minioUser, minioPolicy }) => admin.attachPolicies(await s3(), minioUser, `${minioPolicy},readwrite`),
    ask: async (names) => (await info(names)).policyName,
  },
  {
    name: "a group with rights",
    ...{ place: "MinIO", resource: "MinioAccess", says: /^the user is in the group drift_stranger_/ },
    make: async (names) => admin.changeGroup(await s3(), stranger(names), names.minioUser, "add"),
    ask: async (names) => (await info(names)).memberOf,
  },
  {
    name: "a service account of the user",
    ...{ place: "MinIO", resource: "MinioAccess", says: /^the user has the service account driftaccount/ },
    make: async ({ id, minioUser }) =>
      admin.addServiceAccount(await s3(), servers().minio.password, {
        ...{ accessKey: `driftaccount${id}`.slice(0, 20), secretKey: "drift-secret-of-account", targetUser: minioUser },
      }),
    ask: async ({ id }) =>
      admin.adminCode(await s3(), `GET info-service-account?accessKey=${`driftaccount${id}`.slice(0, 20)}`),
  },
  {
    name: "the user disabled, with another secret",
    ...{ place: "MinIO", resource: "MinioAccess", says: /^the user is disabled$/ },
    make: async ({ minioUser }) => {
      await admin.setUser(await s3(), servers().minio.password, minioUser, "drift-secret-of-user");
      await admin.setUserStatus(await s3(), minioUser, "disabled");
    },
    ask: async (names) => (await info(names)).status,
  },
  {
    name: "a public bucket policy",
    ...{ place: "MinIO", resource: "BucketContents", says: /^a bucket policy: .*s3:GetObject/ },
    make: async ({ bucket }) => {
      const Statement = [
        {
          Effect: "Allow",
          Principal: { AWS: ["*"] },
          Action: ["s3:GetObject"],
          Resource: [`arn:aws:s3:::${bucket}/*`],
        },
      ];
      await (await s3()).setBucketPolicy(bucket, JSON.stringify({ Version: "2012-10-17", Statement }));
    },
    ask: async ({ bucket }) => none((await s3()).getBucketPolicy(bucket)),
  },
  {
    name: "a lifecycle that deletes",
    ...{ place: "MinIO", resource: "BucketContents", says: /^a lifecycle, which may delete objects/ },
    make: async ({ bucket }) =>
      (await s3()).setBucketLifecycle(bucket, {
        Rule: [{ ID: "drift", Status: "Enabled", Filter: { Prefix: "raw/" }, Expiration: { Days: 1 } }],
      }),
    ask: async ({ bucket }) => none((await s3()).getBucketLifecycle(bucket)),
  },
  {
    name: "versions kept",
    ...{ place: "MinIO", resource: "BucketContents", says: /^it keeps versions$/ },
    make: async ({ bucket }) => (await s3()).setBucketVersioning(bucket, { Status: "Enabled" }),
    ask: async ({ bucket }) => (await (await s3()).getBucketVersioning(bucket)).Status === "Enabled",
  },
  {
    name: "encryption switched off",
    ...{ place: "MinIO", resource: "BucketEncryption", says: /^is gone$/ },
    make: async ({ bucket }) => (await s3()).removeBucketEncryption(bucket),
    ask: async ({ bucket }) => none<unknown>((await s3()).getBucketEncryption(bucket)),
  },
  {
    name: "another quota",
    ...{ place: "MinIO", resource: "S3Bucket", says: /^quota: 10737418240 → 20000000$/ },
    make: async ({ bucket }) => admin.setQuota(await s3(), bucket, 20_000_000),
    ask: async ({ bucket }) =>
      ((await minioAdminGet(await s3(), "get-bucket-quota", { bucket })) as Record<string, unknown>)["size"],
  },
  {
    name: "a .keep object overwritten",
    ...{ place: "MinIO", resource: "BucketContents", says: /^raw\/\.keep holds 4 bytes/ },
    make: async ({ bucket }) => (await s3()).putObject(bucket, "raw/.keep", "else"),
    ask: objectText("raw/.keep"),
  },
  {
    name: "a .keep object deleted",
    ...{ place: "MinIO", resource: "S3Object", says: /^is gone$/ },
    make: async ({ bucket }) => (await s3()).removeObject(bucket, "exports/.keep"),
    ask: objectText("exports/.keep"),
  },
];
