// Placements: names, variables, and the operator's file of them: nothing of one placement's reaches another, all that is wrong is
// said at once, and no password is.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { usePlacementsFile } from "../../cli/placements-file.ts";
import { nativeProviders } from "../../components/provider-instances.ts";
import { dynamicProvider } from "../../components/dynamic-provider.ts";
import {
  placementOfPlatform,
  placementProblem,
  placementsIn,
  placementVariable,
  platformStack,
} from "../../providers/clients/placements.ts";
import { platformServers, servers, serverVariables } from "../../providers/clients/servers.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { inPlacement } from "../../providers/clients/stack-scope.ts";
import { binDir } from "../../toolchain/paths.ts";
import { refusal } from "../support/refusal.ts";
import { find, register } from "./registrations.ts";
import { outputs } from "./tenant-fixture.ts";

const own = {
  MINIO_ENDPOINT: "http://10.2.0.1:9000",
  MINIO_ROOT_USER: "eu-minio-admin",
  MINIO_ROOT_PASSWORD: "eu-secret-minio",
  PGHOST: "10.2.0.2",
  PGUSER: "eu-postgres",
  PGPASSWORD: "eu-secret-postgresql",
  QDRANT_URL: "http://10.2.0.3:6333",
  QDRANT_API_KEY: "eu-secret-qdrant",
  REDIS_URL: "redis://admin:eu-secret-redis@10.2.0.4:6379",
};
const placed = (placement: string, variables: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(variables).map(([name, value]) => [placementVariable(placement, name), value]));
const on = (placement: string, more: Readonly<Record<string, string>> = {}) => {
  const config: Readonly<Record<string, string>> = { placement, ...more };
  return (key: string) => config[key];
};
/** The default placement's environment, as the fixture has it, with the variables of eu-2. */
const environment = (variables: Readonly<Record<string, string>> = own) => ({
  ...process.env,
  QDRANT_GATEWAY: "false",
  TENANT_CA_FILE: "/nowhere/ca.pem",
  ...placed("eu-2", variables),
});

describe("names", () => {
  it.each(["default", "eu-2", "a", "eu-west-1b", "x".repeat(30)])("%s is one", (name) => {
    expect(placementProblem(name)).toBeUndefined();
  });
  it.each(["", "EU", "2eu", "-eu", "eu-", "eu--2", "eu_2", "eu 2", "eu/2", "../eu", "x".repeat(31), "eu\n"])(
    "%j is none",
    (name) => expect(placementProblem(name)).toContain("must be the name of a placement, such as eu-2"),
  );
  it("are in the names of variables and stacks, and can be read from them", () => {
    expect(placementVariable("eu-2", "PGHOST")).toBe("TENANT_PLACEMENT_EU_2_PGHOST");
    expect(placementVariable("default", "PGHOST")).toBe("PGHOST");
    const env = { ...placed("eu", own), ...placed("eu-2", own), ...placed("empty", { PGHOST: "" }), PGHOST: "db" };
    expect(placementsIn(serverVariables, env)).toEqual(["eu", "eu-2"]);
    expect(["default", "eu-2"].map(platformStack)).toEqual(["platform", "platform-eu-2"]);
    expect(["platform", "platform-eu-2", "platformer", "acme"].map(placementOfPlatform)).toEqual([
      "default",
      "eu-2",
      undefined,
      undefined,
    ]);
  });
});

