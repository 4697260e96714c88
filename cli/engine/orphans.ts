// Resources whose creation began and did not end well: pulumi was killed, or the server did the work and the answer was lost.
// They are in no state, so no destroy removes them. Their names are the tenant's, which was reserved when all of them were free.
import { emptyBucket, minioClient, s3Code } from "../../providers/clients/minio.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { servers } from "../../providers/clients/servers.ts";

/** A resource that began to be made. */
export interface Begun {
  readonly type: string;
  readonly inputs: Readonly<Record<string, unknown>>;
}

type Removal = (inputs: Begun["inputs"]) => Promise<unknown>;

/** Our own providers know how: absent is done. */
const byProvider =
  (file: string): Removal =>
  async (inputs) => {
    const { provider } = (await import(`../../providers/${file}.ts`)) as {
      provider: { delete: (id: string, inputs: Begun["inputs"]) => Promise<void> };
    };
    await provider.delete("", inputs);
  };

/** One DELETE of MinIO's admin API. Absent is done. */
const byMinioAdmin =
  (call: string, parameter: string): Removal =>
  async ({ name }) => {
    const query = new URLSearchParams({ [parameter]: String(name) }).toString();
    const request = { method: "DELETE", bucketName: "minio", objectName: `admin/v3/${call}`, query };
    const answer = await (await minioClient(servers())).makeRequestAsync(request, "", [200, 204, 404], "us-east-1");
    answer.resume();
  };

/** A policy that is attached cannot be removed. Naming none detaches all of them; absent is done. */
const detachPolicies: Removal = async ({ userName }) => {
  const query = new URLSearchParams({ policyName: "", userOrGroup: String(userName), isGroup: "false" }).toString();
  const request = { method: "PUT", bucketName: "minio", objectName: "admin/v3/set-user-or-group-policy", query };
  const answer = await (await minioClient(servers())).makeRequestAsync(request, "", [200, 404], "us-east-1");
  answer.resume();
};

const byStatement =
  (statement: (name: string) => string): Removal =>
  async ({ name }) =>
    withAdmin((client) => client.query(statement(client.escapeIdentifier(String(name)))));

async function removeBucket({ bucket }: Begun["inputs"]): Promise<void> {
  const client = await minioClient(servers());
  await emptyBucket(client, String(bucket));
  await client.removeBucket(String(bucket)).catch((error: unknown) => {
    if (s3Code(error) !== "NoSuchBucket") throw error;
  });
}

/** By the last part of the type. What is not here goes with what is: grants with the role, objects with the bucket. */
const removals: Readonly<Record<string, Removal>> = {
  AgeKey: byProvider("age-key"),
  SopsFile: byProvider("sops-file"),
  S3Bucket: removeBucket,
  IamPolicy: byMinioAdmin("remove-canned-policy", "name"),
  IamUser: byMinioAdmin("remove-user", "accessKey"),
  IamUserPolicyAttachment: detachPolicies,
  Role: byStatement((role) => `DROP ROLE IF EXISTS ${role}`),
  Database: byStatement((database) => `DROP DATABASE IF EXISTS ${database} WITH (FORCE)`),
  PgHbaEntry: byProvider("pg-hba-entry"),
  QdrantCollection: byProvider("qdrant-collection"),
  QdrantAccess: byProvider("qdrant-access"),
  RedisAclUser: byProvider("redis-acl-user"),
};

/** Removes them, the latest first. Returns why some could not be. */
export async function removeOrphans(begun: readonly Begun[]): Promise<string[]> {
  const problems: string[] = [];
  for (const { type, inputs } of begun.toReversed()) {
    const removal = removals[type.split(":").at(-1) ?? ""];
    await removal?.(inputs).catch((error: unknown) => problems.push((error as Error).message));
  }
  return problems;
}
