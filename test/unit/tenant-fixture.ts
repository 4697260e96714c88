// What the tests of the components share: the servers' settings, and what providers answer.
import { nativeProviders } from "../../components/provider-instances.ts";
import { Tenant, type TenantArgs } from "../../components/tenant.ts";
import type { Outputs } from "./registrations.ts";

/** The administrator's secrets: none of them may reach the engine. */
export const administrator = {
  MINIO_ROOT_USER: "administrator-minio",
  MINIO_ROOT_PASSWORD: "administrator-minio-password",
  PGUSER: "administrator-postgresql",
  PGPASSWORD: "administrator-postgresql-password",
  QDRANT_API_KEY: "administrator-qdrant-key",
};
/** The whole environment of the program: read when it runs. */
Object.assign(process.env, {
  ...administrator,
  MINIO_ENDPOINT: "http://127.0.0.1:9000",
  PGHOST: "127.0.0.1",
  PGPORT: "5433",
  PGSSLMODE: "disable",
  QDRANT_URL: "http://127.0.0.1:6333",
  QDRANT_TENANT_URL: "http://127.0.0.1:6335",
  QDRANT_TENANT_GRPC_URL: "http://127.0.0.1:6336",
  REDIS_URL: "redis://administrator-redis:administrator-redis-password@127.0.0.1:6379",
});

for (const authority of ["TENANT_CA_FILE", "PGSSLROOTCERT"]) Reflect.deleteProperty(process.env, authority);

/** The tenant's age public key. */
export const agePublicKey = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z";

/** The program of a tenant's stack. */
export function tenantProgram(over: Partial<TenantArgs> = {}): () => void {
  const settings: TenantArgs = {
    id: "acme",
    stack: "acme",
    networks: ["10.12.0.0/16", "fd00:12::/48"],
    operatorNetworks: ["127.0.0.0/8", "10.12.0.0/16"],
    recipients: [],
    allowDestroy: false,
    labels: {},
    placement: "default",
    suspended: false,
    suspensionReason: "",
    postgresqlConnectionLimit: 20,
    postgresqlStatementTimeout: 0,
    postgresqlIdleTransactionTimeout: 600_000,
    postgresqlTempFileLimit: "256MB",
    bucketQuota: 0,
    qdrantVectorSize: 768,
    qdrantDistance: "Cosine",
    qdrantPayloadIndexes: { document_id: "keyword" },
    qdrantShards: 1,
    qdrantReplicas: 1,
    qdrantWriteConsistency: 1,
    qdrantMaxPoints: 1000,
    qdrantQuota: 0,
    qdrantReadsPerMinute: 600,
    qdrantWritesPerMinute: 0,
    qdrantUnindexedFilters: false,
    qdrantTokenDays: 0,
    rotation: {},
    ...over,
  };
  return () => void new Tenant("acme", settings, { providers: Object.values(nativeProviders()) });
}

const nothing: Outputs = () => ({});
const ours = (name: string) => `pulumi-nodejs:dynamic/tenant:${name}`;

/** Every type the program uses, and what its provider computes. */
export const outputs: Readonly<Record<string, Outputs>> = {
  "pulumi:providers:minio": nothing,
  "pulumi:providers:postgresql": nothing,
  "random:index/randomPassword:RandomPassword": (_, name) => ({ result: `secret of ${name}`, bcryptHash: "hash" }),
  "command:local:Command": () => ({ stdout: "the report" }),
  "minio:index/s3Bucket:S3Bucket": nothing,
  "minio:index/s3Object:S3Object": nothing,
  "minio:index/iamPolicy:IamPolicy": nothing,
  "minio:index/iamUser:IamUser": nothing,
  "minio:index/iamUserPolicyAttachment:IamUserPolicyAttachment": nothing,
  "postgresql:index/role:Role": nothing,
  "postgresql:index/database:Database": nothing,
  "postgresql:index/grant:Grant": nothing,
  "postgresql:index/defaultPrivileges:DefaultPrivileges": nothing,
  [ours("Reservation")]: nothing,
  [ours("AgeKey")]: () => ({ recipient: agePublicKey }),
  [ours("QdrantToken")]: () => ({ jti: "token-id", token: "secret of the token" }),
  [ours("SopsFile")]: () => ({ digest: "digest of the file" }),
  [ours("CredentialsHandover")]: nothing,
  [ours("BucketEncryption")]: nothing,
  [ours("BucketContents")]: nothing,
  [ours("MinioAccess")]: nothing,
  [ours("RoleLimits")]: nothing,
  [ours("RoleLogin")]: nothing,
  [ours("DatabaseHardening")]: nothing,
  [ours("PgHbaEntry")]: nothing,
  [ours("QdrantCollection")]: nothing,
  [ours("QdrantAccess")]: nothing,
  [ours("RedisAclUser")]: () => ({ granted: "flags: on", former: [] }),
  [ours("RedisPassword")]: nothing,
  [ours("VerificationRecord")]: () => ({ reportId: "report-id", verifiedAt: "2026-02-11T12:00:03Z" }),
  [ours("AuditEvent")]: () => ({ eventId: "event-id" }),
  [ours("RegistryRow")]: nothing,
  [ours("DataGuard")]: nothing,
  [ours("AuditKey")]: () => ({ log: "log-id", publicKeys: "public keys" }),
  [ours("PlatformSchema")]: nothing,
  [ours("TenantTemplate")]: nothing,
  [ours("PgHbaClosing")]: nothing,
  [ours("Placement")]: nothing,
};

/** The same providers in a preview of what does not exist yet: nothing computed is known. */
export const unknownOutputs: Readonly<Record<string, Outputs>> = Object.fromEntries(
  Object.keys(outputs).map((type) => [type, nothing]),
);
