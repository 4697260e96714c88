// Every operation of the S3 API that MinIO knows, aimed at one bucket and one object in it.
import type { S3 } from "@aws-sdk/client-s3";

export interface Aim {
  readonly bucket: string;
  /** An object that is there. */
  readonly key: string;
  /** The bucket that copies and logs would go to: the caller's own. */
  readonly own: string;
}

type Operation = (s3: S3, aim: Aim) => Promise<unknown>;

const everything = { Prefix: "" };
const publicRead = (bucket: string) =>
  JSON.stringify({
    Version: "2012-10-17",
    Statement: [{ Effect: "Allow", Principal: "*", Action: ["s3:GetObject"], Resource: [`arn:aws:s3:::${bucket}/*`] }],
  });

/** What reads, writes or deletes objects. */
export const objectOperations: Readonly<Record<string, Operation>> = {
  HeadBucket: (s3, { bucket: Bucket }) => s3.headBucket({ Bucket }),
  GetBucketLocation: (s3, { bucket: Bucket }) => s3.getBucketLocation({ Bucket }),
  ListObjects: (s3, { bucket: Bucket }) => s3.listObjects({ Bucket }),
  ListObjectsV2: (s3, { bucket: Bucket }) => s3.listObjectsV2({ Bucket, Prefix: "raw/", Delimiter: "/" }),
  ListObjectVersions: (s3, { bucket: Bucket }) => s3.listObjectVersions({ Bucket }),
  ListMultipartUploads: (s3, { bucket: Bucket }) => s3.listMultipartUploads({ Bucket }),
  HeadObject: (s3, { bucket: Bucket, key: Key }) => s3.headObject({ Bucket, Key }),
  GetObject: (s3, { bucket: Bucket, key: Key }) => s3.getObject({ Bucket, Key }),
  "GetObject, a version": (s3, { bucket: Bucket, key: Key }) => s3.getObject({ Bucket, Key, VersionId: "null" }),
  "GetObject, a range": (s3, { bucket: Bucket, key: Key }) => s3.getObject({ Bucket, Key, Range: "bytes=0-0" }),
  "GetObject, unless changed": (s3, { bucket: Bucket, key: Key }) => s3.getObject({ Bucket, Key, IfNoneMatch: "*" }),
  GetObjectAttributes: (s3, { bucket: Bucket, key: Key }) =>
    s3.getObjectAttributes({ Bucket, Key, ObjectAttributes: ["ETag"] }),
  SelectObjectContent: (s3, { bucket: Bucket, key: Key }) =>
    s3.selectObjectContent({
      ...{ Bucket, Key, Expression: "select * from s3object", ExpressionType: "SQL" },
      ...{ InputSerialization: { CSV: {} }, OutputSerialization: { CSV: {} } },
    }),
  CopyObject: (s3, { bucket, key, own }) =>
    s3.copyObject({ Bucket: own, Key: "raw/stolen", CopySource: `${bucket}/${key}` }),
  "CopyObject, a version": (s3, { bucket, key, own }) =>
    s3.copyObject({ Bucket: own, Key: "raw/stolen", CopySource: `${bucket}/${key}?versionId=null` }),
  UploadPartCopy: async (s3, { bucket, key, own: Bucket }) => {
    const { UploadId } = await s3.createMultipartUpload({ Bucket, Key: "raw/stolen" });
    const part = { Bucket, Key: "raw/stolen", UploadId };
    try {
      await s3.uploadPartCopy({ ...part, PartNumber: 1, CopySource: `${bucket}/${key}` });
    } finally {
      await s3.abortMultipartUpload(part);
    }
  },
  PutObject: (s3, { bucket: Bucket }) => s3.putObject({ Bucket, Key: "raw/planted", Body: "planted" }),
  "PutObject, over another": (s3, { bucket: Bucket, key: Key }) => s3.putObject({ Bucket, Key, Body: "planted" }),
  "PutObject, if absent": (s3, { bucket: Bucket, key: Key }) =>
    s3.putObject({ Bucket, Key, Body: "planted", IfNoneMatch: "*" }),
  RenameObject: (s3, { bucket: Bucket, key }) =>
    s3.renameObject({ Bucket, Key: "raw/planted", RenameSource: `/${Bucket}/${key}` }),
  CreateMultipartUpload: (s3, { bucket: Bucket }) => s3.createMultipartUpload({ Bucket, Key: "raw/planted" }),
  UploadPart: (s3, { bucket: Bucket }) =>
    s3.uploadPart({ Bucket, Key: "raw/planted", UploadId: "none", PartNumber: 1, Body: "planted" }),
  ListParts: (s3, { bucket: Bucket }) => s3.listParts({ Bucket, Key: "raw/planted", UploadId: "none" }),
  CompleteMultipartUpload: (s3, { bucket: Bucket }) =>
    s3.completeMultipartUpload({
      ...{ Bucket, Key: "raw/planted", UploadId: "none" },
      MultipartUpload: { Parts: [{ PartNumber: 1, ETag: "none" }] },
    }),
  AbortMultipartUpload: (s3, { bucket: Bucket }) =>
    s3.abortMultipartUpload({ Bucket, Key: "raw/planted", UploadId: "none" }),
  DeleteObject: (s3, { bucket: Bucket, key: Key }) => s3.deleteObject({ Bucket, Key }),
  "DeleteObject, a version": (s3, { bucket: Bucket, key: Key }) => s3.deleteObject({ Bucket, Key, VersionId: "null" }),
  DeleteObjects: (s3, { bucket: Bucket, key }) => s3.deleteObjects({ Bucket, Delete: { Objects: [{ Key: key }] } }),
  GetObjectTagging: (s3, { bucket: Bucket, key: Key }) => s3.getObjectTagging({ Bucket, Key }),
  PutObjectTagging: (s3, { bucket: Bucket, key: Key }) =>
    s3.putObjectTagging({ Bucket, Key, Tagging: { TagSet: [{ Key: "a", Value: "b" }] } }),
};

