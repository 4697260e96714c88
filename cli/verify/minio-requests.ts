// The MinIO requests that verification is made of.
import type { Client } from "minio";
import type { Dialect } from "./checks.ts";

/** Objects of a verification are `.tenant-verify/<UUIDv7>/…`. */
export const folder = ".tenant-verify/";

export const dialect: Dialect = {
  code: (error) => {
    const { name, code } = error as { name?: string; code?: string };
    return name === "S3Error" ? code : undefined;
  },
  refusals: ["AccessDenied"],
};

/** A stream's text. */
export async function textOf(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}

/** Names of the objects under a prefix, at most a thousand. */
export async function list(client: Client, bucket: string, prefix: string): Promise<string[]> {
  const names: string[] = [];
  for await (const item of client.listObjectsV2(bucket, prefix, true)) {
    const { name } = item as { name?: string };
    if (name !== undefined) names.push(name);
    if (names.length === 1000) break;
  }
  return names;
}

/** Removes every version of the traces that `mine` accepts: the tenant itself can only hide what a bucket keeps. */
export async function sweep(admin: Client, bucket: string, mine: (trace: string) => boolean): Promise<void> {
  const versions: { name: string; versionId: string }[] = [];
  for await (const item of admin.listObjects(bucket, folder, true, { IncludeVersion: true })) {
    const { name, versionId } = item as { name?: string; versionId?: string };
    if (name !== undefined && mine(name.slice(folder.length).split("/")[0] ?? "")) {
      versions.push({ name, versionId: versionId ?? "null" });
    }
  }
  if (versions.length === 0) return;
  const failures = (await admin.removeObjects(bucket, versions)).filter((result) => result?.Error !== undefined);
  if (failures.length > 0) throw new Error(`${failures.length} traces in bucket ${bucket} could not be removed`);
}

/** Succeeds when the policy lets the request through, also when there is no such bucket. */
export async function reaches(client: Client, bucket: string): Promise<void> {
  try {
    await list(client, bucket, "");
  } catch (error) {
    if (dialect.code(error) !== "NoSuchBucket") throw error;
  }
}

/**
 * A call of the admin API, without a body: it succeeds when only that is wrong with it. Its errors are JSON, which the
 * client cannot read.
 */
export async function adminCall(
  client: Client,
  method: "GET" | "PUT",
  call: string,
  accessKey?: string,
): Promise<void> {
  const request = {
    method,
    bucketName: "minio",
    objectName: `admin/v3/${call}`,
    query: accessKey === undefined ? "" : new URLSearchParams({ accessKey }).toString(),
  };
  const answer = await client.makeRequestAsync(request, "", [200, 400, 403], "us-east-1");
  const text = await textOf(answer);
  if (answer.statusCode === 200) return;
  const { Code: code, Message: message } = JSON.parse(text) as { Code?: string; Message?: string };
  if (code === "XMinioAdminConfigBadJSON") return;
  throw Object.assign(new Error(message), { name: "S3Error", code });
}

/**
 * An upload of nothing that names an access key and is signed by nobody. MinIO 2026-02 looks at no signature when a body of
 * this kind comes with its credential in the query.
 */
export async function unsignedUpload(
  anonymous: Client,
  { accessKey, bucket, object }: { readonly accessKey: string; readonly bucket: string; readonly object: string },
): Promise<void> {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const query = new URLSearchParams({
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": `${accessKey}/${date.slice(0, 8)}/us-east-1/s3/aws4_request`,
    "X-Amz-Date": date,
    "X-Amz-Expires": "60",
    "X-Amz-SignedHeaders": "host",
    "X-Amz-Signature": "0".repeat(64),
  }).toString();
  const headers = {
    "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x-amz-decoded-content-length": "0",
    "x-amz-trailer": "x-amz-checksum-crc32",
    "content-encoding": "aws-chunked",
  };
  const body = "0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
  const request = { method: "PUT", bucketName: bucket, objectName: object, query, headers };
  const answer = await anonymous.makeRequestAsync(request, body, [200], "us-east-1");
  answer.resume();
}
