// What the engine, and so the state, is given of secrets: nothing in the clear, and nothing of an administrator's at all.
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { rootCertificates } from "node:tls";
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

  it("take the administrator's credentials and the private authority from the environment", async () => {
    expect(one("minio", "minio").options.environment).toEqual({
      MINIO_ROOT_USER: "MINIO_USER",
      MINIO_ROOT_PASSWORD: "MINIO_PASSWORD",
      TENANT_CA_FILE: "MINIO_CACERT_FILE",
    });
    expect(one("postgresql", "postgresql").options.environment).toEqual({ TENANT_CA_FILE: "PGSSLROOTCERT" });
    // libpq's own variable is the plugin's too: nothing takes its place.
    process.env["PGSSLROOTCERT"] = "system";
    try {
      const system = await register(outputs, tenantProgram());
      expect(find(system, "postgresql", "postgresql").options.environment ?? {}).toEqual({});
    } finally {
      delete process.env["PGSSLROOTCERT"];
    }
  });

  it("or from the configuration, as secrets", async () => {
    // Any certificate will do: nobody is connected to.
    const caFile = join(mkdtempSync(join(tmpdir(), "authority-")), "ca.pem");
    writeFileSync(caFile, rootCertificates[0] ?? "");
    const users = { minioRootUser: "u", minioRootPassword: "p", pgUser: "v", pgPassword: "q" };
    const keys = { ...users, qdrantApiKey: "r", redisUrl: "redis://s@127.0.0.1:6379", caFile };
    const config = Object.fromEntries(Object.entries(keys).map(([key, value]) => [`tenant-storage:${key}`, value]));
    process.env["PULUMI_CONFIG"] = JSON.stringify(config);
    try {
      const configured = await register(outputs, tenantProgram());
      expect(find(configured, "minio", "minio").inputs).toMatchObject({
        minioUser: secret("u"),
        minioPassword: secret("p"),
        minioCacertFile: secret(caFile),
      });
      expect(find(configured, "postgresql", "postgresql").inputs).toMatchObject({
        username: secret("v"),
        password: secret("q"),
        sslrootcert: secret(caFile),
      });
    } finally {
      delete process.env["PULUMI_CONFIG"];
      rmSync(dirname(caFile), { recursive: true });
    }
  });
});
