// Which of a tenant's places in the stores exist, whoever made them: what an adoption takes over.
import type { TenantNames } from "../../components/names.ts";
import { minioAdminGet, minioClient } from "./minio.ts";
import { withAdmin } from "./postgresql.ts";
import { qdrantClient } from "./qdrant.ts";
import { onEveryNode, withRedisNodes } from "./redis-nodes.ts";
import type { Servers } from "./servers.ts";

/** True: it is there. */
export interface Existing {
  readonly bucket: boolean;
  readonly minioPolicy: boolean;
  readonly minioUser: boolean;
  /** The policy is attached to the user. */
  readonly attached: boolean;
  readonly role: boolean;
  readonly database: boolean;
  readonly collection: boolean;
  /** On every node. */
  readonly redisUser: boolean;
}

/** Asks every server. Reads only. */
export async function existingOf(names: TenantNames, servers: Servers): Promise<Existing> {
  const client = await minioClient(servers);
  const [bucket, policy, user, postgresql, qdrant, redisUser] = await Promise.all([
    client.bucketExists(names.bucket),
    minioAdminGet(client, "info-canned-policy", { name: names.minioPolicy }),
    minioAdminGet(client, "user-info", { accessKey: names.minioUser }) as Promise<{ policyName?: string } | undefined>,
    withAdmin(
      async (session) => {
        const { rows } = await session.query<{ role: boolean; database: boolean }>(
          `SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1) AS role,
                  EXISTS (SELECT FROM pg_database WHERE datname = $2) AS database`,
          [names.role, names.database],
        );
        return rows[0];
      },
      "postgres",
      servers,
    ),
    (await qdrantClient(servers)).collectionExists(names.collection),
    withRedisNodes(servers, async (nodes) => {
      const found = await onEveryNode(nodes, ({ client: node }) => node.call("ACL", "GETUSER", names.redisUser));
      return found.every((one) => one !== null);
    }),
  ]);
  return {
    bucket,
    minioPolicy: policy !== undefined,
    minioUser: user !== undefined,
    attached: policy !== undefined && (user?.policyName ?? "").split(",").includes(names.minioPolicy),
    role: postgresql?.role === true,
    database: postgresql?.database === true,
    collection: qdrant.exists,
    redisUser,
  };
}
