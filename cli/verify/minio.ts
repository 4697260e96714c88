// MinIO: the tenant's user reaches its bucket and nothing else (plan, section 2.3).
import type { Client } from "minio";
import type { Agent } from "node:http";
import { isMinioUserOf } from "../../components/names.ts";
import { minioAdminGet, minioClient } from "../../providers/clients/minio.ts";
import { Mismatch, refused, works, type StoreDefinition, type Subject } from "./checks.ts";
import { adminCall, dialect, folder, list, reaches, sweep, textOf, unsignedUpload } from "./minio-requests.ts";
import { isLeftover, newTrace } from "./probe.ts";

interface Context extends Subject {
  /** The tenant's user, by its credentials. */
  readonly user: string;
  readonly tenant: Client;
  readonly admin: Client;
  readonly anonymous: Client;
  /** An object that the other tenant really has; undefined when it has none, null when it has no bucket. */
  readonly otherObject: Promise<string | undefined | null>;
}

/** Puts an object as the tenant, hands it to `use`, and removes it with every trace. */
async function withObject(
  c: Context,
  use: (object: string, body: string, trace: string) => Promise<void>,
): Promise<void> {
  const trace = newTrace();
  const object = `${folder}${trace}/probe`;
  const body = `verification ${trace}`;
  const { versionId } = await c.tenant.putObject(c.names.bucket, object, body);
  try {
    await use(object, body, trace);
    await c.tenant.removeObject(c.names.bucket, object);
  } catch (error) {
    await sweep(c.admin, c.names.bucket, (found) => found === trace);
    throw error;
  }
  if (versionId) await sweep(c.admin, c.names.bucket, (found) => found === trace);
}

/** Administrators' names that everybody tries first. */
const guessableNames = ["minioadmin", "minio", "admin", "administrator", "root"];

/** Connections of this verification only. */
async function agentFor(endpoint: URL): Promise<Agent> {
  const { Agent } = await (endpoint.protocol === "https:" ? import("node:https") : import("node:http"));
  return new Agent({ keepAlive: true });
}

