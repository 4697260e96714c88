// What a tenant is made of: asserted on what the program asks of the engine (the engine is mocked, see registrations.ts; the
// real one runs in test/stack).
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { isDeepStrictEqual } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { bucketPolicy } from "../../components/object-storage.ts";
import { catalogsVersion } from "../../providers/clients/catalogs.ts";
import { scramVerifier } from "../../providers/clients/scram.ts";
import { tenantCommands } from "../../providers/clients/redis-commands.ts";
import { find, register, secret, tree, type Registration } from "./registrations.ts";
import { agePublicKey, outputs, tenantProgram, unknownOutputs } from "./tenant-fixture.ts";

let all: Registration[];
beforeAll(async () => {
  all = await register(outputs, tenantProgram());
});
const verifier = scramVerifier("tenant_acme_user", "secret of acme-postgresql");
const one = (type: string, name = "acme") => find(all, type, name);

it("is this tree", () => {
  expect(`\n${tree(all).join("\n")}\n`).toBe(`
pulumi:providers:minio minio
pulumi:providers:postgresql postgresql
tenant-storage:index:Tenant acme
  pulumi-nodejs:dynamic/tenant:AuditEvent acme
  pulumi-nodejs:dynamic/tenant:DataGuard acme
  pulumi-nodejs:dynamic/tenant:RegistryRow acme
  pulumi-nodejs:dynamic/tenant:Reservation acme
  tenant-storage:index:TenantStores acme
    pulumi-nodejs:dynamic/tenant:CredentialsHandover acme
    tenant-storage:index:Database acme
      postgresql:index/database:Database acme
      postgresql:index/defaultPrivileges:DefaultPrivileges acme-sequences
      postgresql:index/defaultPrivileges:DefaultPrivileges acme-tables
      postgresql:index/grant:Grant acme-connect
      postgresql:index/grant:Grant acme-public
      postgresql:index/grant:Grant acme-schema
      postgresql:index/role:Role acme
      pulumi-nodejs:dynamic/tenant:DatabaseHardening acme
      pulumi-nodejs:dynamic/tenant:PgHbaEntry acme
      pulumi-nodejs:dynamic/tenant:RoleLimits acme
      pulumi-nodejs:dynamic/tenant:RoleLogin acme
    tenant-storage:index:KeySpace acme
      pulumi-nodejs:dynamic/tenant:RedisAclUser acme
      pulumi-nodejs:dynamic/tenant:RedisPassword acme
    tenant-storage:index:ObjectStorage acme
      minio:index/iamPolicy:IamPolicy acme
      minio:index/iamUser:IamUser acme
      minio:index/iamUserPolicyAttachment:IamUserPolicyAttachment acme
      minio:index/s3Bucket:S3Bucket acme
      minio:index/s3Object:S3Object acme-exports
      minio:index/s3Object:S3Object acme-parsed
      minio:index/s3Object:S3Object acme-raw
      minio:index/s3Object:S3Object acme-receipts
      pulumi-nodejs:dynamic/tenant:BucketContents acme
      pulumi-nodejs:dynamic/tenant:BucketEncryption acme
      pulumi-nodejs:dynamic/tenant:MinioAccess acme
    tenant-storage:index:TenantCredentials acme
      pulumi-nodejs:dynamic/tenant:AgeKey acme
      pulumi-nodejs:dynamic/tenant:QdrantToken acme
      pulumi-nodejs:dynamic/tenant:SopsFile acme
      random:index/randomPassword:RandomPassword acme-api
      random:index/randomPassword:RandomPassword acme-minio
      random:index/randomPassword:RandomPassword acme-postgresql
      random:index/randomPassword:RandomPassword acme-redis
    tenant-storage:index:VectorStore acme
      pulumi-nodejs:dynamic/tenant:QdrantAccess acme
      pulumi-nodejs:dynamic/tenant:QdrantCollection acme
  tenant-storage:index:Verification acme
    command:local:Command acme
    pulumi-nodejs:dynamic/tenant:VerificationRecord acme
`);
});

it("is the same tree in a preview, when nothing computed is known yet", async () => {
  const preview = await register(unknownOutputs, tenantProgram(), true);
  expect(tree(preview)).toEqual(tree(all));
});