describe("servers", () => {
  it("of a placement are its own, and the platform database stays where it is", () => {
    const all = servers(environment(), on("eu-2"));
    expect(all.minio).toEqual({
      endpoint: new URL(own.MINIO_ENDPOINT),
      user: "eu-minio-admin",
      password: "eu-secret-minio",
    });
    expect(all.postgresql).toMatchObject({ host: "10.2.0.2", port: 5432, password: "eu-secret-postgresql" });
    expect(all.redis.addresses).toEqual([{ host: "10.2.0.4", port: 6379 }]);
    expect(platformServers({ ...environment(), TENANT_CA_FILE: "" }, on("eu-2")).postgresql.host).toBe(
      process.env["PGHOST"],
    );
  });

  it("inherit nothing: neither the way of encryption, nor the authority, nor the gateway, nor a credential", () => {
    const all = servers(environment(), on("eu-2"));
    expect([all.postgresql.sslMode, all.postgresql.ca, all.qdrant.gateway]).toEqual(["verify-full", undefined, true]);
    expect(all.qdrant.tenantUrl.origin).toBe("http://10.2.0.3:6333");
    const { PGPASSWORD: _, QDRANT_API_KEY: __, ...less } = own;
    const message = refusal(() => servers(environment(less), on("eu-2")));
    expect(message).toContain("The servers of placement eu-2 are not fully configured");
    for (const name of ["PGPASSWORD", "QDRANT_API_KEY"]) expect(message).toContain(`- ${name} is not set`);
    expect(message).toContain("Nothing is taken from another placement");
    expect(message).not.toContain("secret");
  });

  it("that nobody named are refused, with those that are known", () => {
    expect(refusal(() => servers(environment(), on("eu-3")))).toMatch(
      /^There is no placement eu-3 here.*Known: default, eu-2\..*TENANT_PLACEMENTS_FILE/s,
    );
    expect(refusal(() => servers(environment(), on("EU_2")))).toContain(
      'placement "EU_2": must be the name of a placement',
    );
  });

  it("and a placement at once are refused: whoever changes a file has no credential sent anywhere", () => {
    const config = on("eu-2", { minioEndpoint: "http://evil.example", minioRootPassword: "x" });
    expect(refusal(() => servers(environment(), config))).toContain(
      "servers of its own (minioEndpoint, minioRootPassword) and the placement eu-2",
    );
  });
});

it("a canary's files are its placement's, a tenant's are where they were", async () => {
  const folders = await inPlacement("eu-2", async () => ["canary", "acme"].map((id) => secretFiles(id).folder));
  expect(folders.map((folder) => folder.split("/").at(-1))).toEqual(["canary-eu-2", "acme"]);
  expect(secretFiles("canary").folder).toMatch(/\/canary$/);
});

it("providers get credentials by variables of the placement, and other names than the default ones'", async () => {
  Object.assign(process.env, placed("eu-2", own));
  const program = (): void => {
    void inPlacement("eu-2", async () => {
      dynamicProvider();
      nativeProviders();
    });
  };
  const all = await register({ ...outputs, "pulumi:providers:pulumi-nodejs": () => ({}) }, program);
  for (const name of Object.keys(own)) Reflect.deleteProperty(process.env, placementVariable("eu-2", name));
  const minio = find(all, "minio", "minio-eu-2");
  const postgresql = find(all, "postgresql", "postgresql-eu-2");
  expect(find(all, "pulumi-nodejs", "dynamic-eu-2").inputs).toEqual({
    "tenant-storage:placement": "eu-2",
  });
  expect(minio.options.environment).toEqual({
    TENANT_PLACEMENT_EU_2_MINIO_ROOT_USER: "MINIO_USER",
    TENANT_PLACEMENT_EU_2_MINIO_ROOT_PASSWORD: "MINIO_PASSWORD",
    TENANT_PLACEMENT_EU_2_TENANT_CA_FILE: "MINIO_CACERT_FILE",
  });
  expect(postgresql.options.environment).toEqual({
    TENANT_PLACEMENT_EU_2_PGUSER: "PGUSER",
    TENANT_PLACEMENT_EU_2_PGPASSWORD: "PGPASSWORD",
    TENANT_PLACEMENT_EU_2_TENANT_CA_FILE: "PGSSLROOTCERT",
  });
  expect(JSON.stringify(all.map(({ inputs }) => inputs))).not.toContain("eu-secret");
});

