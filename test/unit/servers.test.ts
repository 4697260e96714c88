// Where the shared servers are: everything that is missing is said at once, and nothing that is secret is said at all.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { engineConfig, servers, settings, type Servers } from "../../providers/clients/servers.ts";
import { refusal } from "../support/refusal.ts";

const environment = {
  MINIO_ENDPOINT: "http://127.0.0.1:9000",
  MINIO_ROOT_USER: "minio-admin",
  MINIO_ROOT_PASSWORD: "s3cret-minio",
  PGHOST: "127.0.0.1",
  PGPORT: "5433",
  PGUSER: "postgres",
  PGPASSWORD: "s3cret-postgresql",
  PGSSLMODE: "disable",
  QDRANT_URL: "https://qdrant.example:6333",
  QDRANT_API_KEY: "s3cret-qdrant",
  REDIS_URL: "redis://admin:s3cret-redis@127.0.0.1:6379",
};
const none = () => undefined;
const configured = (values: Record<string, string>) => (key: string) => values[key];
const from = (over: Record<string, string | undefined>, config: Record<string, string> = {}): Servers =>
  servers({ ...environment, ...over }, configured(config));

it("reads everything from the environment", () => {
  expect(servers(environment, none)).toEqual({
    minio: { endpoint: new URL("http://127.0.0.1:9000"), user: "minio-admin", password: "s3cret-minio" },
    postgresql: { host: "127.0.0.1", port: 5433, user: "postgres", password: "s3cret-postgresql", sslMode: "disable" },
    qdrant: {
      url: new URL("https://qdrant.example:6333"),
      apiKey: "s3cret-qdrant",
      tenantUrl: new URL("https://qdrant.example:6333"),
      tenantGrpcUrl: undefined,
      gateway: true,
    },
    redis: {
      url: new URL("redis://admin:s3cret-redis@127.0.0.1:6379"),
      addresses: [{ host: "127.0.0.1", port: 6379 }],
    },
  });
});

it("knows PostgreSQL's port, and verifies its certificate and name unless told otherwise", () => {
  expect(from({ PGPORT: undefined, PGSSLMODE: undefined }).postgresql).toMatchObject({
    port: 5432,
    sslMode: "verify-full",
  });
});

it("names every missing setting at once: variable, example, configuration key, and the command that helps", () => {
  const message = refusal(() => servers({}, none));
  const required = Object.values(settings).filter((setting) => !("fallback" in setting || "optional" in setting));
  expect(required).toHaveLength(9);
  for (const { env, config, example } of required) {
    expect(message).toContain(`\n  - ${env} is not set (for example ${example}; or configuration ${config})`);
  }
  expect(message.split("\n  - ")).toHaveLength(1 + 9);
  expect(message).toMatch(/\nFor the local stores: npm run stores -- start && eval "\$\(npm run -s env\)"$/);
});

it.each([
  ["an empty variable is a missing one", { PGHOST: "" }, {}, ["PGHOST is not set"]],
  ["an empty configuration value is none", { PGHOST: "" }, { pgHost: "" }, ["PGHOST is not set"]],
  ["so is an empty endpoint", { MINIO_ENDPOINT: "" }, { minioEndpoint: "" }, ["MINIO_ENDPOINT is not set"]],
  [
    "a host is no URL",
    { MINIO_ENDPOINT: "127.0.0.1:9000" },
    {},
    ["MINIO_ENDPOINT is not a URL starting with http:// or https://"],
  ],
  ["another protocol", { QDRANT_URL: "grpc://x" }, {}, ["QDRANT_URL is not a URL starting with http:// or https://"]],
  ["Redis has its own", { REDIS_URL: "http://x" }, {}, ["REDIS_URL is not redis://USER:PASSWORD@HOST:PORT"]],
  ["a port that is none", { PGPORT: "54 32" }, {}, ["PGPORT must be a port from 1 to 65535"]],
  ["port 0", { PGPORT: "0" }, {}, ["PGPORT must be a port"]],
  ["port 65536", {}, { pgPort: "65536", pgPassword: "other" }, ["PGPORT must be a port"]],
  ["two at once", { PGPORT: "x", QDRANT_URL: "x" }, {}, ["PGPORT must", "QDRANT_URL is not"]],
])("%s", (_what, over, config, expected) => {
  const message = refusal(() => from(over, config));
  for (const one of expected) expect(message).toContain(`  - ${one}`);
  expect(message.split("\n  - ")).toHaveLength(1 + expected.length);
});

