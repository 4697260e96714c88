// In which order a tenant is made (destroying is the exact reverse), and when it is proven again.
import { beforeAll, describe, expect, it } from "vitest";
import type { TenantArgs } from "../../components/tenant.ts";
import { before, find, register, under, type Registration } from "./registrations.ts";
import { outputs, tenantProgram } from "./tenant-fixture.ts";

let all: Registration[];
beforeAll(async () => {
  all = await register(outputs, tenantProgram());
});
const one = (type: string, name = "acme") => find(all, type, name);
const resources = () => all.filter(({ custom }) => custom);

describe("the order of the plan's section 7.1", () => {
  /** Everything that exists before the resource is made. */
  const beforeOne = (type: string, name = "acme") => before(all, one(type, name));
  const storeNames = ["ObjectStorage", "index:Database", "VectorStore", "KeySpace"] as const;
  const inStore = (store: string) => under(all, one(store));

  it("the reservation comes before everything", () => {
    expect(beforeOne("Reservation").filter(({ custom }) => custom)).toEqual([]);
    for (const resource of resources().filter(({ type }) => !/Reservation$|^pulumi:providers:/.test(type))) {
      expect([resource.urn, before(all, resource).includes(one("Reservation"))]).toEqual([resource.urn, true]);
    }
  });

  it.each([
    ["1: the age key", "AgeKey", "acme", ["Reservation acme"]],
    ["2: a credential", "RandomPassword", "acme-minio", ["AgeKey acme"]],
    ["2: a credential", "RandomPassword", "acme-postgresql", ["AgeKey acme"]],
    ["2: a credential", "RandomPassword", "acme-redis", ["AgeKey acme"]],
    ["2: a credential", "RandomPassword", "acme-api", ["AgeKey acme"]],
    ["2: a credential", "QdrantToken", "acme", ["AgeKey acme"]],
    [
      "3: the SOPS file",
      "SopsFile",
      "acme",
      [
        "AgeKey acme",
        "QdrantToken acme",
        ...["minio", "postgresql", "redis", "api"].map((of) => `RandomPassword acme-${of}`),
      ],
    ],
    ["8: the verification", "Command", "acme", ["SopsFile acme"]],
    ["8: its record", "VerificationRecord", "acme", ["Command acme"]],
    ["8: the event", "AuditEvent", "acme", ["VerificationRecord acme", "Command acme"]],
    ["9: the row", "RegistryRow", "acme", ["AuditEvent acme", "VerificationRecord acme"]],
    ["the guard", "DataGuard", "acme", ["RegistryRow acme"]],
  ])("step %s (%s %s)", (_step, type, name, expected) => {
    const found = beforeOne(type, name).map((found) => `${found.type.split(":").at(-1)} ${found.name}`);
    expect(found).toEqual(expect.arrayContaining(expected));
  });

  it.each(storeNames)(
    "steps 4 to 7: everything of %s comes after the SOPS file, and before the verification",
    (store) => {
      const parts = inStore(store);
      expect(parts.length).toBeGreaterThan(0);
      for (const part of parts) {
        expect([part.urn, before(all, part).includes(one("SopsFile"))]).toEqual([part.urn, true]);
        expect([part.urn, beforeOne("Command").includes(part)]).toEqual([part.urn, true]);
      }
    },
  );

  it("the four stores do not wait for each other", () => {
    for (const store of storeNames) {
      const others = storeNames.filter((name) => name !== store).flatMap(inStore);
      for (const part of inStore(store))
        expect(before(all, part).filter((needed) => others.includes(needed))).toEqual([]);
    }
  });

  it("the guard is made last, so that it is deleted first", () => {
    const guard = one("DataGuard");
    const missing = resources().filter((resource) => resource !== guard && !before(all, guard).includes(resource));
    expect(missing).toEqual([]);
    expect(all.filter((resource) => before(all, resource).includes(guard))).toEqual([]);
  });

  it("grants run one after the other: at the same time they fail with `tuple concurrently updated`", () => {
    const chain = ["Grant acme-public", "Grant acme-connect", "Grant acme-schema", "DefaultPrivileges acme-tables"];
    const [first, ...later] = [...chain, "DefaultPrivileges acme-sequences"].map((text) => {
      const [type = "", name = ""] = text.split(" ");
      return one(type, name);
    });
    later.reduce((previous, next) => {
      expect(next?.dependencies).toContain(previous?.urn);
      return next;
    }, first);
    // Created before it is deleted, a replaced grant would take the new one's privileges away.
    for (const grant of [first, ...later]) expect(grant?.options.deleteBeforeReplace).toBe(true);
  });

  it.each([
    ["the database after its role: a role that owns objects cannot be dropped", "index/database:Database", "Role"],
    [
      "the role's sessions end before its database is there, and after it is gone",
      "index/database:Database",
      "RoleLogin",
    ],
    ["native sessions in the database after its superusers are protected", "Grant acme-public", "DatabaseHardening"],
    ["the objects after the encryption", "S3Object acme-raw", "BucketEncryption"],
    ["the user after the bucket's contents, so that it is gone when they are emptied", "IamUser", "BucketContents"],
    ["the policy after the encryption", "IamPolicy", "BucketEncryption"],
    ["the user after its policy, so that its attachments are gone when the policy is deleted", "IamUser", "IamPolicy"],
    ["the attachment after the user", "IamUserPolicyAttachment", "IamUser"],
    ["the attachment after the policy", "IamUserPolicyAttachment", "IamPolicy"],
    ["the user is looked at when it has its policy", "MinioAccess", "IamUserPolicyAttachment"],
    ["the token is let in when the collection is there", "QdrantAccess", "QdrantCollection"],
  ])("%s", (_what, later, earlier) => {
    const [type = "", name = "acme"] = later.split(" ");
    expect(beforeOne(type, name)).toContain(one(earlier));
  });

  it("nobody can connect before everything else of the database holds: the pg_hba lines come last", () => {
    const entry = one("PgHbaEntry");
    const others = inStore("index:Database").filter((part) => part !== entry);
    expect(others.filter((part) => !before(all, entry).includes(part))).toEqual([]);
  });
});

