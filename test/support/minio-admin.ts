// MinIO's admin calls that tests need and the program leaves to the native provider: users and policies.
import type { Client } from "minio";
import { sealed } from "../../providers/clients/minio-admin.ts";

/** Asks, and reads the answer: `code` is the server's, or `OK`. */
async function ask(
  client: Client,
  [method = "", path = "", query = ""]: readonly string[],
  body: Buffer | string,
): Promise<{ code: string; message: string }> {
  // The server closes some connections after a refusal, without saying so: the next request would be lost.
  const headers = { connection: "close" };
  const request = { method, bucketName: "minio", objectName: path, query, headers };
  // Errors of the admin API are JSON, which the client does not read.
  const statuses = [200, 204, 400, 403, 404, 409, 426, 501];
  const answer = await client.makeRequestAsync(request, body, statuses, "us-east-1");
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  if ((answer.statusCode ?? 0) < 300) return { code: "OK", message: "" };
  const { Code: code = "", Message: message = "" } = JSON.parse(Buffer.concat(chunks).toString("utf8")) as {
    Code?: string;
    Message?: string;
  };
  return { code, message };
}

async function call(
  client: Client,
  method: string,
  path: string,
  query: Record<string, string>,
  body: Buffer | string = "",
): Promise<void> {
  const words = [method, `admin/v3/${path}`, new URLSearchParams(query).toString()];
  const { code, message } = await ask(client, words, body);
  if (code !== "OK") throw Object.assign(new Error(`MinIO ${path}: ${message}`), { code });
}

/**
 * The server's code for a call without a body, or `OK`.
 * @param text method and call, such as `GET user-info?accessKey=x`
 * @param api the folder it is in
 */
export async function adminCode(client: Client, text: string, api = "admin/v3"): Promise<string> {
  const [method = "", path = "", query = ""] = text.split(/[ ?]/);
  return (await ask(client, [method, [api, path].filter((part) => part !== "").join("/"), query], "")).code;
}

/** Makes a service account: the client's user's own, or that of `targetUser`. */
export async function addServiceAccount(
  client: Client,
  secret: string,
  account: { readonly accessKey: string; readonly secretKey: string; readonly targetUser?: string },
): Promise<void> {
  await call(client, "PUT", "add-service-account", {}, sealed(secret, JSON.stringify(account)));
}

/** Makes or changes an enabled user. */
export async function setUser(client: Client, adminSecret: string, user: string, secretKey: string): Promise<void> {
  const body = sealed(adminSecret, JSON.stringify({ secretKey, status: "enabled" }));
  await call(client, "PUT", "add-user", { accessKey: user }, body);
}

export async function removeUser(client: Client, user: string): Promise<void> {
  await call(client, "DELETE", "remove-user", { accessKey: user });
}

export async function setUserStatus(client: Client, user: string, status: "enabled" | "disabled"): Promise<void> {
  await call(client, "PUT", "set-user-status", { accessKey: user, status });
}

/** Makes or replaces a policy. */
export async function setPolicy(client: Client, name: string, document: string): Promise<void> {
  await call(client, "PUT", "add-canned-policy", { name }, document);
}

export async function removePolicy(client: Client, name: string): Promise<void> {
  await call(client, "DELETE", "remove-canned-policy", { name });
}

/** Attaches exactly these policies, separated by commas; none with "". */
export async function attachPolicies(client: Client, user: string, policies: string): Promise<void> {
  await call(client, "PUT", "set-user-or-group-policy", { policyName: policies, userOrGroup: user, isGroup: "false" });
}

/** Lets the bucket hold that many bytes; 0 is no limit. */
export async function setQuota(client: Client, bucket: string, bytes: number): Promise<void> {
  const limit = JSON.stringify({ quota: bytes, size: bytes, quotatype: "hard" });
  await call(client, "PUT", "set-bucket-quota", { bucket }, limit);
}

/** Makes a group, or changes who is in it. */
export async function changeGroup(client: Client, group: string, user: string, how: "add" | "remove"): Promise<void> {
  const body = JSON.stringify({ group, members: [user], isRemove: how === "remove" });
  await call(client, "PUT", "update-group-members", {}, body);
}

/** Removes a group without members. */
export async function removeGroup(client: Client, group: string): Promise<void> {
  await call(client, "PUT", "update-group-members", {}, JSON.stringify({ group, members: [], isRemove: true }));
}
