// The few MinIO calls the providers make, with the administrator's credentials. minio/minio is archived upstream (2026):
// everything that goes beyond plain S3 is in this file.
import type { Client } from "minio";
import type { Servers } from "./servers.ts";
import { trusting } from "./tls.ts";

/** A client for the MinIO server with these credentials (the administrator's unless given). */
export async function minioClient(
  { minio }: Pick<Servers, "minio">,
  as: { user: string; password: string } = minio,
): Promise<Client> {
  const { Client } = await import("minio");
  const { endpoint } = minio;
  const client = new Client({
    endPoint: endpoint.hostname.replace(/^\[|\]$/g, ""),
    useSSL: endpoint.protocol === "https:",
    accessKey: as.user,
    secretKey: as.password,
    // Known, so that no call is spent on asking for it.
    region: "us-east-1",
    ...(endpoint.port === "" ? {} : { port: Number(endpoint.port) }),
  });
  client.setRequestOptions(trusting(minio.ca));
  return client;
}

/** The S3 error code of an error, such as `NoSuchBucket`; undefined when the server did not answer. */
export function s3Code(error: unknown): string | undefined {
  const code = (error as { code?: unknown }).code;
  return typeof code === "string" ? code : undefined;
}

/** A message of an error; the client's own words for a server that is unavailable name neither it nor what to do. */
export function minioReason(message: string): string {
  const status = /Retryable HTTP status: (50[234])/.exec(message)?.[1];
  if (status === undefined) return message;
  return `MinIO answers HTTP ${status}: too few of its nodes are there, or it is starting. Start what is down, then run it again`;
}

/**
 * One GET of the admin API (`/minio/admin/v3/…`), which is signed like S3; undefined when the server knows no such thing.
 * Source: MinIO's madmin-go, the calls whose answers are plain JSON.
 */
export async function minioAdminGet(
  client: Client,
  call: "user-info" | "info-canned-policy" | "get-bucket-quota" | "info" | "datausageinfo",
  query: Record<string, string>,
): Promise<unknown> {
  const response = await client.makeRequestAsync(
    {
      method: "GET",
      bucketName: "minio",
      objectName: `admin/v3/${call}`,
      query: new URLSearchParams(query).toString(),
    },
    "",
    [200, 404],
    "us-east-1",
  );
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return response.statusCode === 404 ? undefined : JSON.parse(Buffer.concat(chunks).toString("utf8"));
}

/** The object that makes an empty prefix visible: `raw/.keep`. */
export const prefixKeeper = ".keep";

/** Counts the objects of a bucket; stops at `limit`. Zero when there is no bucket. */
export async function countObjects(client: Client, bucket: string, limit: number): Promise<number> {
  let count = 0;
  try {
    for await (const item of client.listObjectsV2(bucket, "", true)) {
      // The objects that hold the four prefixes open are ours.
      if ((item as { name?: string }).name?.endsWith(`/${prefixKeeper}`)) continue;
      count += 1;
      if (count >= limit) break;
    }
  } catch (error) {
    if (s3Code(error) === "NoSuchBucket") return 0;
    throw error;
  }
  return count;
}

/** Removes every object, version, delete marker and unfinished upload of a bucket. */
export async function emptyBucket(client: Client, bucket: string): Promise<void> {
  try {
    let batch: { name: string; versionId: string }[] = [];
    const flush = async (): Promise<void> => {
      if (batch.length === 0) return;
      const failures = (await client.removeObjects(bucket, batch)).filter((result) => result?.Error !== undefined);
      if (failures.length > 0) throw new Error(`${failures.length} objects of bucket ${bucket} could not be removed`);
      batch = [];
    };
    for await (const item of client.listObjects(bucket, "", true, { IncludeVersion: true })) {
      const { name, versionId } = item as { name?: string; versionId?: string };
      if (name === undefined) continue;
      batch.push({ name, versionId: versionId ?? "null" });
      if (batch.length === 1000) await flush();
    }
    await flush();
    for await (const upload of client.listIncompleteUploads(bucket, "", true)) {
      await client.removeIncompleteUpload(bucket, (upload as { key: string }).key);
    }
  } catch (error) {
    if (s3Code(error) !== "NoSuchBucket") throw error;
  }
}
