// A tenant's bucket, user and policy, as somebody else made them.
import type { Client } from "minio";
import { minioAdminGet, minioClient, s3Code } from "../../providers/clients/minio.ts";
import { plural } from "../output.ts";
import type { LookAt, StoreLook } from "./look.ts";

/** What the server says of a user. */
interface UserInfo {
  /** Comma-separated. */
  readonly policyName?: string;
  readonly memberOf?: readonly string[];
  readonly status?: string;
}

/** Objects that are counted one by one; beyond, the bucket's quota is left open. */
const limit = 100_000;

export async function lookAtMinio({ names, servers, existing, credentials }: LookAt): Promise<StoreLook> {
  const admin = await minioClient(servers);
  const { bucket, minioUser, minioPolicy } = names;
  const found: string[] = [];
  const missing: string[] = [];
  const problems: string[] = [];
  const notes: string[] = [];
  let settings = {};
  if (existing.bucket) {
    const { objects, bytes } = await contentsOf(admin, bucket);
    const many = objects >= limit ? `at least ${limit} objects` : plural(objects, "object");
    found.push(`bucket ${bucket}, ${many}, ${bytes} bytes`);
    const quota = await quotaOf(admin, bucket);
    if (quota > 0) settings = { bucketQuota: quota };
    // Half of the default: a limit that stops the tenant tomorrow is no service to it.
    else if (objects >= limit || bytes > 5 * 1024 ** 3) settings = { bucketQuota: 0 };
    if (await hasPolicy(admin, bucket)) {
      problems.push(
        `bucket ${bucket} has a policy of its own, which may open it to everybody. Look at it, then remove it: ` +
          `mc anonymous get-json ALIAS/${bucket}; mc anonymous set private ALIAS/${bucket}`,
      );
    }
    const { Status: versioning } = await admin.getBucketVersioning(bucket);
    if (versioning === "Enabled") notes.push(`bucket ${bucket} keeps versions, and goes on doing so`);
  } else missing.push(`bucket ${bucket}`);

  if (existing.minioUser) {
    const { policyName = "", memberOf = [] } = (await minioAdminGet(admin, "user-info", {
      accessKey: minioUser,
    })) as UserInfo;
    found.push(`user ${minioUser}`);
    const others = policyName.split(",").filter((one) => one !== "" && one !== minioPolicy);
    if (others.length > 0)
      problems.push(
        `user ${minioUser} has other policies too: ${others.join(", ")}. Take them away: ` +
          `mc admin policy detach ALIAS ${others.join(" ")} --user ${minioUser}`,
      );
    if (memberOf.length > 0)
      problems.push(
        `user ${minioUser} is in the groups ${memberOf.join(", ")}. Take it out: ` +
          memberOf.map((group) => `mc admin group rm ALIAS ${group} ${minioUser}`).join("; "),
      );
  } else missing.push(`user ${minioUser}`);
  if (existing.minioPolicy) found.push(`policy ${minioPolicy}${existing.attached ? ", attached to the user" : ""}`);
  else missing.push(`policy ${minioPolicy}`);

  if (credentials !== undefined && existing.minioUser) {
    if (credentials.minio_access_key !== minioUser) {
      problems.push(`minio_access_key of the secrets file is not ${minioUser}: another user's secrets cannot be kept`);
    } else if (existing.bucket && !(await accepts(await minioClient(servers, as(credentials)), bucket))) {
      problems.push(`minio_secret_key of the secrets file is not the one that MinIO knows`);
    }
  }
  return { found, missing, problems, notes, settings };
}

const as = ({ minio_access_key: user, minio_secret_key: password }: NonNullable<LookAt["credentials"]>) => ({
  user,
  password,
});

async function contentsOf(admin: Client, bucket: string): Promise<{ objects: number; bytes: number }> {
  let [objects, bytes] = [0, 0];
  for await (const item of admin.listObjectsV2(bucket, "", true)) {
    objects += 1;
    bytes += (item as { size?: number }).size ?? 0;
    if (objects >= limit) break;
  }
  return { objects, bytes };
}

/** Bytes; 0 is none. */
async function quotaOf(admin: Client, bucket: string): Promise<number> {
  const answer = (await minioAdminGet(admin, "get-bucket-quota", { bucket })) as { quota?: number; size?: number };
  return Math.max(answer.quota ?? 0, answer.size ?? 0);
}

async function hasPolicy(admin: Client, bucket: string): Promise<boolean> {
  try {
    return (await admin.getBucketPolicy(bucket)) !== "";
  } catch (error) {
    if (s3Code(error) === "NoSuchBucketPolicy") return false;
    throw error;
  }
}

/** Whether the server takes the signature; what the user may do is another question. */
async function accepts(client: Client, bucket: string): Promise<boolean> {
  try {
    for await (const _ of client.listObjectsV2(bucket, "", false)) break;
    return true;
  } catch (error) {
    return !["SignatureDoesNotMatch", "InvalidAccessKeyId"].includes(s3Code(error) ?? "");
  }
}
