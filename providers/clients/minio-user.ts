// A tenant's MinIO user as its server sees it: whether it may come in, with which secret, and everything that gives it rights.
import type { Client } from "minio";
import { adminCall, sealed, unsealed } from "./minio-admin.ts";
import { minioAdminGet, minioClient, s3Code } from "./minio.ts";
import type { Servers } from "./servers.ts";

/** What a user is to have. */
export interface WantedUser {
  readonly user: string;
  /** The only policy that is attached to it. */
  readonly policy: string;
  /** Secret. */
  readonly secret: string;
}

/** What it has. */
export interface FoundUser {
  readonly enabled: boolean;
  readonly policies: readonly string[];
  readonly groups: readonly string[];
  /** Access keys of its service accounts. */
  readonly serviceAccounts: readonly string[];
}

/** Whether there is such a user. */
export async function exists(servers: Servers, user: string): Promise<boolean> {
  return (await minioAdminGet(await minioClient(servers), "user-info", { accessKey: user })) !== undefined;
}

/** Undefined when there is no such user. */
export async function userOf(servers: Servers, user: string): Promise<FoundUser | undefined> {
  const client = await minioClient(servers);
  const info = (await minioAdminGet(client, "user-info", { accessKey: user })) as
    { policyName?: string; status?: string; memberOf?: string[] } | undefined;
  if (info === undefined) return undefined;
  return {
    enabled: info.status === "enabled",
    policies: (info.policyName ?? "").split(",").filter((name) => name !== ""),
    groups: info.memberOf ?? [],
    serviceAccounts: await serviceAccountsOf(servers, client, user),
  };
}

async function serviceAccountsOf({ minio }: Servers, client: Client, user: string): Promise<string[]> {
  const answer = await adminCall(client, "GET", "list-service-accounts", { user });
  const { accounts } = JSON.parse(await unsealed(minio.password, answer)) as {
    accounts?: readonly { accessKey: string }[] | null;
  };
  return (accounts ?? []).map(({ accessKey }) => accessKey);
}

/** What the server answers to whom it knows. */
const taken = ["AccessDenied", "InvalidAccessKeyId", "NoSuchBucket", "NoSuchTagSet"];

/** Whether the server takes the secret. Of a user that is disabled it says nothing: true. */
export async function acceptsSecret(servers: Servers, { user, secret }: WantedUser): Promise<boolean> {
  try {
    // To list the buckets, the server would look at everybody's. This it refuses, or nothing is there.
    await (await minioClient(servers, { user, password: secret })).getBucketTagging(user);
    return true;
  } catch (error) {
    const code = s3Code(error) ?? "";
    if (code === "SignatureDoesNotMatch") return false;
    if (taken.includes(code)) return true;
    throw error;
  }
}

/** Makes the user what it is to be: enabled, with this secret and this policy, in no group, without service accounts. */
export async function correctUser(servers: Servers, wanted: WantedUser, found: FoundUser): Promise<void> {
  const client = await minioClient(servers);
  const { user, policy, secret } = wanted;
  // First: the server denies that it knows a disabled one.
  if (!found.enabled) await adminCall(client, "PUT", "set-user-status", { accessKey: user, status: "enabled" });
  if (found.policies.join() !== policy) {
    const query = { policyName: policy, userOrGroup: user, isGroup: "false" };
    await adminCall(client, "PUT", "set-user-or-group-policy", query);
  }
  for (const group of found.groups) {
    const body = JSON.stringify({ group, members: [user], isRemove: true });
    await adminCall(client, "PUT", "update-group-members", {}, body);
  }
  for (const accessKey of found.serviceAccounts)
    await adminCall(client, "DELETE", "delete-service-account", { accessKey });
  if (await acceptsSecret(servers, wanted)) return;
  const body = sealed(servers.minio.password, JSON.stringify({ secretKey: secret, status: "enabled" }));
  await adminCall(client, "PUT", "add-user", { accessKey: user }, body);
}

/** How it differs, in words. That the policy is missing, the native attachment says. */
export function differencesOf(found: FoundUser, { policy }: WantedUser, secretAccepted: boolean): string[] {
  return [
    ...(found.enabled ? [] : ["the user is disabled"]),
    ...found.policies.filter((name) => name !== policy).map((name) => `the policy ${name} is attached too`),
    ...found.groups.map((group) => `the user is in the group ${group}`),
    ...found.serviceAccounts.map((name) => `the user has the service account ${name}`),
    ...(secretAccepted ? [] : ["the secret of the user was changed"]),
  ];
}
