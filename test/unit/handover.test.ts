// Handing a tenant's credentials over: every format's text, the file that holds it, what a program's environment holds.
import { ExternalSecret } from "@kubernetes-models/external-secrets/external-secrets.io/v1/ExternalSecret";
import { Secret } from "kubernetes-models/v1";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { variables, type Connection } from "../../cli/connection.ts";
import { programEnvironment } from "../../cli/handover/exec.ts";
import { formats, formatted, type Format } from "../../cli/handover/formats.ts";
import { writeCredentials } from "../../cli/handover/write.ts";

const folder = mkdtempSync(join(tmpdir(), "handover-"));
const authority = join(folder, "ca.pem");
writeFileSync(authority, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
afterAll(() => rmSync(folder, { recursive: true }));

const hard = `it's "$HOME" \\ \`id\` %d`;
const found: Connection = {
  tenant_id: "acme",
  minio: {
    endpoint: "https://s3.example:9000",
    bucket: "tenant-acme-bucket",
    access_key: "tenant-acme-access",
    secret_key: "S3cr3t",
  },
  postgresql: {
    host: "db.example",
    port: 5432,
    database: "tenant_acme",
    user: "tenant_acme_user",
    password: hard,
    sslmode: "verify-full",
    sslrootcert: authority,
  },
  qdrant: { url: "https://q.example", grpc_url: "https://q.example:6336", collection: "tenant_acme", api_key: "e.y.J" },
  redis: {
    url: "rediss://tenant_acme_user:p@r.example:6380",
    user: "tenant_acme_user",
    password: hard,
    key_prefix: "tenant:acme:",
  },
  tenant_api_key: "api",
  ca_file: authority,
};
const plain: Connection = (({ ca_file: _, ...rest }) => ({
  ...rest,
  postgresql: (({ sslrootcert: __, ...others }) => others)(rest.postgresql),
}))(found);

describe("formats", () => {
  it("a shell reads env's lines as the values they are, whatever these hold", async () => {
    const script = `${await formatted(found, "env")}\nprintf '%s' "$PGPASSWORD"`;
    expect(execFileSync("sh", ["-s"], { input: script, encoding: "utf8" })).toBe(hard);
  });

  it("json and yaml say the same", async () => {
    expect(parse(await formatted(found, "yaml"))).toEqual(JSON.parse(await formatted(found, "json")));
  });

  it("a Kubernetes Secret: valid, with env's variables, and the authority in place of this machine's path", async () => {
    const secret = parse(await formatted(found, "kubernetes", { namespace: "shop" })) as Record<string, unknown>;
    new Secret(secret).validate();
    expect(Object.keys(secret)).toEqual(["apiVersion", "kind", "metadata", "type", "data"]);
    expect(secret).toMatchObject({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "tenant-acme", namespace: "shop" },
    });
    const data = Object.entries(secret["data"] as Record<string, string>);
    const texts = Object.fromEntries(data.map(([name, text]) => [name, Buffer.from(text, "base64").toString()]));
    const { TENANT_CA_FILE: _, PGSSLROOTCERT: __, ...inPod } = variables(found);
    expect(texts).toEqual({ ...inPod, "ca.crt": readFileSync(authority, "utf8") });
  });

  it("an ExternalSecret: valid, without a secret, and what it makes of --format json is that Secret", async () => {
    const text = await formatted(found, "external-secrets", { secretStore: "SecretStore/vault", remoteKey: "kv/acme" });
    const made = parse(text) as {
      spec: { data: { secretKey: string; remoteRef: { key: string; property: string } }[] };
    };
    new ExternalSecret(made).validate();
    for (const secret of [hard, "S3cr3t", "e.y.J", "tenant_acme_user"]) expect(text).not.toContain(secret);
    const json = JSON.parse(await formatted(found, "json")) as Record<string, unknown>;
    const at = (path: string) =>
      path.split(".").reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], json);
    const { TENANT_CA_FILE: _, PGSSLROOTCERT: __, ...inPod } = variables(found);
    const fetched = made.spec.data.map(({ secretKey, remoteRef }) => [secretKey, String(at(remoteRef.property))]);
    expect(Object.fromEntries(fetched)).toEqual(inPod);
    expect(made.spec).toMatchObject({
      secretStoreRef: { kind: "SecretStore", name: "vault" },
      target: {
        name: "tenant-acme",
        template: { mergePolicy: "Merge", data: { "ca.crt": readFileSync(authority, "utf8") } },
      },
    });
    expect(made.spec.data.every(({ remoteRef }) => remoteRef.key === "kv/acme")).toBe(true);
  });

  it("both are valid for stores without an authority of their own", async () => {
    new Secret(parse(await formatted(plain, "kubernetes")) as object).validate();
    const made = parse(await formatted(plain, "external-secrets")) as { spec: { target: object } };
    new ExternalSecret(made).validate();
    expect(made.spec.target).toEqual({ name: "tenant-acme", creationPolicy: "Owner" });
  });

  it.each([
    [{ namespace: "Shop" }, "--namespace"],
    [{ secretStore: "vault" }, "SecretStore/NAME or ClusterSecretStore/NAME"],
  ])("%j is refused", async (options, message) => {
    await expect(formatted(found, "external-secrets", options)).rejects.toThrow(message);
  });

  it("the clients' files name the authority, and none where there is none", async () => {
    for (const format of ["psql", "redis", "s3cfg", "rclone"] as const) {
      expect(await formatted(found, format)).toContain(authority);
      expect(await formatted(plain, format)).not.toContain(authority);
    }
  });

  it.each(["line\nbreak", "blank at the end "])(
    "a password that psql's file cannot hold is refused: %j",
    async (password) => {
      const odd = { ...found, postgresql: { ...found.postgresql, password } };
      await expect(formatted(odd, "psql")).rejects.toThrow(/^password: holds a line break or a blank at its end/);
    },
  );

  it("nodes of a cluster: redis-cli follows them; sentinels: it cannot", async () => {
    const at = (url: string) => formatted({ ...plain, redis: { ...found.redis, url } }, "redis");
    expect(await at("redis://u:p@one:7000,two:7001")).toContain(
      `'-h' 'one' '-p' '7000' '--user' 'tenant_acme_user' '-c' "$@"`,
    );
    await expect(at("redis+sentinel://u:p@one:1,two:2/main")).rejects.toThrow("sentinels call main");
  });

  it("none holds a password among a program's arguments", async () => {
    const { stdout } = {
      stdout: await formatted({ ...plain, redis: { ...found.redis, password: "Passw0rd" } }, "redis"),
    };
    expect(stdout).toContain("REDISCLI_AUTH='Passw0rd' exec redis-cli ");
    expect(stdout.split("exec redis-cli")[1]).not.toContain("Passw0rd");
  });

  it("every format ends with a line break", async () => {
    const texts = await Promise.all(formats.map((format: Format) => formatted(plain, format)));
    for (const text of texts) expect(text).toMatch(/[^\n]\n$/);
  });
});

