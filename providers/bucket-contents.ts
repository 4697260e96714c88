// What a tenant has put into its bucket, and that nobody else decides about it: no bucket policy, no lifecycle, no copies. On delete the
// bucket is emptied, so that the native bucket needs no forceDestroy (which would also delete data when a bucket is merely replaced).
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { foreignRules, isVersioned } from "./clients/bucket-rules.ts";
import { emptyBucket, minioClient } from "./clients/minio.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface BucketContentsInputs {
  readonly bucket: string;
}

interface BucketContentsState extends BucketContentsInputs {
  /** Whether the bucket keeps versions, as it was found. Unset in the state of an older version. */
  readonly versioned?: boolean;
}

export const provider = dynamicProvider<BucketContentsInputs, BucketContentsState>({
  describe: ({ bucket }) => `contents of bucket ${bucket}`,
  id: ({ bucket }) => bucket,
  inputs: { bucket: "replace" },
  adopts: true,
  async ensure(desired, previous) {
    const client = await minioClient(servers());
    const versioned = previous?.versioned ?? (await isVersioned(client, desired.bucket));
    for (const { undo } of await foreignRules(client, desired.bucket, versioned)) await undo();
    return { ...desired, versioned };
  },
  async observe(recorded) {
    const client = await minioClient(servers());
    if (!(await client.bucketExists(recorded.bucket))) return undefined;
    return { ...recorded, versioned: recorded.versioned ?? (await isVersioned(client, recorded.bucket)) };
  },
  async foreign(_, { bucket, versioned = false }) {
    const found = await foreignRules(await minioClient(servers()), bucket, versioned);
    return found.map(({ what }) => what);
  },
  remove: async ({ bucket }) => emptyBucket(await minioClient(servers()), bucket),
});

/** The objects of a bucket: removed after the tenant's user is gone and the DataGuard has agreed. */
export class BucketContents extends DynamicResource {
  constructor(name: string, args: { bucket: Input<string> }, opts?: CustomResourceOptions) {
    super("BucketContents", "bucket-contents", name, { ...args, versioned: undefined }, opts);
  }
}
