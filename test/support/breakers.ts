// Ways to break a tenant's isolation from outside, one guarantee each, with what verification must then say. They need only a
// tenant's id and administrator access, so that they also work on a tenant that the program deployed.
import { bucketPolicy } from "../../components/object-storage.ts";
import { canaryId, tenantNames, type TenantNames } from "../../components/names.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { attachPolicies, removePolicy, setPolicy, setUserStatus } from "./minio-admin.ts";
import { encryptionBreakers, qdrantBreakers } from "./breakers-credentials.ts";
import { postgresqlBreakers } from "./breakers-postgresql.ts";

/** The tenant to break, and the one it is verified against. */
export interface Target {
  readonly names: TenantNames;
  readonly other: TenantNames;
}

export interface Breaker {
  /** What is done: "let the policy read the other tenant's bucket". */
  readonly name: string;
  /** Exactly the checks that must fail, as `store/test`. */
  readonly fails: readonly string[];
  /** Checks that may fail with them, depending on what else protects the server. */
  readonly mayFail?: readonly string[];
  /** Breaks it; the result puts everything back. */
  readonly breakIt: (target: Target) => Promise<() => Promise<unknown>>;
}

export function target(id: string, other: string = canaryId): Target {
  return { names: tenantNames(id), other: tenantNames(other) };
}

interface Policy {
  Version: string;
  Statement: { Effect: string; Action: string[]; Resource?: string[]; NotResource?: string[]; Condition?: object }[];
}

/** Changes the tenant's own policy. */
const policyBreaker = (
  name: string,
  fails: readonly string[],
  change: (policy: Policy, target: Target) => void,
): Breaker => ({
  name,
  fails,
  async breakIt(t) {
    const admin = await minioClient(servers());
    const policy = JSON.parse(bucketPolicy(t.names.bucket)) as Policy;
    change(policy, t);
    await setPolicy(admin, t.names.minioPolicy, JSON.stringify(policy));
    return () => setPolicy(admin, t.names.minioPolicy, bucketPolicy(t.names.bucket));
  },
});

/** Takes the denials away that match. */
const permit = (policy: Policy, denial: (statement: Policy["Statement"][number]) => boolean): void => {
  policy.Statement = policy.Statement.filter((statement) => statement.Effect === "Allow" || !denial(statement));
};

const allow = (policy: Policy, action: string, resource: string): void => {
  permit(policy, ({ NotResource }) => NotResource !== undefined);
  policy.Statement.push({ Effect: "Allow", Action: [action], Resource: [resource] });
};

const minioBreakers: Breaker[] = [
  policyBreaker("policy reads the other tenant's objects", ["minio/cross_tenant_access"], (policy, { other }) =>
    allow(policy, "s3:GetObject", `arn:aws:s3:::${other.bucket}/*`),
  ),
  policyBreaker("policy writes into the other tenant's bucket", ["minio/cross_tenant_access"], (policy, { other }) =>
    allow(policy, "s3:PutObject", `arn:aws:s3:::${other.bucket}/*`),
  ),
  policyBreaker("policy deletes in the other tenant's bucket", ["minio/cross_tenant_access"], (policy, { other }) =>
    allow(policy, "s3:DeleteObject", `arn:aws:s3:::${other.bucket}/*`),
  ),
  policyBreaker(
    "policy lists the other tenant's bucket",
    ["minio/cross_tenant_access", "minio/bucket_listing"],
    (policy, { other }) => allow(policy, "s3:ListBucket", `arn:aws:s3:::${other.bucket}`),
  ),
  policyBreaker("policy reaches names that start alike", ["minio/similar_name"], (policy, { names }) =>
    allow(policy, "s3:ListBucket", `arn:aws:s3:::tenant-${names.id}*`),
  ),
  policyBreaker("policy lists every bucket", ["minio/bucket_listing"], (policy) =>
    allow(policy, "s3:ListAllMyBuckets", "arn:aws:s3:::*"),
  ),
  policyBreaker("policy does not deny admin calls", ["minio/admin_api"], (policy) => {
    permit(policy, ({ Action }) => Action.includes("admin:*"));
  }),
  policyBreaker("policy accepts uploads that nobody signed", ["minio/unsigned_upload"], (policy) => {
    permit(policy, ({ Action }) => Action.includes("s3:PutObject"));
  }),
  policyBreaker("policy does not let the tenant write", ["minio/own_access", "minio/encryption_at_rest"], (policy) => {
    for (const statement of policy.Statement.filter(({ Effect }) => Effect === "Allow"))
      statement.Action = statement.Action.filter((action) => action !== "s3:PutObject");
  }),
  {
    name: "a second policy attached",
    fails: ["minio/policy_attached"],
    async breakIt({ names }) {
      const admin = await minioClient(servers());
      const second = `${names.minioPolicy}-second`;
      await setPolicy(admin, second, bucketPolicy(names.bucket));
      await attachPolicies(admin, names.minioUser, `${names.minioPolicy},${second}`);
      return async () => {
        await attachPolicies(admin, names.minioUser, names.minioPolicy);
        await removePolicy(admin, second);
      };
    },
  },
  {
    name: "policy detached",
    fails: ["minio/policy_attached", "minio/own_access", "minio/bucket_listing", "minio/encryption_at_rest"],
    // Without any policy nothing denies a user its own secret.
    mayFail: ["minio/admin_api"],
    async breakIt({ names }) {
      const admin = await minioClient(servers());
      await attachPolicies(admin, names.minioUser, "");
      return () => attachPolicies(admin, names.minioUser, names.minioPolicy);
    },
  },
  ...[
    { to: "list", action: "s3:ListBucket", inside: "" },
    { to: "read", action: "s3:GetObject", inside: "/*" },
    { to: "write", action: "s3:PutObject", inside: "/*" },
  ].map(({ to, action, inside }) => ({
    name: `bucket opened for everybody to ${to}`,
    fails: ["minio/anonymous_access"],
    async breakIt({ names }: Target) {
      const admin = await minioClient(servers());
      const Resource = [`arn:aws:s3:::${names.bucket}${inside}`];
      const Statement = [{ Effect: "Allow", Principal: { AWS: ["*"] }, Action: [action], Resource }];
      await admin.setBucketPolicy(names.bucket, JSON.stringify({ Version: "2012-10-17", Statement }));
      return () => admin.setBucketPolicy(names.bucket, "");
    },
  })),
  {
    name: "encryption switched off",
    fails: ["minio/encryption_at_rest"],
    async breakIt({ names }) {
      const admin = await minioClient(servers());
      await admin.removeBucketEncryption(names.bucket);
      const Rule = [{ ApplyServerSideEncryptionByDefault: { SSEAlgorithm: "AES256" } }];
      return () => admin.setBucketEncryption(names.bucket, { Rule });
    },
  },
  {
    name: "MinIO user disabled",
    fails: ["minio/own_access", "minio/bucket_listing", "minio/policy_attached", "minio/encryption_at_rest"],
    // The server says that it does not know the user: that proves nothing about its rights.
    mayFail: ["minio/cross_tenant_access", "minio/similar_name", "minio/admin_api"],
    async breakIt({ names }) {
      const admin = await minioClient(servers());
      await setUserStatus(admin, names.minioUser, "disabled");
      return () => setUserStatus(admin, names.minioUser, "enabled");
    },
  },
];