describe("the file", () => {
  let at: string;
  beforeEach(() => {
    at = mkdtempSync(join(folder, "write-"));
  });
  const git = (...args: string[]) => execFileSync("git", ["-C", at, ...args], { stdio: "pipe" });

  it("is new, whole, and for its owner only", async () => {
    const file = join(at, "acme.env");
    expect(await writeCredentials(file, "secret\n", false)).toBe(file);
    expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777, readdirSync(at)]).toEqual([
      "secret\n",
      0o600,
      ["acme.env"],
    ]);
  });

  it("is never written over, unless asked for: then nobody else can read the new one either", async () => {
    const file = join(at, "acme.env");
    writeFileSync(file, "mine");
    chmodSync(file, 0o644);
    await expect(writeCredentials(file, "secret", false)).rejects.toThrow("is there already, and nothing was written");
    expect(readFileSync(file, "utf8")).toBe("mine");
    await writeCredentials(file, "secret", true);
    expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777, readdirSync(at)]).toEqual([
      "secret",
      0o600,
      ["acme.env"],
    ]);
  });

  it("is no link and no device, even if it may be written over", async () => {
    symlinkSync("/dev/null", join(at, "link"));
    for (const file of [join(at, "link"), "/dev/null", at]) {
      await expect(writeCredentials(file, "secret", true)).rejects.toThrow("is no ordinary file");
    }
  });

  it("needs its folder", async () => {
    await expect(writeCredentials(join(at, "none", "file"), "secret", false)).rejects.toThrow(
      `mkdir -m 700 ${join(at, "none")}`,
    );
  });

  it("is not in a git work tree that could commit it, by whatever way", async () => {
    git("init", "--quiet");
    mkdirSync(join(at, "deep"));
    symlinkSync(join(at, "deep"), join(folder, `link-${process.pid}`));
    for (const file of [
      join(at, "acme.env"),
      join(at, "deep", "acme.env"),
      join(folder, `link-${process.pid}`, "acme.env"),
    ]) {
      await expect(writeCredentials(file, "secret", false)).rejects.toThrow(/does not ignore it.*Nothing was written/s);
      expect(existsSync(file)).toBe(false);
    }
    writeFileSync(join(at, ".gitignore"), "*.env\n");
    await writeCredentials(join(at, "deep", "acme.env"), "secret", false);
    // Ignored, but tracked all the same.
    writeFileSync(join(at, "tracked.env"), "");
    git("add", "--force", "tracked.env");
    await expect(writeCredentials(join(at, "tracked.env"), "secret", true)).rejects.toThrow("does not ignore it");
  });

  it("is not in a work tree that git cannot judge", async () => {
    writeFileSync(join(at, ".git"), "gitdir: /nonexistent\n");
    await expect(writeCredentials(join(at, "acme.env"), "secret", false)).rejects.toThrow("cannot say");
  });
});

