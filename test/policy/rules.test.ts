// Every rule of the pack rejects what it is for, and nothing of the real program. That the engine asks them is in
// engine.test.ts.
import { beforeAll, describe, expect, it } from "vitest";
import { bucketPolicy } from "../../components/object-storage.ts";
import type { Made, Props } from "../../policy/rule.ts";
import { unknown } from "../../policy/rule.ts";
import { resourceRules, stackRules } from "../../policy/rules.ts";
import {
  changed,
  claims,
  granted,
  isOf,
  platformStack,
  tenantStack,
  token,
  unknownOneByOne,
  verdicts,
} from "./program.ts";

let tenant: Made[];
let suspended: Made[];
let platform: Made[];
beforeAll(async () => {
  tenant = await tenantStack();
  suspended = await tenantStack({ suspended: true, suspensionReason: "unpaid" });
  platform = await platformStack();
});

/** Rules that rejected something here. */
const seen = new Set<string>();

/** The stack is rejected by that rule, with that message, and by no other but those that look for what is missing then. */
function rejects(all: readonly Made[], rule: string, message: RegExp): void {
  const found = verdicts(all);
  for (const line of found) seen.add(line.split(" ")[0] ?? "");
  expect(found.filter((line) => !line.startsWith(`${rule} `) && !/^stack-(complete|order) /.test(line))).toEqual([]);
  expect(found.join("\n")).toMatch(message);
}

describe("the real program passes", () => {
  it("for a tenant", () => {
    expect(verdicts(tenant)).toEqual([]);
  });
  it("for a tenant that is suspended", () => {
    expect(verdicts(suspended)).toEqual([]);
  });
  it("for the platform and its canary", () => {
    expect(verdicts(platform)).toEqual([]);
  });
  it("for the platform of another placement, which has no database of records", async () => {
    const there = await platformStack("eu-2");
    expect(verdicts(there)).toEqual([]);
    expect(there.some((one) => one.props["name"] === "platform")).toBe(false);
  });
  it("in a preview, whichever value is not known yet", () => {
    for (const stack of [tenant, suspended, platform]) {
      for (const [what, all] of unknownOneByOne(stack)) {
        // The command of the verification is always known: nothing it is made of is computed.
        if (/Command \w+ (create|triggers)$/.test(what)) continue;
        expect([what, ...verdicts(all)]).toEqual([what]);
      }
    }
  });
  it("and an empty one, by which a tenant is deleted", () => {
    expect(verdicts(tenant.filter(({ type }) => type.startsWith("pulumi:")))).toEqual([]);
  });
});

const policyWith = (change: (statements: Record<string, unknown>[]) => unknown[]): Props => {
  const document = JSON.parse(bucketPolicy("tenant-acme-bucket")) as { Statement: Record<string, unknown>[] };
  return { policy: JSON.stringify({ ...document, Statement: change(document.Statement) }) };
};
const allowing = (over: object): Props =>
  policyWith((all) => [
    ...all,
    { Effect: "Allow", Action: ["s3:GetObject"], Resource: ["arn:aws:s3:::tenant-acme-bucket/*"], ...over },
  ]);
/** Without the statements that hold the text. */
const denying = (text: string): Props => policyWith((all) => all.filter((one) => !JSON.stringify(one).includes(text)));
/** With those statements holding from one address only. */
const onlySometimes = (text: string): Props =>
  policyWith((all) =>
    all.map((one) =>
      JSON.stringify(one).includes(text) ? { ...one, Condition: { IpAddress: { "aws:SourceIp": "10.0.0.1" } } } : one,
    ),
  );
const commands = (...rules: string[]): Props => ({ commands: ["-@all", "+get", ...rules] });