describe("where tenants reach Qdrant", () => {
  const gateway = {
    QDRANT_TENANT_URL: "https://vectors.example",
    QDRANT_TENANT_GRPC_URL: "https://vectors.example:6336",
  };

  it("is the gateway, when it is named", () => {
    expect(from({ ...gateway, QDRANT_GATEWAY: "false" }).qdrant).toMatchObject({
      url: new URL("https://qdrant.example:6333"),
      tenantUrl: new URL("https://vectors.example"),
      tenantGrpcUrl: new URL("https://vectors.example:6336"),
      gateway: false,
    });
  });

  it("is the gateway of all nodes, when several are named", () => {
    const nodes = ["https://one.example:6333", "https://two.example:6333"];
    const { qdrant } = from({ ...gateway, QDRANT_URL: nodes.join(",") });
    expect(qdrant.nodes).toEqual(nodes.map((node) => new URL(node)));
    expect(qdrant).toMatchObject({
      url: new URL("https://one.example:6333"),
      tenantUrl: new URL(gateway.QDRANT_TENANT_URL),
    });
    const message = refusal(() => from({ QDRANT_URL: "https://one.example,http://two.example" }));
    expect(message).toContain("QDRANT_URL names 2 nodes, and QDRANT_TENANT_URL none");
    expect(message).toContain("QDRANT_URL must say http:// or https:// for all nodes alike");
    expect(refusal(() => from({ ...gateway, QDRANT_URL: "https://one.example,two" }))).toContain(
      "QDRANT_URL is not a URL",
    );
  });

  it("is not the environment's gateway for a server that the configuration names", () => {
    const theirs = { qdrantUrl: "https://other.example", qdrantApiKey: "theirs" };
    const url = new URL("https://other.example");
    const environments = { ...gateway, QDRANT_GATEWAY: "false" };
    expect(from(environments, theirs).qdrant).toMatchObject({
      tenantUrl: url,
      tenantGrpcUrl: undefined,
      gateway: true,
    });
    const named = from(environments, { ...theirs, qdrantTenantUrl: "https://own.example" });
    expect(named.qdrant.tenantUrl.href).toBe("https://own.example/");
  });

  it.each([
    [{ QDRANT_TENANT_URL: "vectors.example" }, "QDRANT_TENANT_URL is not a URL starting with http:// or https://"],
    [{ QDRANT_TENANT_GRPC_URL: "grpc://x" }, "QDRANT_TENANT_GRPC_URL is not a URL starting with http:// or https://"],
    [{ QDRANT_GATEWAY: "no" }, "QDRANT_GATEWAY must be true or false"],
  ])("%j is refused", (over, expected) => {
    expect(refusal(() => from(over))).toContain(`  - ${expected}`);
  });
});

it("configuration wins over the environment, key by key", () => {
  const { minio, postgresql, qdrant, redis } = from(
    {},
    {
      ...{ minioEndpoint: "https://s3.example", minioRootPassword: "theirs" },
      ...{ pgHost: "db.example", pgPassword: "other", redisUrl: "rediss://r.example" },
    },
  );
  expect(minio).toEqual({ endpoint: new URL("https://s3.example"), user: "minio-admin", password: "theirs" });
  expect(postgresql).toMatchObject({ host: "db.example", port: 5433, password: "other" });
  expect(redis.url.href).toBe("rediss://r.example");
  expect(qdrant.url.host).toBe("qdrant.example:6333");
});

describe("the environment's credential goes to the environment's server only", () => {
  it.each([
    ["minioEndpoint", "https://evil.example", "minioRootPassword", "MINIO_ROOT_PASSWORD"],
    ["pgHost", "evil.example", "pgPassword", "PGPASSWORD"],
    ["pgPort", "6432", "pgPassword", "PGPASSWORD"],
    // In the clear, or to whoever answers.
    ["pgSslMode", "disable", "pgPassword", "PGPASSWORD"],
    ["qdrantUrl", "https://evil.example", "qdrantApiKey", "QDRANT_API_KEY"],
  ])("%s in the configuration needs its credential there", (key, value, credential, env) => {
    const message = refusal(() => from({}, { [key]: value }));
    expect(message).toContain(`  - ${key}: set in the configuration, but not ${credential}: ${env} of the environment`);
    expect(message).toContain(`pulumi config set --secret ${credential}`);
    expect(message.split("\n  - ")).toHaveLength(2);
    expect(from({}, { [key]: value, [credential]: "theirs" })).toBeDefined();
    // An empty one falls back to the environment's.
    expect(refusal(() => from({}, { [key]: value, [credential]: "" }))).toContain(key);
  });

  it("a credential alone is for the environment's server", () => {
    expect(from({}, { qdrantApiKey: "theirs" }).qdrant).toMatchObject({
      url: new URL("https://qdrant.example:6333"),
      apiKey: "theirs",
    });
  });

  it("an authority in the configuration needs every credential there", () => {
    expect(
      refusal(() => from({}, { caFile: "/etc/ssl/theirs.pem" })).match(/set in the configuration, but not \w+/g),
    ).toEqual(
      ["minioRootPassword", "pgPassword", "qdrantApiKey", "redisUrl"].map(
        (key) => `set in the configuration, but not ${key}`,
      ),
    );
  });

  it("every place is refused at once", () => {
    const all = { minioEndpoint: "https://e.example", pgHost: "e.example", qdrantUrl: "https://e.example" };
    expect(refusal(() => from({}, all)).split("\n  - ")).toHaveLength(4);
  });
});