describe("the file", () => {
  const folder = mkdtempSync(join(tmpdir(), "placements-"));
  const file = join(folder, "placements.yaml");
  afterAll(() => rmSync(folder, { recursive: true }));
  beforeEach(() => rmSync(file, { force: true }));
  const yaml = (variables: Readonly<Record<string, string>>) =>
    Object.entries(variables)
      .map(([name, value]) => `  ${name}: ${value}\n`)
      .join("");
  const write = (text: string, mode = 0o600) => {
    writeFileSync(file, text);
    chmodSync(file, mode);
  };
  const load = async (env: NodeJS.ProcessEnv = {}) => {
    const all = { TENANT_PLACEMENTS_FILE: file, ...env };
    await usePlacementsFile(all);
    return all as NodeJS.ProcessEnv;
  };
  const refused = async (env?: NodeJS.ProcessEnv) =>
    load(env).then(
      () => "",
      (error: unknown) => (error as Error).message,
    );

  it("becomes variables, once: what is started from here has them, and does not read it again", async () => {
    write(`eu-2:\n${yaml({ ...own, PGPORT: "5433" })}us:\n${yaml(own)}`);
    const { TENANT_PLACEMENTS_FILE: gone, ...env } = await load();
    expect(gone).toBeUndefined();
    expect(env).toEqual({ ...placed("eu-2", { ...own, PGPORT: "5433" }), ...placed("us", own) });
  });

  it("that others can read is refused, with the commands that help", async () => {
    write(`eu-2:\n${yaml(own)}`, 0o640);
    expect(await refused()).toMatch(/others than you can read or change it: chmod 600 .*sops encrypt --in-place/s);
  });

  it("is refused for all that is wrong with it at once, without a value", async () => {
    write(
      `default:\n  PGHOST: db\nEU:\n  PGHOST: db\neu-2:\n  PGPASWORD: eu-secret\n  PGHOST: [a]\n  HOME: /\nus:\n  PGHOST: db\nxy: eu-secret\n`,
    );
    const message = await refused({ TENANT_PLACEMENT_US_PGUSER: "x", TENANT_PLACEMENT_XY_2_PGUSER: "x" });
    expect(message.split("\n").filter((line) => line.startsWith("  - "))).toEqual([
      "  - default: is the environment's own variables (MINIO_ENDPOINT, PGHOST, …): take it out",
      expect.stringContaining("  - EU: must be the name of a placement"),
      "  - eu-2: PGPASWORD is no setting of servers: did you mean PGPASSWORD?",
      "  - eu-2: PGHOST must be a text",
      expect.stringContaining("  - eu-2: HOME is no setting of servers: known are MINIO_ENDPOINT"),
      "  - us: the environment has TENANT_PLACEMENT_US_PGUSER too: keep one",
      "  - xy: must hold variables, such as PGHOST: db.example",
    ]);
    expect(message).not.toContain("eu-secret");
  });

  it("that is no YAML, or is not there, is refused without a line of it", async () => {
    write(`eu-2:\n  PGPASSWORD: "eu-secret\n  - x: {`);
    expect(await refused()).toMatch(/is no YAML: line \d/);
    expect(await refused()).not.toContain("eu-secret");
    rmSync(file);
    expect(await refused()).toContain("cannot be read");
  });

  it("may be encrypted with SOPS, whoever can read it then", async () => {
    write(`eu-2:\n${yaml(own)}`);
    const env = { PATH: [binDir, process.env["PATH"]].join(delimiter), HOME: folder };
    const key = join(folder, "operator.age");
    execFileSync("age-keygen", ["-o", key], { env, stdio: "ignore" });
    const [, recipient = ""] = /public key: (\S+)/.exec(readFileSync(key, "utf8")) ?? [];
    execFileSync("sops", ["--config", "/dev/null", "encrypt", "--age", recipient, "--in-place", file], { env });
    expect(readFileSync(file, "utf8")).not.toContain("eu-secret");
    chmodSync(file, 0o644);
    expect(await refused(env)).toContain("could not be decrypted");
    expect(await load({ ...env, SOPS_AGE_KEY_FILE: key })).toMatchObject(placed("eu-2", own));
  });
});
