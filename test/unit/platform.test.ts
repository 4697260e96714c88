// What tenants share, and the canary they are verified against (the engine is mocked, see registrations.ts).
import { beforeAll, describe, expect, it } from "vitest";
import { Platform } from "../../components/platform.ts";
import { nativeProviders } from "../../components/provider-instances.ts";
import { catalogsVersion } from "../../providers/clients/catalogs.ts";
import { schemaVersion } from "../../providers/clients/platform-db.ts";
import { before, find, register, tree, under, type Registration } from "./registrations.ts";
import { administrator, outputs, tenantProgram, unknownOutputs } from "./tenant-fixture.ts";

const platformProgram = (): void =>
  void new Platform(
    "platform",
    { placement: "default", operatorNetworks: ["127.0.0.0/8", "::1/128"], recipients: [] },
    { providers: Object.values(nativeProviders()) },
  );

let all: Registration[];
beforeAll(async () => {
  all = await register(outputs, platformProgram);
});
const one = (type: string, name: string) => find(all, type, name);
const canary = () => one("TenantStores", "canary");

it("is this tree, above the canary's", () => {
  const own = all.filter((resource) => !under(all, canary()).includes(resource));
  expect(`\n${tree(own).join("\n")}\n`).toBe(`
pulumi:providers:minio minio
pulumi:providers:postgresql postgresql
tenant-storage:index:Platform platform
  postgresql:index/database:Database platform
  postgresql:index/role:Role platform_owner
  pulumi-nodejs:dynamic/tenant:AuditKey platform
  pulumi-nodejs:dynamic/tenant:PgHbaClosing platform
  pulumi-nodejs:dynamic/tenant:PlatformSchema platform
  pulumi-nodejs:dynamic/tenant:QdrantCollection platform_token_state
  pulumi-nodejs:dynamic/tenant:TenantTemplate tenant_template
  tenant-storage:index:TenantStores canary
`);
});

it("is the same tree in a preview, when nothing computed is known yet", async () => {
  expect(tree(await register(unknownOutputs, platformProgram, true))).toEqual(tree(all));
});

describe("the inputs are exactly these", () => {
  it.each([
    ["Database", "platform", { name: "platform", template: "template0" }],
    ["PgHbaClosing", "platform", { line: "host all all all reject" }],
    ["AuditKey", "platform", { database: "platform" }],
    ["PlatformSchema", "platform", { database: "platform", version: schemaVersion, log: "log-id" }],
    // Owns every tenant's database: it cannot log in.
    ["Role", "platform_owner", { name: "platform_owner", login: false, inherit: false }],
    [
      "TenantTemplate",
      "tenant_template",
      { template: "tenant_template", owner: "platform_owner", version: catalogsVersion },
    ],
    [
      "QdrantCollection",
      "platform_token_state",
      {
        collection: "platform_token_state",
        vectorSize: 1,
        distance: "Dot",
        strictMode: {},
        payloadIndexes: { jti: "keyword", tenant: "keyword" },
        replicas: "all",
      },
    ],
    ["Platform", "platform", {}],
    ["TenantStores", "canary", {}],
  ])("%s %s", (type, name, inputs) => {
    expect(one(type, name).inputs).toStrictEqual(inputs);
  });
});

describe("the canary", () => {
  it("has every resource a tenant has in the four stores, and nothing else of a tenant", async () => {
    const tenant = await register(outputs, tenantProgram());
    const stores = tree(tenant, find(tenant, "TenantStores", "acme").urn).map((line) =>
      line.replaceAll("acme", "canary"),
    );
    expect(tree(all, canary().urn)).toEqual(stores);
    for (const type of ["Reservation", "Command", "AuditEvent", "RegistryRow", "DataGuard"]) {
      expect(all.filter((resource) => resource.type.endsWith(`:${type}`))).toEqual([]);
    }
  });

  it("is reached from where verification runs only", () => {
    expect(one("PgHbaEntry", "canary").inputs).toEqual({
      database: "tenant_canary",
      role: "tenant_canary_user",
      networks: ["127.0.0.0/8", "::1/128"],
      encrypted: false,
    });
    expect(one("index/database:Database", "canary").inputs).toMatchObject({ connectionLimit: 10 });
  });

  it.each([
    ["PlatformSchema", "platform"],
    ["PgHbaClosing", "platform"],
    ["TenantTemplate", "tenant_template"],
    ["QdrantCollection", "platform_token_state"],
  ])("is made after %s %s", (type, name) => {
    const needed = one(type, name);
    const parts = under(all, canary()).filter(({ custom }) => custom);
    expect(parts.filter((part) => !before(all, part).includes(needed))).toEqual([]);
  });
});

it("makes the schema after its database, and the template after its owner", () => {
  expect(one("PlatformSchema", "platform").dependencies).toContain(one("Database", "platform").urn);
  expect(one("TenantTemplate", "tenant_template").dependencies).toContain(one("Role", "platform_owner").urn);
});

it("protects the database of the audit log, and nothing else", () => {
  expect(all.filter(({ options }) => options.protect).map(({ urn }) => urn)).toEqual([one("Database", "platform").urn]);
});

it("uses the explicit instances of the native providers", () => {
  for (const { urn, type, provider } of all.filter(({ type }) => /^(minio|postgresql):/.test(type))) {
    const name = type.split(":")[0] ?? "";
    expect([urn, provider]).toEqual([urn, `${one(name, name).urn}::${name}-id`]);
  }
});

it("gives the engine no credential of an administrator", () => {
  const given = JSON.stringify(all);
  for (const value of [...Object.values(administrator), "administrator-redis"]) expect(given).not.toContain(value);
});