describe("the inputs are exactly these", () => {
  const asserted = new Set<string>();
  const password = { length: 44, special: false };
  const { database, role, bucket } = tenantNames("acme");
  const passwordHash = createHash("sha256").update("secret of acme-redis").digest("hex");
  it.each<[string, string, object]>([
    ["minio", "minio", { minioServer: "127.0.0.1:9000", minioSsl: "false" }],
    ["postgresql", "postgresql", { host: "127.0.0.1", port: "5433", sslmode: "disable", connectTimeout: "180" }],
    ["Tenant", "acme", {}],
    ["TenantStores", "acme", {}],
    ["TenantCredentials", "acme", {}],
    ["ObjectStorage", "acme", {}],
    ["index:Database", "acme", {}],
    ["VectorStore", "acme", {}],
    ["KeySpace", "acme", {}],
    ["Verification", "acme", {}],
    ["Reservation", "acme", { tenant: "acme", stack: "acme", networks: ["10.12.0.0/16", "fd00:12::/48"] }],
    ["AgeKey", "acme", { tenant: "acme" }],
    ["RandomPassword", "acme-minio", password],
    ["RandomPassword", "acme-postgresql", password],
    ["RandomPassword", "acme-redis", password],
    ["RandomPassword", "acme-api", password],
    ["QdrantToken", "acme", { tenant: "acme", collection: "tenant_acme", days: 0 }],
    [
      "SopsFile",
      "acme",
      {
        tenant: "acme",
        recipients: [agePublicKey],
        credentials: secret({
          minio_access_key: "tenant-acme-access",
          minio_secret_key: "secret of acme-minio",
          postgres_password: "secret of acme-postgresql",
          qdrant_api_key: "secret of the token",
          redis_password: "secret of acme-redis",
          tenant_api_key: "secret of acme-api",
        }),
      },
    ],
    // No forceDestroy: a bucket that is merely replaced must not take its data along. No quota: 0 is none.
    ["S3Bucket", "acme", { bucket, acl: "private" }],
    ["BucketEncryption", "acme", { bucket, algorithm: "AES256" }],
    ["BucketContents", "acme", { bucket }],
    ["S3Object", "acme-raw", { bucketName: bucket, objectName: "raw/.keep", content: "Original uploaded documents\n" }],
    [
      "S3Object",
      "acme-parsed",
      { bucketName: bucket, objectName: "parsed/.keep", content: "Canonical JSON after parsing\n" },
    ],
    ["S3Object", "acme-receipts", { bucketName: bucket, objectName: "receipts/.keep", content: "Intake receipts\n" }],
    [
      "S3Object",
      "acme-exports",
      { bucketName: bucket, objectName: "exports/.keep", content: "Compliance evidence exports\n" },
    ],
    ["IamPolicy", "acme", { name: "tenant-acme-policy", policy: bucketPolicy(bucket) }],
    // No updateSecret: it would invent a new secret at every update.
    ["IamUser", "acme", { name: "tenant-acme-access", secret: secret("secret of acme-minio") }],
    ["IamUserPolicyAttachment", "acme", { userName: "tenant-acme-access", policyName: "tenant-acme-policy" }],
    [
      "MinioAccess",
      "acme",
      { user: "tenant-acme-access", policy: "tenant-acme-policy", secret: secret("secret of acme-minio") },
    ],
    [
      "Role",
      "acme",
      {
        ...{ name: role, login: true, inherit: false, connectionLimit: 20, password: secret(verifier) },
        idleInTransactionSessionTimeout: 600_000,
      },
    ],
    ["RoleLogin", "acme", { role, database, verifier: secret(verifier), login: true }],
    ["DatabaseHardening", "acme", { database, version: catalogsVersion }],
    [
      "index/database:Database",
      "acme",
      { name: database, owner: "platform_owner", template: "tenant_template", connectionLimit: 25 },
    ],
    ["Grant", "acme-public", { database, role: "public", objectType: "database", privileges: [] }],
    [
      "Grant",
      "acme-connect",
      { database, role, objectType: "database", privileges: ["CONNECT", "CREATE", "TEMPORARY"] },
    ],
    [
      "Grant",
      "acme-schema",
      { database, role, schema: "public", objectType: "schema", privileges: ["CREATE", "USAGE"] },
    ],
    [
      "DefaultPrivileges",
      "acme-tables",
      {
        ...{ database, role, schema: "public", owner: "platform_owner", objectType: "table" },
        privileges: ["DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"],
      },
    ],
    [
      "DefaultPrivileges",
      "acme-sequences",
      {
        ...{ database, role, schema: "public", owner: "platform_owner", objectType: "sequence" },
        privileges: ["SELECT", "UPDATE", "USAGE"],
      },
    ],
    ["RoleLimits", "acme", { role, tempFileLimit: "256MB" }],
    // The tenant's networks and the operator's, each once.
    [
      "PgHbaEntry",
      "acme",
      { database, role, networks: ["10.12.0.0/16", "fd00:12::/48", "127.0.0.0/8"], encrypted: false },
    ],
    [
      "QdrantCollection",
      "acme",
      {
        ...{ collection: "tenant_acme", vectorSize: 768, distance: "Cosine" },
        payloadIndexes: { document_id: "keyword" },
        strictMode: {
          ...{ enabled: true, max_query_limit: 1000, max_timeout: 60, upsert_max_batchsize: 1000 },
          ...{ search_max_hnsw_ef: 1024, search_max_oversampling: 10 },
          ...{ filter_max_conditions: 100, condition_max_size: 1000 },
          ...{ unindexed_filtering_retrieve: false, unindexed_filtering_update: false },
          ...{ max_points_count: 1000, read_rate_limit: 600 },
          // No limit: null would leave what was set before.
          ...{ max_collection_vector_size_bytes: 2 ** 53 - 1, max_collection_payload_size_bytes: 2 ** 53 - 1 },
          write_rate_limit: 2 ** 32 - 1,
        },
      },
    ],
    ["QdrantAccess", "acme", { tenant: "acme", jti: "token-id", enabled: true }],
    [
      "RedisAclUser",
      "acme",
      {
        ...{ user: role, prefix: "tenant:acme:", passwordHash: secret(passwordHash), commands: [...tenantCommands] },
        enabled: true,
      },
    ],
    ["RedisPassword", "acme", { user: role, passwordHash: secret(passwordHash) }],
    [
      "CredentialsHandover",
      "acme",
      { tenant: "acme", role, verifier: secret(verifier), login: true, digest: "digest of the file" },
    ],
    [
      "Command",
      "acme",
      {
        create: "node cli/tenant.ts verify acme --expect active --json",
        dir: "..",
        environment: {},
        logging: "stderr",
        triggers: [expect.stringMatching(/^[0-9a-f]{64}$/)],
      },
    ],
    ["VerificationRecord", "acme", { tenant: "acme", report: "the report" }],
    ["AuditEvent", "acme", { tenant: "acme", reportId: "report-id", suspended: false, reason: "" }],
    [
      "RegistryRow",
      "acme",
      {
        tenant: "acme",
        networks: ["10.12.0.0/16", "fd00:12::/48"],
        endpoints: {
          minio: "http://127.0.0.1:9000/tenant-acme-bucket",
          postgresql: "postgresql://127.0.0.1:5433/tenant_acme",
          qdrant: "http://127.0.0.1:6335/collections/tenant_acme",
          qdrantGrpc: "http://127.0.0.1:6336",
          redis: "redis://127.0.0.1:6379",
          redisKeyPrefix: "tenant:acme:",
        },
        agePublicKey,
        credentialsRef: "acme/secrets.enc.yaml",
        reportId: "report-id",
        verifiedAt: "2026-02-11T12:00:03Z",
        suspended: false,
        suspensionReason: "",
      },
    ],
    ["DataGuard", "acme", { tenant: "acme", allowDestroy: false }],
  ])("%s %s", (type, name, inputs) => {
    const found = one(type, name);
    expect(found.inputs).toStrictEqual(inputs);
    asserted.add(found.urn);
  });
  it("and every resource was looked at", () => {
    expect(all.filter(({ urn }) => !asserted.has(urn)).map(({ urn }) => urn)).toEqual([]);
  });

  it("of a tenant whose secrets were rotated, what makes new ones has the number, and MinIO another user", async () => {
    const rotation = { minio: 2, postgresql: 1, qdrant: 3, redis: 1, api: 4, age: 1 };
    const rotated = await register(outputs, tenantProgram({ rotation }));
    const inputs = (type: string, name = "acme") => find(rotated, type, name).inputs;
    for (const [what, number] of Object.entries(rotation).filter(([secret]) => !["qdrant", "age"].includes(secret))) {
      expect(inputs("RandomPassword", `acme-${what}`)).toEqual({ ...password, keepers: { rotation: String(number) } });
    }
    expect(inputs("QdrantToken")).toMatchObject({ rotation: 3 });
    expect(inputs("AgeKey")).toEqual({ tenant: "acme", rotation: 1 });
    expect(inputs("IamUser")).toMatchObject({ name: "tenant-acme-access-2" });
    expect(inputs("IamUserPolicyAttachment")).toMatchObject({ userName: "tenant-acme-access-2" });
    for (const type of ["Reservation", "AuditEvent"]) expect(inputs(type)).toMatchObject({ rotation });
  });

  it("limits that are set are passed on", async () => {
    const limits = {
      bucketQuota: 1024,
      postgresqlStatementTimeout: 30_000,
      postgresqlIdleTransactionTimeout: 0,
      qdrantTokenDays: 9,
    };
    const limited = await register(outputs, tenantProgram(limits));
    const inputs = (type: string) => find(limited, type, "acme").inputs;
    expect(inputs("S3Bucket")).toMatchObject({ quota: 1024 });
    expect(inputs("Role")).toMatchObject({ statementTimeout: 30_000 });
    expect(inputs("Role")).not.toHaveProperty("idleInTransactionSessionTimeout");
    expect(inputs("QdrantToken")).toMatchObject({ days: 9 });
  });

  it("recipients beside the tenant's key are in a fixed order, each once, and verification is told of them", async () => {
    const recipients = ["age1z", "age1a", agePublicKey];
    const shared = await register(outputs, tenantProgram({ recipients }));
    expect(find(shared, "SopsFile", "acme").inputs).toMatchObject({ recipients: ["age1a", agePublicKey, "age1z"] });
    expect(find(shared, "Command", "acme").inputs).toMatchObject({
      environment: { TENANT_RECIPIENTS: recipients.join(",") },
    });
  });

  it("labels are the registry's alone: a change of them verifies nothing again", async () => {
    const labelled = await register(outputs, tenantProgram({ labels: { plan: "gold" } }));
    const differing = labelled.flatMap(({ type, name, inputs }) => {
      const before = all.find((one) => one.type === type && one.name === name)?.inputs;
      return isDeepStrictEqual(inputs, before) ? [] : [type.split(":").at(-1)];
    });
    expect(differing).toEqual(["RegistryRow"]);
    expect(find(labelled, "RegistryRow", "acme").inputs).toMatchObject({ labels: { plan: "gold" } });
    expect(find(all, "RegistryRow", "acme").inputs).not.toHaveProperty("labels");
  });

  it("of a suspended tenant only what lets it in, what proves that, and what says so is another", async () => {
    const suspended = await register(outputs, tenantProgram({ suspended: true, suspensionReason: "unpaid" }));
    expect(tree(suspended)).toEqual(tree(all));
    const differing = suspended.flatMap(({ type, name, inputs }) => {
      const before = (all.find((one) => one.type === type && one.name === name)?.inputs ?? {}) as Record<
        string,
        unknown
      >;
      const keys = Object.keys(inputs).filter((key) => !isDeepStrictEqual(before[key], (inputs as typeof before)[key]));
      return keys.map((key) => [type.split(":").at(-1), key, (inputs as typeof before)[key]]);
    });
    expect(differing.sort()).toEqual(
      [
        ["IamPolicy", "policy", bucketPolicy(bucket, { suspended: true })],
        ["Role", "login", false],
        ["RoleLogin", "login", false],
        ["CredentialsHandover", "login", false],
        ["QdrantAccess", "enabled", false],
        ["RedisAclUser", "enabled", false],
        ["Command", "create", "node cli/tenant.ts verify acme --expect suspended --json"],
        ["Command", "triggers", [expect.stringMatching(/^[0-9a-f]{64}$/)]],
        ["AuditEvent", "suspended", true],
        ["AuditEvent", "reason", "unpaid"],
        ["RegistryRow", "suspended", true],
        ["RegistryRow", "suspensionReason", "unpaid"],
      ].sort(),
    );
  });
});

