// Server-side encryption of a bucket with the server's own keys (plan, section 2.1: `mc encrypt set sse-s3`). The native
// S3BucketServerSideEncryption demands a KMS key id and so cannot say SSE-S3.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { minioClient, s3Code } from "./clients/minio.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface BucketEncryptionInputs {
  readonly bucket: string;
  /** AES256 is SSE-S3. */
  readonly algorithm: "AES256";
}

async function algorithmOf(bucket: string): Promise<string | undefined> {
  try {
    // The client's type leaves out the document's root.
    const document = (await (await minioClient(servers())).getBucketEncryption(bucket)) as {
      ServerSideEncryptionConfiguration?: {
        Rule?: { ApplyServerSideEncryptionByDefault?: { SSEAlgorithm?: string } };
      };
    };
    return document.ServerSideEncryptionConfiguration?.Rule?.ApplyServerSideEncryptionByDefault?.SSEAlgorithm;
  } catch (error) {
    if (["NoSuchBucket", "ServerSideEncryptionConfigurationNotFoundError"].includes(s3Code(error) ?? ""))
      return undefined;
    throw error;
  }
}

export const provider = dynamicProvider<BucketEncryptionInputs, BucketEncryptionInputs>({
  describe: ({ bucket }) => `encryption of bucket ${bucket}`,
  id: ({ bucket }) => bucket,
  inputs: { bucket: "replace", algorithm: "update" },
  adopts: true,
  async ensure(desired) {
    const client = await minioClient(servers());
    try {
      await client.setBucketEncryption(desired.bucket, {
        Rule: [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: desired.algorithm } }],
      });
    } catch (cause) {
      if (s3Code(cause) !== "NotImplemented" && s3Code(cause) !== "InvalidArgument") throw cause;
      throw new Error(
        `${(cause as Error).message} (the MinIO server has no KMS key: start it with MINIO_KMS_SECRET_KEY=name:base64key)`,
        { cause },
      );
    }
    // Read back: without a KMS some servers accept the setting and store objects in the clear.
    const found = await algorithmOf(desired.bucket);
    if (found !== desired.algorithm) throw new Error(`the server reports ${found ?? "no encryption"} after it was set`);
    return desired;
  },
  async observe(recorded) {
    const algorithm = await algorithmOf(recorded.bucket);
    return algorithm === undefined ? undefined : { ...recorded, algorithm: algorithm as "AES256" };
  },
  async remove({ bucket }) {
    try {
      await (await minioClient(servers())).removeBucketEncryption(bucket);
    } catch (error) {
      if (!["NoSuchBucket", "ServerSideEncryptionConfigurationNotFoundError"].includes(s3Code(error) ?? ""))
        throw error;
    }
  },
});

/** Encrypts every object that is put into the bucket from now on. */
export class BucketEncryption extends DynamicResource {
  constructor(name: string, args: { bucket: Input<string>; algorithm: "AES256" }, opts?: CustomResourceOptions) {
    super("BucketEncryption", "bucket-encryption", name, args, opts);
  }
}