describe("the verification runs again", () => {
  const trigger = async (over: Partial<TenantArgs>, answers = outputs) =>
    find(await register(answers, tenantProgram(over)), "Command", "acme").inputs["triggers"];
  const answering = (type: string, changed: (name: string) => Record<string, unknown>) => ({
    ...outputs,
    [type]: (inputs: object, name: string) => ({ ...outputs[type]?.({ ...inputs }, name), ...changed(name) }),
  });

  it.each<[string, Partial<TenantArgs>]>([
    ["networks", { networks: ["10.13.0.0/16"] }],
    ["operatorNetworks", { operatorNetworks: ["::1/128"] }],
    ["recipients", { recipients: ["age1recovery"] }],
    ["postgresqlConnectionLimit", { postgresqlConnectionLimit: 21 }],
    ["postgresqlStatementTimeout", { postgresqlStatementTimeout: 1 }],
    ["postgresqlIdleTransactionTimeout", { postgresqlIdleTransactionTimeout: 1 }],
    ["postgresqlTempFileLimit", { postgresqlTempFileLimit: "1GB" }],
    ["bucketQuota", { bucketQuota: 1 }],
    ["qdrantVectorSize", { qdrantVectorSize: 4 }],
    ["qdrantDistance", { qdrantDistance: "Dot" }],
    ["qdrantPayloadIndexes", { qdrantPayloadIndexes: {} }],
    ["qdrantShards", { qdrantShards: 2 }],
    ["qdrantReplicas", { qdrantReplicas: 2 }],
    ["qdrantWriteConsistency", { qdrantWriteConsistency: 2 }],
    ["qdrantMaxPoints", { qdrantMaxPoints: 7 }],
    ["qdrantQuota", { qdrantQuota: 7 }],
    ["qdrantReadsPerMinute", { qdrantReadsPerMinute: 7 }],
    ["qdrantWritesPerMinute", { qdrantWritesPerMinute: 7 }],
    ["qdrantUnindexedFilters", { qdrantUnindexedFilters: true }],
    ["qdrantTokenDays", { qdrantTokenDays: 1 }],
  ])("when %s changes", async (_key, over) => {
    expect(await trigger(over)).not.toEqual(one("Command").inputs["triggers"]);
  });

  const password = "random:index/randomPassword:RandomPassword";
  const changing = (what: string) =>
    answering(password, (name) => (name === `acme-${what}` ? { result: "rotated" } : {}));
  it.each([
    ["the MinIO secret", changing("minio")],
    ["the PostgreSQL password", changing("postgresql")],
    ["the Redis password", changing("redis")],
    ["the tenant's API key", changing("api")],
    ["the Qdrant token", answering("pulumi-nodejs:dynamic/tenant:QdrantToken", () => ({ jti: "another" }))],
    ["the age key", answering("pulumi-nodejs:dynamic/tenant:AgeKey", () => ({ recipient: "age1other" }))],
  ])("when %s is rotated", async (_what, answers) => {
    expect(await trigger({}, answers)).not.toEqual(one("Command").inputs["triggers"]);
  });

  it("but neither for nothing nor for allowDestroy, which changes nothing in a store", async () => {
    expect(await trigger({})).toEqual(one("Command").inputs["triggers"]);
    expect(await trigger({ allowDestroy: true })).toEqual(one("Command").inputs["triggers"]);
  });

  it("by deleting the former run first: it is the proof of what is there now", () => {
    expect(one("Command").options.deleteBeforeReplace).toBe(true);
  });
});