/** What a tenant never needs, also not of its own bucket: settings, retention, and everything that reaches elsewhere. */
export const settingOperations: Readonly<Record<string, Operation>> = {
  CreateBucket: (s3, { bucket }) => s3.createBucket({ Bucket: `${bucket}-more` }),
  "CreateBucket, the same": (s3, { bucket: Bucket }) => s3.createBucket({ Bucket }),
  DeleteBucket: (s3, { bucket: Bucket }) => s3.deleteBucket({ Bucket }),
  DeleteObjectTagging: (s3, { bucket: Bucket, key: Key }) => s3.deleteObjectTagging({ Bucket, Key }),
  GetObjectAcl: (s3, { bucket: Bucket, key: Key }) => s3.getObjectAcl({ Bucket, Key }),
  PutObjectAcl: (s3, { bucket: Bucket, key: Key }) => s3.putObjectAcl({ Bucket, Key, ACL: "public-read" }),
  GetObjectRetention: (s3, { bucket: Bucket, key: Key }) => s3.getObjectRetention({ Bucket, Key }),
  GetObjectLegalHold: (s3, { bucket: Bucket, key: Key }) => s3.getObjectLegalHold({ Bucket, Key }),
  PutObjectLegalHold: (s3, { bucket: Bucket, key: Key }) =>
    s3.putObjectLegalHold({ Bucket, Key, LegalHold: { Status: "ON" } }),
  RestoreObject: (s3, { bucket: Bucket, key: Key }) => s3.restoreObject({ Bucket, Key, RestoreRequest: { Days: 1 } }),
  GetBucketPolicy: (s3, { bucket: Bucket }) => s3.getBucketPolicy({ Bucket }),
  GetBucketPolicyStatus: (s3, { bucket: Bucket }) => s3.getBucketPolicyStatus({ Bucket }),
  PutBucketPolicy: (s3, { bucket: Bucket }) => s3.putBucketPolicy({ Bucket, Policy: publicRead(Bucket) }),
  DeleteBucketPolicy: (s3, { bucket: Bucket }) => s3.deleteBucketPolicy({ Bucket }),
  GetBucketAcl: (s3, { bucket: Bucket }) => s3.getBucketAcl({ Bucket }),
  PutBucketAcl: (s3, { bucket: Bucket }) => s3.putBucketAcl({ Bucket, ACL: "public-read-write" }),
  GetBucketLifecycleConfiguration: (s3, { bucket: Bucket }) => s3.getBucketLifecycleConfiguration({ Bucket }),
  PutBucketLifecycleConfiguration: (s3, { bucket: Bucket }) =>
    s3.putBucketLifecycleConfiguration({
      Bucket,
      LifecycleConfiguration: {
        Rules: [{ ID: "all", Status: "Enabled", Filter: everything, Expiration: { Days: 1 } }],
      },
    }),
  DeleteBucketLifecycle: (s3, { bucket: Bucket }) => s3.deleteBucketLifecycle({ Bucket }),
  GetBucketNotificationConfiguration: (s3, { bucket: Bucket }) => s3.getBucketNotificationConfiguration({ Bucket }),
  PutBucketNotificationConfiguration: (s3, { bucket: Bucket }) =>
    s3.putBucketNotificationConfiguration({
      Bucket,
      NotificationConfiguration: {
        QueueConfigurations: [{ QueueArn: "arn:minio:sqs::_:webhook", Events: ["s3:ObjectCreated:*"] }],
      },
    }),
  GetBucketEncryption: (s3, { bucket: Bucket }) => s3.getBucketEncryption({ Bucket }),
  PutBucketEncryption: (s3, { bucket: Bucket }) =>
    s3.putBucketEncryption({
      Bucket,
      ServerSideEncryptionConfiguration: {
        Rules: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "aws:kms", KMSMasterKeyID: "other" } }],
      },
    }),
  DeleteBucketEncryption: (s3, { bucket: Bucket }) => s3.deleteBucketEncryption({ Bucket }),
  GetBucketCors: (s3, { bucket: Bucket }) => s3.getBucketCors({ Bucket }),
  PutBucketCors: (s3, { bucket: Bucket }) =>
    s3.putBucketCors({
      Bucket,
      CORSConfiguration: { CORSRules: [{ AllowedMethods: ["GET"], AllowedOrigins: ["*"] }] },
    }),
  DeleteBucketCors: (s3, { bucket: Bucket }) => s3.deleteBucketCors({ Bucket }),
  GetBucketReplication: (s3, { bucket: Bucket }) => s3.getBucketReplication({ Bucket }),
  PutBucketReplication: (s3, { bucket: Bucket, own }) =>
    s3.putBucketReplication({
      Bucket,
      ReplicationConfiguration: {
        Role: "arn:minio:replication::target:bucket",
        Rules: [
          {
            ...{ Status: "Enabled", Priority: 1, Filter: everything },
            DeleteMarkerReplication: { Status: "Disabled" },
            Destination: { Bucket: `arn:aws:s3:::${own}` },
          },
        ],
      },
    }),
  DeleteBucketReplication: (s3, { bucket: Bucket }) => s3.deleteBucketReplication({ Bucket }),
  GetObjectLockConfiguration: (s3, { bucket: Bucket }) => s3.getObjectLockConfiguration({ Bucket }),
  PutObjectLockConfiguration: (s3, { bucket: Bucket }) =>
    s3.putObjectLockConfiguration({ Bucket, ObjectLockConfiguration: { ObjectLockEnabled: "Enabled" } }),
  GetBucketVersioning: (s3, { bucket: Bucket }) => s3.getBucketVersioning({ Bucket }),
  PutBucketVersioning: (s3, { bucket: Bucket }) =>
    s3.putBucketVersioning({ Bucket, VersioningConfiguration: { Status: "Suspended" } }),
  GetBucketTagging: (s3, { bucket: Bucket }) => s3.getBucketTagging({ Bucket }),
  PutBucketTagging: (s3, { bucket: Bucket }) =>
    s3.putBucketTagging({ Bucket, Tagging: { TagSet: [{ Key: "a", Value: "b" }] } }),
  DeleteBucketTagging: (s3, { bucket: Bucket }) => s3.deleteBucketTagging({ Bucket }),
  GetBucketWebsite: (s3, { bucket: Bucket }) => s3.getBucketWebsite({ Bucket }),
  GetBucketAccelerateConfiguration: (s3, { bucket: Bucket }) => s3.getBucketAccelerateConfiguration({ Bucket }),
  GetBucketRequestPayment: (s3, { bucket: Bucket }) => s3.getBucketRequestPayment({ Bucket }),
  GetBucketLogging: (s3, { bucket: Bucket }) => s3.getBucketLogging({ Bucket }),
  DeletePublicAccessBlock: (s3, { bucket: Bucket }) => s3.deletePublicAccessBlock({ Bucket }),
  DeleteBucketOwnershipControls: (s3, { bucket: Bucket }) => s3.deleteBucketOwnershipControls({ Bucket }),
};