it("the stored code of a dynamic provider only loads the checkout's: an upgrade shows no diff", () => {
  const dynamic = all.filter(({ code }) => code !== "");
  expect(dynamic).toHaveLength(20);
  const shapes = new Set(dynamic.map(({ code }) => code.replace(/"[a-z-]+\.ts"/, "FILE")));
  expect(shapes.size).toBe(1);
  for (const { code } of dynamic) {
    expect(code.split("\n").length).toBeLessThan(10);
    const [, file = ""] = /join\(root, "providers", "([a-z-]+\.ts)"\)/.exec(code) ?? [];
    expect(existsSync(new URL(`../../providers/${file}`, import.meta.url))).toBe(true);
  }
});

it("an unmocked resource is an error, not a silent success", async () => {
  const { "minio:index/iamUser:IamUser": _, ...fewer } = outputs;
  await expect(register(fewer, tenantProgram())).rejects.toThrow(
    "not mocked: the resource minio:index/iamUser:IamUser (acme)",
  );
});

it("an id that is none is refused before the engine is asked for any store", async () => {
  let error: unknown;
  const made = await register(outputs, () => {
    try {
      tenantProgram({ id: "Acme" })();
    } catch (caught) {
      error = caught;
    }
  });
  expect(error).toBeInstanceOf(RangeError);
  expect(made.filter(({ custom, type }) => custom && !type.startsWith("pulumi:providers:"))).toEqual([]);
});
