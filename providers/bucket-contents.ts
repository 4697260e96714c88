// What a tenant has put into its bucket. Nothing on create; on delete the bucket is emptied, so that the native bucket needs
// no forceDestroy (which would also delete data when a bucket is merely replaced).
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { emptyBucket, minioClient } from "./clients/minio.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface BucketContentsInputs {
  readonly bucket: string;
}

export const provider = dynamicProvider<BucketContentsInputs, BucketContentsInputs>({
  describe: ({ bucket }) => `contents of bucket ${bucket}`,
  id: ({ bucket }) => bucket,
  inputs: { bucket: "replace" },
  ensure: async (desired) => desired,
  observe: async (recorded) => recorded,
  remove: async ({ bucket }) => emptyBucket(await minioClient(servers()), bucket),
});

/** The objects of a bucket: removed after the tenant's user is gone and the DataGuard has agreed. */
export class BucketContents extends DynamicResource {
  constructor(name: string, args: { bucket: Input<string> }, opts?: CustomResourceOptions) {
    super("BucketContents", "bucket-contents", name, args, opts);
  }
}