/** What MinIO refuses to everybody, before it looks at rights, with its code; `OK` does nothing. */
export const unknownOperations: Readonly<Record<string, readonly [code: string, Operation]>> = {
  GetObjectTorrent: ["NotImplemented", (s3, { bucket: Bucket, key: Key }) => s3.getObjectTorrent({ Bucket, Key })],
  GetPublicAccessBlock: ["NotImplemented", (s3, { bucket: Bucket }) => s3.getPublicAccessBlock({ Bucket })],
  GetBucketOwnershipControls: ["NotImplemented", (s3, { bucket: Bucket }) => s3.getBucketOwnershipControls({ Bucket })],
  ListBucketInventoryConfigurations: [
    "NotImplemented",
    (s3, { bucket: Bucket }) => s3.listBucketInventoryConfigurations({ Bucket }),
  ],
  PutObjectRetention: [
    "InvalidRequest",
    (s3, { bucket: Bucket, key: Key }) =>
      s3.putObjectRetention({
        ...{ Bucket, Key },
        Retention: { Mode: "COMPLIANCE", RetainUntilDate: new Date("2090-01-01") },
      }),
  ],
  PutBucketLogging: [
    "MalformedXML",
    (s3, { bucket: Bucket, own: TargetBucket }) =>
      s3.putBucketLogging({ Bucket, BucketLoggingStatus: { LoggingEnabled: { TargetBucket, TargetPrefix: "log/" } } }),
  ],
  PutPublicAccessBlock: [
    "MalformedXML",
    (s3, { bucket: Bucket }) =>
      s3.putPublicAccessBlock({ Bucket, PublicAccessBlockConfiguration: { BlockPublicAcls: false } }),
  ],
  PutBucketWebsite: [
    "MalformedXML",
    (s3, { bucket: Bucket }) =>
      s3.putBucketWebsite({ Bucket, WebsiteConfiguration: { IndexDocument: { Suffix: "index.html" } } }),
  ],
  DeleteBucketWebsite: ["OK", (s3, { bucket: Bucket }) => s3.deleteBucketWebsite({ Bucket })],
};
