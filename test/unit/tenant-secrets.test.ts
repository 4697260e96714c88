// What the engine, and so the state, is given of secrets: nothing in the clear, and nothing of an administrator's at all.
import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { find, register, secret, type Registration } from "./registrations.ts";
import { administrator, outputs, tenantProgram } from "./tenant-fixture.ts";

let all: Registration[];
beforeAll(async () => {
  all = await register(outputs, tenantProgram());
});
const one = (type: string, name = "acme") => find(all, type, name);
const resources = () => all.filter(({ custom }) => custom);

describe("no secret is in the clear", () => {
  /** Everything the engine is given of a resource, without what is marked as secret. */
  const inTheClear = ({ inputs, code, options }: Registration) =>
    JSON.stringify([inputs, code, options], (_, value: unknown) =>
      typeof value === "object" && value !== null && "secret" in value && Object.keys(value).length === 1
        ? "(a secret)"
        : value,
    );

  it("among all inputs", () => {
    for (const resource of all) expect(inTheClear(resource)).not.toMatch(/secret of/);
    // The check itself sees secrets.
    expect(JSON.stringify(one("SopsFile").inputs)).toMatch(/secret of acme-api.*/);
  });

  it("nor a hash of a secret alone: it could be guessed at", () => {
    const hash = createHash("sha256").update("secret of acme-redis").digest("hex");
    for (const resource of all) expect(inTheClear(resource)).not.toContain(hash);
  });

  it("among outputs: passwords and the token are marked", () => {
    for (const { options } of ["minio", "postgresql", "redis", "api"].map((what) =>
      one("RandomPassword", `acme-${what}`),
    )) {
      expect(options.secretOutputs).toContain("result");
    }
    expect(one("QdrantToken").options.secretOutputs).toEqual(["token"]);
  });

  it("and no credential of an administrator at all, secret or not", () => {
    const given = JSON.stringify(all);
    for (const value of [...Object.values(administrator), "administrator-redis"]) expect(given).not.toContain(value);
  });
});

describe("the native providers", () => {
  it("are explicit instances, for the shared servers", () => {
    for (const resource of resources()) {
      const [, name] = /^(minio|postgresql):/.exec(resource.type) ?? [];
      const expected = name === undefined ? "" : `${one(name, name).urn}::${name}-id`;
      expect([resource.urn, resource.provider]).toEqual([resource.urn, expected]);
    }
  });

  it("take the administrator's credentials from the environment", () => {
    expect(one("minio", "minio").options.environment).toEqual({
      MINIO_ROOT_USER: "MINIO_USER",
      MINIO_ROOT_PASSWORD: "MINIO_PASSWORD",
    });
  });

  it("or from the configuration, as secrets", async () => {
    const keys = { minioRootUser: "u", minioRootPassword: "p", pgUser: "v", pgPassword: "q" };
    const config = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`tenant-storage:${key}`, value]));
    process.env["PULUMI_CONFIG"] = JSON.stringify(config);
    try {
      const configured = await register(outputs, tenantProgram());
      expect(find(configured, "minio", "minio").inputs).toMatchObject({
        minioUser: secret("u"),
        minioPassword: secret("p"),
      });
      expect(find(configured, "postgresql", "postgresql").inputs).toMatchObject({
        username: secret("v"),
        password: secret("q"),
      });
    } finally {
      delete process.env["PULUMI_CONFIG"];
    }
  });
});