describe("the private authority", () => {
  const folder = mkdtempSync(join(tmpdir(), "authority-"));
  const [one, other, none] = ["one.pem", "other.pem", "none.pem"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  beforeAll(() => {
    writeFileSync(one, rootCertificates[0] ?? "");
    writeFileSync(other, rootCertificates[1] ?? "");
    writeFileSync(none, "no certificate");
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const files = ({ minio, postgresql, qdrant, redis }: Servers) =>
    [minio, postgresql, qdrant, redis].map(({ ca }) => ca?.file);

  it("is named once for all four servers, by the environment or the configuration", () => {
    expect(files(from({ TENANT_CA_FILE: one }))).toEqual([one, one, one, one]);
    const credentials = { minioRootPassword: "-", pgPassword: "-", qdrantApiKey: "-", redisUrl: "rediss://r.example" };
    expect(files(from({ TENANT_CA_FILE: one }, { ...credentials, caFile: other }))).toEqual([
      other,
      other,
      other,
      other,
    ]);
    expect(from({ TENANT_CA_FILE: one }).qdrant.ca?.pem).toBe(rootCertificates[0]);
    expect(files(from({}))).toEqual([undefined, undefined, undefined, undefined]);
  });

  it("may be another for PostgreSQL, in libpq's words", () => {
    expect(files(from({ TENANT_CA_FILE: one, PGSSLROOTCERT: other }))).toEqual([one, other, one, one]);
    expect(files(from({ PGSSLROOTCERT: other }))).toEqual([undefined, other, undefined, undefined]);
    expect(files(from({ TENANT_CA_FILE: one, PGSSLROOTCERT: "system" }))).toEqual([one, undefined, one, one]);
  });

  it.each([
    ["a file that is not there", "/nowhere/ca.pem", /names \/nowhere\/ca\.pem, which cannot be read: ENOENT/],
    ["no certificate", none, /names .*none\.pem, which is no certificate in PEM/],
    ["a relative path", "ca.pem", /is not an absolute path \(for example \/etc\/ssl\/stores-ca\.pem\)/],
  ])("%s is refused", (_what, file, expected) => {
    expect(refusal(() => from({ TENANT_CA_FILE: file }))).toMatch(new RegExp(`- TENANT_CA_FILE ${expected.source}`));
    expect(refusal(() => from({ PGSSLROOTCERT: file }))).toMatch(new RegExp(`- PGSSLROOTCERT ${expected.source}`));
  });
});

it("the engine's configuration is that of the project's namespace", () => {
  const server = { "tenant-storage:pgHost": "db.example", "tenant-storage:pgPassword": "other" };
  const config = { ...server, "aws:region": "x", "other:pgHost": "wrong" };
  const lookup = engineConfig({ PULUMI_CONFIG: JSON.stringify(config) });
  expect([lookup("pgHost"), lookup("region"), lookup("pgPort")]).toEqual(["db.example", undefined, undefined]);
  expect(engineConfig({})("pgHost")).toBeUndefined();
  expect(servers({ ...environment, PULUMI_CONFIG: JSON.stringify(config) }).postgresql.host).toBe("db.example");
});

describe("no secret is in a message", () => {
  // A secret of its own kind, typed where something else belongs.
  it.each(Object.values(settings).map(({ env }) => env))("also when it was typed into %s", (env) => {
    const secret = "hunter2-very-secret";
    const over = { ...environment, [env]: secret, PGHOST: env === "PGHOST" ? secret : "" };
    let message = "";
    try {
      servers(over, none);
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).not.toContain(secret);
    expect(message).not.toContain("s3cret");
  });

  it("nor the password inside a URL that is malformed", () => {
    expect(refusal(() => from({ REDIS_URL: "redis//admin:s3cret-redis@host" }))).not.toContain("s3cret");
  });

  it("every secret setting is marked as one", () => {
    const marked = Object.values(settings).filter((setting) => "secret" in setting);
    expect(marked.map(({ env }) => env)).toEqual(["MINIO_ROOT_PASSWORD", "PGPASSWORD", "QDRANT_API_KEY", "REDIS_URL"]);
  });
});
