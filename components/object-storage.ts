// A tenant's bucket, its MinIO user and the policy that ties the two (plan, section 2).
import * as minio from "@pulumi/minio";
import { ComponentResource, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { BucketContents } from "../providers/bucket-contents.ts";
import { BucketEncryption } from "../providers/bucket-encryption.ts";
import { servers } from "../providers/clients/servers.ts";
import { MinioAccess } from "../providers/minio-access.ts";
import { bucketPrefixes, prefixPurposes, type TenantNames } from "./names.ts";

export interface ObjectStorageArgs {
  readonly names: TenantNames;
  /** The user's name. Another one is another user: the former goes when all else of the update has succeeded. */
  readonly accessKey: string;
  /** Secret. */
  readonly secretKey: Input<string>;
  /** Bytes; 0 is no limit. */
  readonly quota: number;
  /** Everything is denied to the tenant. The user stays enabled: what is attached to a disabled one cannot be detached. */
  readonly suspended: boolean;
}

export interface PolicyOptions {
  /** Also deny everything: what is allowed stays written down, and is worth nothing. @default false */
  readonly suspended?: boolean;
  /** Also deny every request that reached MinIO in the clear. @default when MinIO's URL is https */
  readonly tlsOnly?: boolean;
}

/** What a tenant never needs: settings of its bucket, retention, replication and watching the server. */
const neverNeeded = [
  ...["s3:CreateBucket*", "s3:DeleteBucket*", "s3:ForceDeleteBucket", "s3:PutBucket*", "s3:Put*Configuration"],
  ...["s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:BypassGovernanceRetention", "s3:RestoreObject"],
  ...["s3:Replicate*", "s3:ResetBucketReplicationState", "s3:Listen*"],
];

/**
 * The tenant's rights: its own bucket and nothing else. Beyond the plan's policy: multi-part uploads and tags, which ordinary
 * clients use, and denials, which win over whatever else is ever attached to the user (measured: isolation.md).
 */
export function bucketPolicy(
  bucket: string,
  { suspended = false, tlsOnly = servers().minio.endpoint.protocol === "https:" }: PolicyOptions = {},
): string {
  const own = `arn:aws:s3:::${bucket}`;
  const everywhere = "arn:aws:s3:::*";
  const unencrypted = {
    Effect: "Deny",
    Action: ["s3:*"],
    Resource: [everywhere],
    Condition: { Bool: { "aws:SecureTransport": ["false"] } },
  };
  const statements = [
    {
      Effect: "Allow",
      Action: ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
      Resource: [own],
    },
    {
      Effect: "Allow",
      Action: [
        ...["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"],
        ...["s3:ListMultipartUploadParts", "s3:GetObjectTagging", "s3:PutObjectTagging"],
      ],
      Resource: [`${own}/*`],
    },
    { Effect: "Deny", Action: ["s3:*"], NotResource: [own, `${own}/*`] },
    { Effect: "Deny", Action: neverNeeded, Resource: [everywhere] },
    // No service account, no change of its own secret: they would outlive a rotation.
    { Effect: "Deny", Action: ["admin:*"] },
    { Effect: "Deny", Action: ["kms:*"] },
    // The user itself: service accounts and temporary credentials, whoever made them and when, are worth nothing.
    {
      Effect: "Deny",
      Action: ["s3:*"],
      Resource: [everywhere],
      Condition: { StringNotEquals: { "aws:principaltype": ["User"] } },
    },
    // MinIO looks at no signature of such an upload when the access key stands in the query: anybody who knows the key's name
    // could write.
    {
      Effect: "Deny",
      Action: ["s3:PutObject"],
      Resource: [everywhere],
      Condition: { StringEquals: { "s3:x-amz-content-sha256": ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"] } },
    },
    ...(tlsOnly ? [unencrypted] : []),
    // Last, so that a preview shows one statement more or less.
    ...(suspended ? [{ Effect: "Deny", Action: ["s3:*"], Resource: [everywhere] }] : []),
  ];
  return JSON.stringify({ Version: "2012-10-17", Statement: statements });
}

/** Bucket, encryption, prefixes, user, policy, and nothing that gives the user more. */
export class ObjectStorage extends ComponentResource {
  readonly bucket: Output<string>;
  readonly accessKey: Output<string>;

  constructor(name: string, args: ObjectStorageArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:ObjectStorage", name, {}, opts);
    const { names } = args;
    const child = { parent: this };

    const quota = args.quota > 0 ? { quota: args.quota } : {};
    const bucket = new minio.S3Bucket(name, { bucket: names.bucket, acl: "private", ...quota }, child);
    const encryption = new BucketEncryption(name, { bucket: bucket.bucket, algorithm: "AES256" }, child);
    const contents = new BucketContents(name, { bucket: bucket.bucket }, child);
    for (const prefix of bucketPrefixes) {
      new minio.S3Object(
        `${name}-${prefix.slice(0, -1)}`,
        { bucketName: bucket.bucket, objectName: `${prefix}.keep`, content: `${prefixPurposes[prefix]}\n` },
        { ...child, dependsOn: [encryption, contents] },
      );
    }

    const policy = new minio.IamPolicy(
      name,
      { name: names.minioPolicy, policy: bucketPolicy(names.bucket, { suspended: args.suspended }) },
      { ...child, dependsOn: [encryption, contents] },
    );
    // Depends on the policy: it is deleted before, with whatever is attached to it, and a policy in use cannot be deleted.
    const user = new minio.IamUser(
      name,
      { name: args.accessKey, secret: args.secretKey },
      { ...child, dependsOn: [policy], deleteBeforeReplace: false },
    );
    const attachment = new minio.IamUserPolicyAttachment(
      name,
      { userName: user.name, policyName: policy.name },
      { ...child, deleteBeforeReplace: false },
    );
    new MinioAccess(
      name,
      { user: user.name, policy: policy.name, secret: args.secretKey },
      { ...child, dependsOn: [attachment] },
    );

    this.bucket = bucket.bucket;
    this.accessKey = user.name;
    this.registerOutputs({ bucket: this.bucket, accessKey: this.accessKey });
  }
}