export const minio: StoreDefinition<Context> = {
  store: "minio",
  async within(subject, work) {
    // The client is loaded while the credentials are decrypted.
    const [admin, anonymous, credentials] = await Promise.all([
      minioClient(subject.servers),
      minioClient(subject.servers, { user: "", password: "" }),
      subject.credentials,
    ]);
    const { minio_access_key: user, minio_secret_key: password } = credentials;
    const tenant = await minioClient(subject.servers, { user, password });
    const agent = await agentFor(subject.servers.minio.endpoint);
    // As the constructor's option of this name.
    for (const client of [tenant, admin, anonymous]) Object.assign(client, { transportAgent: agent });
    try {
      const otherObject = list(admin, subject.other.bucket, "").then(
        (names) => names[0],
        (error: unknown) => {
          if (dialect.code(error) === "NoSuchBucket") return null;
          throw error;
        },
      );
      otherObject.catch(() => undefined); // Whoever awaits it reports it.
      return await work({ ...subject, user, tenant, admin, anonymous, otherObject });
    } finally {
      // A request without an answer would keep the process alive.
      agent.destroy();
    }
  },
  async missingOther({ admin, other, otherObject }) {
    const [user, object] = await Promise.all([
      minioAdminGet(admin, "user-info", { accessKey: other.minioUser }),
      otherObject,
    ]);
    if (object === null) return `there is no bucket ${other.bucket}`;
    if (object === undefined) return `bucket ${other.bucket} holds no object`;
    return user === undefined ? `there is no user ${other.minioUser}` : undefined;
  },
  checks: [
    {
      test: "own_access",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          await Promise.all([
            withObject(c, async (object, body) => {
              const [read, listed] = await Promise.all([
                c.tenant.getObject(c.names.bucket, object).then(textOf),
                list(c.tenant, c.names.bucket, object),
              ]);
              if (read !== body) throw new Mismatch("the object that was read is not the one that was written");
              if (!listed.includes(object)) throw new Mismatch("the object that was written is not listed");
            }),
            sweep(c.admin, c.names.bucket, isLeftover),
          ]);
        }),
    },
    {
      test: "cross_tenant_access",
      expected: "DENIED",
      needsOther: true,
      run: async (c) => {
        const trace = newTrace();
        const bucket = c.other.bucket;
        const written = `${folder}${trace}/probe`;
        // Without an object to read, reading is no attempt: missingOther says so.
        const object = (await c.otherObject) ?? written;
        return refused(dialect, [
          { what: "list", run: () => list(c.tenant, bucket, "") },
          { what: "read", run: () => c.tenant.getObject(bucket, object).then((stream) => stream.destroy()) },
          {
            what: "write",
            run: () => c.tenant.putObject(bucket, written, "must be refused"),
            undo: () => sweep(c.admin, bucket, (found) => found === trace),
          },
          // Deleting what does not exist succeeds, for those who may delete.
          { what: "delete", run: () => c.tenant.removeObject(bucket, `${folder}none`) },
        ]);
      },
    },
    {
      // A policy on `tenant-acme*` would reach the bucket of tenant acme2.
      test: "similar_name",
      expected: "DENIED",
      run: (c) => {
        const bucket = `${c.names.bucket.replace(/-bucket$/, "")}2-bucket`;
        const longer = `${c.names.bucket}2`;
        return refused(
          dialect,
          [bucket, longer].map((name) => ({ what: name, run: () => reaches(c.tenant, name) })),
        );
      },
    },
    {
      test: "bucket_listing",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          const names = (await c.tenant.listBuckets()).map((bucket) => bucket.name);
          const foreign = names.filter((name) => name !== c.names.bucket);
          if (foreign.length > 0) throw new Mismatch(`the tenant's user also sees ${foreign.length} foreign buckets`);
          if (names.length === 0) throw new Mismatch(`the tenant's user does not see bucket ${c.names.bucket}`);
        }),
    },
    {
      test: "policy_attached",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          if (!isMinioUserOf(c.names, c.user)) throw new Mismatch(`${c.user} is no user of tenant ${c.names.id}`);
          const info = (await minioAdminGet(c.admin, "user-info", { accessKey: c.user })) as
            { policyName?: string; status?: string; memberOf?: string[] } | undefined;
          if (info === undefined) throw new Mismatch(`there is no user ${c.user}`);
          const policies = info.policyName || "none";
          if (policies !== c.names.minioPolicy) {
            throw new Mismatch(`attached: ${policies}; it must be exactly ${c.names.minioPolicy}`);
          }
          if (info.status !== "enabled") throw new Mismatch(`user ${c.user} is ${info.status}`);
          const groups = info.memberOf ?? [];
          if (groups.length > 0) throw new Mismatch(`the user gets more rights from groups ${groups.join(", ")}`);
        }),
    },
    {
      // A user may set its own secret and make service accounts, which outlive a rotation, unless its policy denies admin:*.
      test: "admin_api",
      expected: "DENIED",
      run: (c) =>
        refused(dialect, [
          { what: "list users", run: () => adminCall(c.tenant, "GET", "list-users") },
          // The server looks at the right first, then finds the new secret missing: nothing changes.
          { what: "set its own secret", run: () => adminCall(c.tenant, "PUT", "add-user", c.user) },
          { what: "set another's secret", run: () => adminCall(c.tenant, "PUT", "add-user", c.other.minioUser) },
        ]),
    },
    {
      test: "anonymous_access",
      expected: "DENIED",
      run: (c) => {
        const trace = newTrace();
        const { bucket } = c.names;
        return refused(dialect, [
          { what: "list", run: () => list(c.anonymous, bucket, "") },
          // One of the objects that hold the prefixes open; also where it was deleted, the answer is a refusal.
          { what: "read", run: () => c.anonymous.getObject(bucket, "raw/.keep").then((stream) => stream.destroy()) },
          {
            what: "write",
            run: () => c.anonymous.putObject(bucket, `${folder}${trace}/probe`, "must be refused"),
            undo: () => sweep(c.admin, bucket, (found) => found === trace),
          },
        ]);
      },
    },
    {
      // Nobody's signature, somebody's access key. The administrator is bound by no policy: its name must not be guessable.
      test: "unsigned_upload",
      expected: "DENIED",
      run: (c) => {
        const attempts = [c.user, ...guessableNames].map((accessKey) => {
          const trace = newTrace();
          const upload = { accessKey, bucket: c.names.bucket, object: `${folder}${trace}/probe` };
          return {
            what: `as ${accessKey}`,
            run: () => unsignedUpload(c.anonymous, upload),
            undo: () => sweep(c.admin, c.names.bucket, (found) => found === trace),
          };
        });
        // A server that looks at the signature says the last; where nobody has the name, the second.
        const refusals = ["AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch"];
        return refused({ ...dialect, refusals }, attempts);
      },
    },
    {
      test: "encryption_at_rest",
      expected: "OK",
      run: (c) =>
        works(dialect, () =>
          withObject(c, async (object) => {
            const answer = await c.tenant.getObject(c.names.bucket, object);
            answer.destroy();
            const { headers } = answer as unknown as { headers: Record<string, string | undefined> };
            const algorithm = headers["x-amz-server-side-encryption"];
            if (algorithm !== "AES256")
              throw new Mismatch(`a new object is stored ${algorithm ?? "unencrypted"}, not AES256`);
          }),
        ),
    },
  ],
};