/** Adds ACL rules to the tenant's user. */
const aclBreaker = (
  name: string,
  fails: readonly string[],
  rules: (target: Target) => readonly string[],
  undo: (target: Target) => readonly string[],
): Breaker => ({
  name,
  fails,
  async breakIt(t) {
    const set = (words: readonly string[]) =>
      withRedis(servers(), (client) => client.call("ACL", "SETUSER", t.names.redisUser, ...words));
    await set(rules(t));
    return () => set(undo(t));
  },
});

const ownKeys = ({ names }: Target): string[] => ["resetkeys", `~${names.keyPrefix}*`];
const ownChannels = ({ names }: Target): string[] => ["resetchannels", `&${names.keyPrefix}*`];

const redisBreakers: Breaker[] = [
  aclBreaker(
    "ACL reaches the other tenant's keys",
    ["redis/cross_tenant_prefix"],
    ({ other }) => [`~${other.keyPrefix}*`],
    ownKeys,
  ),
  aclBreaker(
    "ACL reads the other tenant's keys",
    ["redis/cross_tenant_prefix"],
    ({ other }) => [`%R~${other.keyPrefix}*`],
    ownKeys,
  ),
  aclBreaker("ACL pattern without its colon", ["redis/similar_name"], ({ names }) => [`~tenant:${names.id}*`], ownKeys),
  aclBreaker("ACL without the own prefix", ["redis/own_access"], () => ["resetkeys"], ownKeys),
  aclBreaker(
    "ACL reaches the other tenant's channels",
    ["redis/cross_tenant_channel"],
    ({ other }) => [`&${other.keyPrefix}*`],
    ownChannels,
  ),
  aclBreaker("ACL without channels", ["redis/own_channel"], () => ["resetchannels"], ownChannels),
  aclBreaker(
    "ACL allows KEYS",
    ["redis/dangerous_commands"],
    () => ["+keys"],
    () => ["-keys"],
  ),
  aclBreaker(
    "ACL allows FLUSHALL",
    ["redis/dangerous_commands"],
    () => ["+flushall"],
    () => ["-flushall"],
  ),
  aclBreaker(
    "ACL allows CLIENT TRACKING",
    ["redis/dangerous_commands"],
    () => ["+client|tracking"],
    () => ["-client|tracking"],
  ),
  {
    name: "anybody may use Redis without a password",
    fails: ["redis/unauthenticated_access"],
    async breakIt() {
      await withRedis(servers(), async (client) => {
        const users = (await client.call("ACL", "LIST")) as string[];
        if (!users.some((line) => line.startsWith("user default off ")))
          throw new Error("the user default is on already");
        await client.call("ACL", "SETUSER", "default", "on", "nopass", "+ping");
      });
      return () => withRedis(servers(), (client) => client.call("ACL", "SETUSER", "default", "reset"));
    },
  },
];

/** All of them. */
export const breakers: readonly Breaker[] = [
  ...minioBreakers,
  ...postgresqlBreakers,
  ...qdrantBreakers,
  ...redisBreakers,
  ...encryptionBreakers,
];
