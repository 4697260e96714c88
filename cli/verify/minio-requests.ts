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