describe("a resource of tenant acme is rejected:", () => {
  const rows: readonly [type: string, name: string, props: Props, rule: string, message: RegExp][] = [
    // MinIO
    ["S3Bucket", "acme", { acl: "public-read" }, "minio-bucket-private", /acl is "public-read" and must be "private"/],
    ["S3Bucket", "acme", { acl: undefined }, "minio-bucket-private", /acl is unset/],
    ["S3Bucket", "acme", { bucket: "tenant-globex-bucket" }, "minio-bucket-private", /must be "tenant-acme-bucket"/],
    ["S3Bucket", "acme", { forceDestroy: true }, "minio-bucket-private", /take its objects along/],
    ["S3Bucket", "acme", { policy: "{}" }, "minio-bucket-private", /policy is set, and no rule says/],
    ["BucketEncryption", "acme", { algorithm: "none" }, "minio-bucket-encrypted", /must be "AES256"/],
    ["BucketEncryption", "acme", { bucket: "tenant-globex-bucket" }, "minio-bucket-encrypted", /stay unencrypted/],
    ["S3Object", "acme-raw", { bucketName: "tenant-globex-bucket" }, "minio-own-objects", /another tenant/],
    ["S3Object", "acme-raw", { acl: "public-read" }, "minio-own-objects", /not private/],
    ["BucketContents", "acme", { bucket: "tenant-globex-bucket" }, "minio-own-objects", /another tenant/],
    ["IamUser", "acme", { name: "tenant-acme-access-0" }, "minio-own-user", /must be "tenant-acme-access"/],
    ["IamUser", "acme", { name: "tenant-acme-access-1-2" }, "minio-own-user", /must be "tenant-acme-access"/],
    ["IamUser", "acme", { name: "tenant-globex-access" }, "minio-own-user", /must be "tenant-acme-access"/],
    [
      "IamUserPolicyAttachment",
      "acme",
      { policyName: "tenant-globex-policy" },
      "minio-own-user",
      /"tenant-acme-policy"/,
    ],
    ["IamUserPolicyAttachment", "acme", { policyName: "readwrite" }, "minio-own-user", /"tenant-acme-policy"/],
    ["MinioAccess", "acme", { policy: "readwrite" }, "minio-own-user", /"tenant-acme-policy"/],
    ["MinioAccess", "acme", { user: "tenant-globex-access" }, "minio-own-user", /"tenant-acme-access"/],
    ["IamPolicy", "acme", { name: "readwrite" }, "minio-least-policy", /must be "tenant-acme-policy"/],
    ["IamPolicy", "acme", { policy: "everything" }, "minio-least-policy", /no JSON document/],
    ["IamPolicy", "acme", { policy: "{}" }, "minio-least-policy", /no JSON document/],
    ["IamPolicy", "acme", allowing({ Action: ["s3:*"] }), "minio-least-policy", /"s3:\*" is a wildcard/],
    ["IamPolicy", "acme", allowing({ Action: "*" }), "minio-least-policy", /"\*" is a wildcard/],
    ["IamPolicy", "acme", allowing({ Action: "s3:PutObject?" }), "minio-least-policy", /is a wildcard/],
    [
      "IamPolicy",
      "acme",
      allowing({ Action: ["s3:PutBucketPolicy"] }),
      "minio-least-policy",
      /no action on the tenant's objects/,
    ],
    [
      "IamPolicy",
      "acme",
      allowing({ Action: ["admin:CreateUser"] }),
      "minio-least-policy",
      /no action on the tenant's objects/,
    ],
    [
      "IamPolicy",
      "acme",
      allowing({ Action: ["sts:AssumeRole"] }),
      "minio-least-policy",
      /MinIO refuses with the whole document/,
    ],
    [
      "IamPolicy",
      "acme",
      allowing({ Action: undefined, NotAction: ["s3:DeleteObject"] }),
      "minio-least-policy",
      /has NotAction/,
    ],
    ["IamPolicy", "acme", allowing({ Principal: { AWS: ["*"] } }), "minio-least-policy", /has Principal/],
    ["IamPolicy", "acme", allowing({ Resource: ["*"] }), "minio-least-policy", /"\*" is not in the tenant's bucket/],
    [
      "IamPolicy",
      "acme",
      allowing({ Resource: ["arn:aws:s3:::*"] }),
      "minio-least-policy",
      /is not in the tenant's bucket/,
    ],
    [
      "IamPolicy",
      "acme",
      allowing({ Resource: ["arn:aws:s3:::tenant-acme*"] }),
      "minio-least-policy",
      /is not in the tenant's bucket/,
    ],
    [
      "IamPolicy",
      "acme",
      allowing({ Resource: ["arn:aws:s3:::tenant-acme-bucket*"] }),
      "minio-least-policy",
      /is not in the tenant's/,
    ],
    [
      "IamPolicy",
      "acme",
      allowing({ Resource: "arn:aws:s3:::tenant-globex-bucket/*" }),
      "minio-least-policy",
      /globex.*is not in/,
    ],
    ["IamPolicy", "acme", allowing({ Resource: undefined }), "minio-least-policy", /names no resource, which is all/],
    ["IamPolicy", "acme", denying("admin:*"), "minio-least-policy", /denies admin:\*: service accounts survive/],
    ["IamPolicy", "acme", denying("kms:*"), "minio-least-policy", /denies kms:\*/],
    ["IamPolicy", "acme", denying("NotResource"), "minio-least-policy", /denies s3:\* outside the tenant's bucket/],
    ["IamPolicy", "acme", denying("aws:principaltype"), "minio-least-policy", /denies s3:\* to all but users/],
    ["IamPolicy", "acme", denying("UNSIGNED"), "minio-least-policy", /denies unsigned uploads/],
    ["IamPolicy", "acme", onlySometimes("admin:*"), "minio-least-policy", /denies admin:\*/],
    ["IamPolicy", "acme", onlySometimes("NotResource"), "minio-least-policy", /denies s3:\* outside/],
    ["IamPolicy", "acme", onlySometimes("aws:principaltype"), "minio-least-policy", /denies s3:\* to all but users/],
    // PostgreSQL
    ["Role", "acme", { superuser: true }, "postgresql-role-without-powers", /superuser is set/],
    ["Role", "acme", { createDatabase: true }, "postgresql-role-without-powers", /createDatabase is set/],
    ["Role", "acme", { createRole: true }, "postgresql-role-without-powers", /createRole is set/],
    ["Role", "acme", { replication: true }, "postgresql-role-without-powers", /replication is set/],
    [
      "Role",
      "acme",
      { bypassRowLevelSecurity: true },
      "postgresql-role-without-powers",
      /bypassRowLevelSecurity is set/,
    ],
    ["Role", "acme", { inherit: true }, "postgresql-role-without-powers", /inherit is true and must be false/],
    ["Role", "acme", { inherit: undefined }, "postgresql-role-without-powers", /inherit is unset/],
    ["Role", "acme", { roles: ["tenant_globex_user"] }, "postgresql-role-without-powers", /member of another/],
    ["Role", "acme", { assumeRole: "platform_owner" }, "postgresql-role-without-powers", /member of another/],
    ["Role", "acme", { connectionLimit: undefined }, "postgresql-role-without-powers", /connectionLimit is unset/],
    ["Role", "acme", { connectionLimit: -1 }, "postgresql-role-without-powers", /connectionLimit is -1/],
    ["Role", "acme", { name: "tenant_globex_user" }, "postgresql-role-without-powers", /its tenant's role only/],
    ["Role", "acme", { searchPaths: ["other"] }, "postgresql-role-without-powers", /searchPaths is set/],
    [
      "Database",
      "acme",
      { owner: "tenant_acme_user" },
      "postgresql-database-not-the-tenants",
      /must be "platform_owner"/,
    ],
    ["Database", "acme", { template: "template1" }, "postgresql-database-not-the-tenants", /must be "tenant_template"/],
    ["Database", "acme", { isTemplate: true }, "postgresql-database-not-the-tenants", /anybody can copy/],
    ["Database", "acme", { connectionLimit: -1 }, "postgresql-database-not-the-tenants", /connectionLimit is -1/],
    ["Grant", "acme-public", { privileges: ["CONNECT"] }, "postgresql-grant-own-role", /PUBLIC.*gets CONNECT/],
    ["Grant", "acme-connect", { role: "tenant_globex_user" }, "postgresql-grant-own-role", /another role's/],
    ["Grant", "acme-connect", { database: "tenant_globex" }, "postgresql-grant-own-role", /own database only/],
    ["Grant", "acme-connect", { withGrantOption: true }, "postgresql-grant-own-role", /pass the privileges on/],
    ["Grant", "acme-schema", { privileges: ["ALL"] }, "postgresql-grant-own-role", /ALL on "schema" is no privilege/],
    [
      "Grant",
      "acme-connect",
      { objectType: "function", privileges: ["EXECUTE"] },
      "postgresql-grant-own-role",
      /EXECUTE on "function"/,
    ],
    ["DefaultPrivileges", "acme-tables", { role: "public" }, "postgresql-grant-own-role", /PUBLIC.*gets DELETE/],
    ["DefaultPrivileges", "acme-tables", { owner: "postgres" }, "postgresql-grant-own-role", /superuser makes/],
    [
      "PgHbaEntry",
      "acme",
      { networks: ["0.0.0.0/0"] },
      "postgresql-networks-bounded",
      /0\.0\.0\.0\/0 is wider than \/8/,
    ],
    [
      "PgHbaEntry",
      "acme",
      { networks: ["10.12.0.0/16", "::/0"] },
      "postgresql-networks-bounded",
      /::\/0 is wider than \/32/,
    ],
    ["PgHbaEntry", "acme", { networks: ["0.0.0.0/1"] }, "postgresql-networks-bounded", /wider than \/8/],
    ["PgHbaEntry", "acme", { networks: ["all"] }, "postgresql-networks-bounded", /"all" is no CIDR/],
    ["PgHbaEntry", "acme", { networks: ["samenet"] }, "postgresql-networks-bounded", /"samenet" is no CIDR/],
    ["PgHbaEntry", "acme", { networks: [] }, "postgresql-networks-bounded", /networks is empty/],
    ["PgHbaEntry", "acme", { role: "tenant_globex_user" }, "postgresql-networks-bounded", /"tenant_acme_user"/],
    ["PgHbaEntry", "acme", { database: "tenant_globex" }, "postgresql-networks-bounded", /"tenant_acme"/],
    ["Reservation", "acme", { networks: ["0.0.0.0/0"] }, "postgresql-networks-bounded", /wider than \/8/],
    ["Role", "acme", { password: "known" }, "postgresql-role-without-powers", /no SCRAM verifier(?!.*known)/],
    ["RoleLogin", "acme", { verifier: "known" }, "postgresql-own-login", /no SCRAM verifier(?!.*known)/],
    ["CredentialsHandover", "acme", { verifier: "known" }, "postgresql-own-login", /no SCRAM verifier(?!.*known)/],
    ["CredentialsHandover", "acme", { tenant: "globex" }, "postgresql-own-login", /must be "acme"/],
    ["RoleLogin", "acme", { role: "tenant_globex_user" }, "postgresql-own-login", /another tenant's sessions/],
    [
      "DatabaseHardening",
      "acme",
      { database: "tenant_globex" },
      "postgresql-own-login",
      /leave this one's database open/,
    ],
    ["RoleLimits", "acme", { tempFileLimit: "-1" }, "postgresql-temp-files-limited", /fill the server's disk/],
    ["RoleLimits", "acme", { role: "tenant_globex_user" }, "postgresql-temp-files-limited", /would have no limit/],
    // Redis
    [
      "RedisAclUser",
      "acme",
      commands("allkeys"),
      "redis-user-own-prefix",
      /"allkeys" gives the user keys beside the prefix/,
    ],
    ["RedisAclUser", "acme", commands("~*"), "redis-user-own-prefix", /keys beside the prefix/],
    ["RedisAclUser", "acme", commands("%R~*"), "redis-user-own-prefix", /keys beside the prefix/],
    ["RedisAclUser", "acme", commands("allchannels"), "redis-user-own-prefix", /channels beside the prefix/],
    ["RedisAclUser", "acme", commands("&*"), "redis-user-own-prefix", /channels beside the prefix/],
    ["RedisAclUser", "acme", commands("+@all"), "redis-user-own-prefix", /"\+@all" gives the user a category/],
    ["RedisAclUser", "acme", commands("ALLCOMMANDS"), "redis-user-own-prefix", /a category/],
    ["RedisAclUser", "acme", commands("+@read"), "redis-user-own-prefix", /a category/],
    ["RedisAclUser", "acme", commands("nopass"), "redis-user-own-prefix", /another way in/],
    [
      "RedisAclUser",
      "acme",
      commands(">known"),
      "redis-user-own-prefix",
      /a rule gives the user another way in(?!.*known)/,
    ],
    ["RedisAclUser", "acme", commands("(+get ~*)"), "redis-user-own-prefix", /a selector/],
    ["RedisAclUser", "acme", commands("+get +scan"), "redis-user-own-prefix", /"\+scan" reaches/],
    ["RedisAclUser", "acme", commands("+KEYS"), "redis-user-own-prefix", /"\+KEYS" reaches/],
    ["RedisAclUser", "acme", commands("+function|load"), "redis-user-own-prefix", /all tenants share/],
    ["RedisAclUser", "acme", commands("+script|flush"), "redis-user-own-prefix", /all tenants share/],
    ["RedisAclUser", "acme", commands("+client"), "redis-user-own-prefix", /what other tenants do/],
    ["RedisAclUser", "acme", commands("+client|list"), "redis-user-own-prefix", /what other tenants do/],
    ["RedisAclUser", "acme", commands("+select"), "redis-user-own-prefix", /other databases/],
    ["RedisAclUser", "acme", commands("+config|get"), "redis-user-own-prefix", /the server itself/],
    ["RedisAclUser", "acme", commands("resetkeys"), "redis-user-own-prefix", /no rule of this pack judges/],
    ["RedisAclUser", "acme", { commands: ["+get"] }, "redis-user-own-prefix", /must begin with "-@all"/],
    ["RedisAclUser", "acme", { commands: [] }, "redis-user-own-prefix", /must begin with "-@all"/],
    ["RedisAclUser", "acme", { prefix: "tenant:acme" }, "redis-user-own-prefix", /without the colon/],
    ["RedisAclUser", "acme", { prefix: "tenant:globex:" }, "redis-user-own-prefix", /must be "tenant:acme:"/],
    ["RedisAclUser", "acme", { prefix: "" }, "redis-user-own-prefix", /must be "tenant:acme:"/],
    ["RedisAclUser", "acme", { user: "default" }, "redis-user-own-prefix", /its tenant's user only/],
    ["RedisAclUser", "acme", { passwordHash: "plain" }, "redis-user-own-prefix", /no SHA-256(?!.*plain)/],
    ["RedisPassword", "acme", { user: "default" }, "redis-own-password", /another tenant's user would get/],
    ["RedisPassword", "acme", { passwordHash: "plain" }, "redis-own-password", /no SHA-256(?!.*plain)/],
    ["RedisPassword", "acme", { rules: ["on"] }, "redis-own-password", /rules is set, and no rule says/],
    ["RedisAclUser", "acme", { rules: ["on"] }, "redis-user-own-prefix", /rules is set, and no rule says/],
    // Qdrant
    ["QdrantCollection", "acme", { collection: "tenant_globex" }, "qdrant-own-collection", /must be "tenant_acme"/],
    ["QdrantCollection", "acme", { strictMode: {} }, "qdrant-own-collection", /strictMode is not enabled/],
    ["QdrantToken", "acme", { tenant: "globex" }, "qdrant-token-own-collection", /must be "acme"/],
    ["QdrantToken", "acme", { access: "m" }, "qdrant-token-own-collection", /access is set/],
    ["QdrantAccess", "acme", { tenant: "globex" }, "qdrant-token-own-collection", /must be "acme"/],
    [
      "SopsFile",
      "acme",
      { credentials: { qdrant_api_key: "the shared key" } },
      "qdrant-credential-is-token",
      /no JWT(?!.*the shared key)/,
    ],
    ["SopsFile", "acme", { credentials: {} }, "qdrant-credential-is-token", /no JWT/],
    [
      "SopsFile",
      "acme",
      { credentials: { qdrant_api_key: token({ access: "m" }) } },
      "qdrant-credential-is-token",
      /access is "m"/,
    ],
    [
      "SopsFile",
      "acme",
      { credentials: { qdrant_api_key: token({}) } },
      "qdrant-credential-is-token",
      /access is unset/,
    ],
    [
      "SopsFile",
      "acme",
      { credentials: { qdrant_api_key: token(claims("tenant_globex")) } },
      "qdrant-credential-is-token",
      /not tenant_acme/,
    ],
    ["SopsFile", "acme", { tenant: "globex" }, "sops-file-recipients", /must be "acme"/],
    ["SopsFile", "acme", { recipients: [] }, "sops-file-recipients", /nobody could open the file/],
    ["SopsFile", "acme", { recipients: ["pgp"] }, "sops-file-recipients", /"pgp", which is no age public key/],
    ["SopsFile", "acme", { keys: ["kms"] }, "sops-file-recipients", /keys is set/],
    // Whole stack
    [
      "Command",
      "acme",
      { create: "node cli/tenant.ts verify globex --json" },
      "stack-only-verification",
      /verify acme --expect active --json/,
    ],
    ["Command", "acme", { create: "psql -c 'GRANT ALL …'" }, "stack-only-verification", /no rule can see/],
    ["Command", "acme", { delete: "rm" }, "stack-only-verification", /delete is set/],
    ["DataGuard", "acme", { allowDestroy: true }, "stack-destroy-asks", /without asking/],
    // Secrets
    ["S3Object", "acme-raw", { content: token(claims("tenant_acme")) }, "secret-in-the-clear", /content holds a token/],
    [
      "S3Object",
      "acme-raw",
      { content: "AGE-SECRET-KEY-1QQQ" },
      "secret-in-the-clear",
      /content holds a private age key/,
    ],
    [
      "RegistryRow",
      "acme",
      { endpoints: { redis: "redis://tenant_acme_user:known@127.0.0.1" } },
      "secret-in-the-clear",
      /an address with a password(?!.*known)/,
    ],
    [
      "Command",
      "acme",
      { triggers: ["x8Kq2mZ7vB4nW1cR9tY5pL3sD6fG0hJaQeUiOzXbVnMk"] },
      "secret-in-the-clear",
      /triggers holds a password/,
    ],
  ];
  it.each(rows.map(([type, name, props, rule, message]) => [type, name, rule, message, props] as const))(
    "%s %s by %s: %s",
    (type, name, rule, message, props) => {
      rejects(changed(tenant, type, name, props), rule, message);
    },
  );
});

describe("a stack is rejected:", () => {
  const without = (type: string, name = "acme") => tenant.filter((one) => !(isOf(one, type) && one.name === name));
  const like = (type: string, over: Partial<Made>): Made => {
    const one = tenant.find((each) => isOf(each, type));
    if (one === undefined) throw new Error(type);
    return { ...one, ...over };
  };

  it.each([
    ...["Reservation", "AgeKey", "SopsFile", "BucketEncryption", "BucketContents", "IamPolicy", "IamUser", "S3Bucket"],
    ...[
      "IamUserPolicyAttachment",
      "Role",
      "RoleLogin",
      "DatabaseHardening",
      "RoleLimits",
      "PgHbaEntry",
      "QdrantCollection",
      "RedisAclUser",
      "Command",
    ],
    ...["VerificationRecord", "AuditEvent", "RegistryRow", "DataGuard", "QdrantToken", "Database"],
  ])("without its %s", (type) => {
    rejects(without(type), "stack-complete", new RegExp(`has no ${type.split(":").at(-1)}\\b.*Put it back`));
  });

  it("without the revocation of CONNECT from PUBLIC", () => {
    rejects(without("Grant", "acme-public"), "stack-complete", /no Grant with role public: every tenant's role could/);
  });

  it("whose token nobody can revoke", () => {
    const found = verdicts(without("QdrantAccess")).map((line) => line.split(" ")[0]);
    expect(found).toEqual(["stack-complete", "qdrant-token-claims"]);
  });

  it("with two of what counts once", () => {
    rejects(
      [...tenant, like("RedisAclUser", { name: "second", urn: "urn:pulumi:acme::p::t::second" })],
      "stack-complete",
      /has 2 resources/,
    );
  });

  it.each([
    "aws:s3/bucket:Bucket",
    "minio:index/iamServiceAccount:IamServiceAccount",
    "pulumi-nodejs:dynamic/tenant:Shell",
    "pulumi:providers:aws",
    "pulumi-nodejs:dynamic/tenant:PlatformSchema",
  ])("with a %s", (type) => {
    rejects(
      [...tenant, like("S3Bucket", { type, name: "other", props: {} })],
      "stack-known-types",
      /no rule knows the type/,
    );
  });

  it.each([
    ["PgHbaEntry", "Grant acme-public", /everybody could connect/],
    ["PgHbaEntry", "RoleLimits acme", /before it is limited/],
    ["PgHbaEntry", "RoleLogin acme", /with an old password/],
    ["Grant", "DatabaseHardening acme", /run the tenant's code/],
    ["RegistryRow", "VerificationRecord acme", /before it is proven isolated/],
    ["DataGuard", "RegistryRow acme", /before the guard has agreed/],
    ["S3Object", "BucketEncryption acme", /stored unencrypted/],
  ])("whose %s does not wait for %s", (type, missing, why) => {
    const all = tenant.map((one) => (isOf(one, type) ? { ...one, needs: [] } : one));
    rejects(all, "stack-order", why);
    expect(verdicts(all).join("\n")).toContain(`does not wait for ${missing}`);
  });

  const claimed = (over: object) => ({ token: token({ ...claims("tenant_acme"), ...over }) });
  it.each<[string, Props, RegExp]>([
    ["is the server's key", { token: "the shared key" }, /no JWT/],
    ["has no access", claimed({ access: undefined }), /without a list of collections it opens all/],
    ["manages", claimed({ access: "m" }), /access is "m"/],
    ["may read snapshots", claimed({ access: [{ collection: "tenant_acme", access: "rw" }] }), /must be "prw"/],
    ["opens another", claimed(claims("tenant_globex")), /opens the collection "tenant_globex"/],
    [
      "opens two",
      claimed({ access: [...claims("tenant_acme").access, ...claims("tenant_globex").access] }),
      /names 2 collections/,
    ],
    ["opens none", claimed({ access: [] }), /opens the collection unset/],
    ["is for ever", claimed({ value_exists: undefined }), /cannot be revoked .* never expires/],
    [
      "expires, but cannot be revoked",
      claimed({ value_exists: undefined, exp: 1 }),
      /cannot be revoked .* only expires/,
    ],
    [
      "is revoked by the tenant's own collection",
      claimed({ value_exists: { collection: "tenant_acme", matches: [] } }),
      /cannot be revoked/,
    ],
    ["nobody admits", { jti: "another-id" }, /no QdrantAccess admits the token "another-id"/],
  ])("whose Qdrant token %s", (_, props, message) => {
    rejects(changed(tenant, "QdrantToken", "acme", props), "qdrant-token-claims", message);
  });

  it("whose Qdrant token is no secret output", () => {
    const all = tenant.map((one) => (one.type.endsWith(":QdrantToken") ? { ...one, secretOutputs: [] } : one));
    rejects(all, "qdrant-token-own-collection", /token is not secret/);
  });

  const seenByServer = (field: string, value: string): string =>
    granted("acme").replace(new RegExp(`^${field}: .*$`, "m"), `${field}: ${value}`);
  it.each([
    [
      "keys of before",
      seenByServer("keys", "~tenant:acme:* ~tenant:globex:*"),
      /the keys "~tenant:acme:\* ~tenant:globex:\*"/,
    ],
    ["all keys", seenByServer("keys", "~*"), /without `reset` first/],
    ["all channels", seenByServer("channels", "&*"), /without `reset` first/],
    ["a selector of before", seenByServer("selectors", "commands -@all +get keys ~*"), /the selectors/],
    ["no password", seenByServer("flags", "on nopass"), /without a password/],
    ["what it is not asked for", "", /the keys "" and not/],
  ])("whose Redis user the server gives %s: `reset` is missing", (_, value, message) => {
    rejects(changed(tenant, "RedisAclUser", "acme", { granted: value }), "redis-user-reset", message);
  });

  const allowed = { policy: bucketPolicy("tenant-acme-bucket") };
  it.each<[string, Props]>([
    ["IamPolicy", allowed],
    ["Role", { login: true }],
    ["RoleLogin", { login: true }],
    ["QdrantAccess", { enabled: true }],
    ["RedisAclUser", { enabled: true }],
    ["Command", { create: "node cli/tenant.ts verify acme --expect active --json" }],
    ["AuditEvent", { suspended: false }],
    ["RegistryRow", { suspended: false }],
  ])("that is suspended, but not by its %s", (type, props) => {
    const message = new RegExp(`it is suspended by .* and not by ${type}: hand`);
    rejects(changed(suspended, type, "acme", props), "stack-suspended-everywhere", message);
  });

  it("with two tenants: the names of one are wrong for the other's stack", () => {
    const urns = tenant.map((one) => ({ ...one, urn: one.urn.replace("urn:pulumi:acme:", "urn:pulumi:globex:") }));
    const rules = new Set(verdicts(urns).map((line) => line.split(" ")[0]));
    expect(rules.size).toBeGreaterThan(15);
  });
});

describe("the platform's stack is rejected:", () => {
  it.each<[string, string, Props, string, RegExp]>([
    ["Role", "platform_owner", { login: true }, "postgresql-role-without-powers", /nobody logs in/],
    ["Role", "platform_owner", { superuser: true }, "postgresql-role-without-powers", /superuser is set/],
    ["Database", "platform", { template: "template1" }, "postgresql-database-not-the-tenants", /somebody's objects/],
    ["PgHbaClosing", "platform", { line: "host all all all trust" }, "postgresql-others-rejected", /must reject all/],
    ["PgHbaEntry", "canary", { networks: ["0.0.0.0/0"] }, "postgresql-networks-bounded", /wider than/],
  ])("%s %s with %j", (type, name, props, rule, message) => {
    rejects(changed(platform, type, name, props), rule, message);
  });

  it.each(["AuditKey", "PlatformSchema", "TenantTemplate", "PgHbaClosing"])("without its %s", (type) => {
    rejects(
      platform.filter((one) => !isOf(one, type)),
      "stack-complete",
      new RegExp(`has no ${type}: `),
    );
  });

  it("when the canary can connect before all others are rejected", () => {
    const all = platform.map((one) => (isOf(one, "PgHbaEntry") ? { ...one, needs: [] } : one));
    rejects(all, "stack-order", /does not wait for PgHbaClosing platform/);
  });

  it("when the audit log's database is not protected", () => {
    const all = platform.map((one) => ({ ...one, protect: false }));
    rejects(all, "postgresql-database-not-the-tenants", /audit log is not protected/);
  });
});

it("what is not known yet hides no other problem of the same resource", () => {
  const all = changed(tenant, "Role", "acme", { password: unknown, name: unknown, superuser: true });
  rejects(all, "postgresql-role-without-powers", /superuser is set/);
});

it("every rule was seen to reject", () => {
  expect([...resourceRules, ...stackRules].map(({ name }) => name).filter((name) => !seen.has(name))).toEqual([]);
});

it("only the destroy is merely warned of", () => {
  expect(resourceRules.filter(({ advisory }) => advisory).map(({ name }) => name)).toEqual(["stack-destroy-asks"]);
});