describe("a program's environment", () => {
  const own = {
    PATH: "/bin",
    EDITOR: "vi",
    ...{
      MINIO_ROOT_PASSWORD: "a",
      PGPASSFILE: "/home/admin/.pgpass",
      PGSERVICE: "admin",
      QDRANT_API_KEY: "a",
      REDIS_URL: "redis://a@h",
    },
    ...{
      AWS_PROFILE: "admin",
      AWS_SESSION_TOKEN: "a",
      PULUMI_CONFIG_PASSPHRASE: "a",
      TENANT_SECRETS_DIR: "/s",
      SOPS_AGE_KEY: "a",
    },
  };

  it("holds nothing of an administrator's, everything else of the operator's, and the tenant's", () => {
    const env = programEnvironment(own, found);
    expect(env).toMatchObject({ PATH: "/bin", EDITOR: "vi", ...variables(found) });
    for (const name of [
      "MINIO_ROOT_PASSWORD",
      "PGPASSFILE",
      "PGSERVICE",
      "AWS_PROFILE",
      "AWS_SESSION_TOKEN",
      "PULUMI_CONFIG_PASSPHRASE",
      "TENANT_SECRETS_DIR",
      "SOPS_AGE_KEY",
    ]) {
      expect(env).not.toHaveProperty(name);
    }
    expect(env).toMatchObject({
      AWS_ACCESS_KEY_ID: "tenant-acme-access",
      REDISCLI_AUTH: hard,
      REDIS_HOST: "r.example",
      REDIS_PORT: "6380",
    });
  });

  it("names no Redis server where sentinels know it", () => {
    const env = programEnvironment(own, {
      ...found,
      redis: { ...found.redis, url: "redis+sentinel://u:p@one:1/main" },
    });
    expect(env["REDIS_HOST"]).toBeUndefined();
    expect(env["REDIS_URL"]).toContain("sentinel");
  });
});
