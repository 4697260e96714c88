// No secret of any tenant or administrator is anywhere but where it belongs, whatever is done with a tenant and however much of it
// is logged. That the scan finds what is there: finds.test.ts.
import { execFileSync } from "node:child_process";
import { lstatSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { platformDatabase } from "../../providers/clients/platform-db.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { secretFiles, secretsDir } from "../../providers/clients/secrets-dir.ts";
import { root } from "../../toolchain/paths.ts";
import { observe, type Observed } from "../support/observer.ts";
import { platformUp } from "../support/platform.ts";
import { checkout, initStack, removeStack, run, setConfig } from "../support/pulumi.ts";
import { filesIn, SecretScan, type Finding, type Secret } from "../support/secret-scan.ts";
import { administrators, everyTenants, secretsOf } from "../support/secrets.ts";
import { redisMemory, tablesOf, watchStatements } from "../support/server-traces.ts";
import * as world from "./world.ts";

const { id, failing, pulumi, tenant, succeeds, fails } = world;
const stores = process.env["TENANT_STORES_DIR"] ?? "";

/** By value, so that what was replaced is looked for too. */
const secrets = new Map<string, Secret>();
const remember = (all: readonly Secret[]) => all.forEach((one) => secrets.set(one.value, one));
let scan: SecretScan;
let observed: Observed;
let statements: string;

const adminRole = `"${process.env["PGUSER"]}"`;
const admin = (sql: string) => withAdmin((client) => client.query(sql));

/** The URNs of the tenant's random passwords. */
async function passwords(): Promise<string[]> {
  const { stdout } = await run("pulumi", ["stack", "export", "--stack", id]);
  const { deployment } = JSON.parse(stdout) as { deployment: { resources: { urn: string }[] } };
  return deployment.resources.map(({ urn }) => urn).filter((urn) => urn.includes("RandomPassword::"));
}

beforeAll(async () => {
  await platformUp();
  world.makeWorld();
  remember([...administrators(), ...world.decoys]);
  await initStack(id, { id, network: ["10.243.0.0/16"] });
  // The server logs what administrators say, as on many servers, also with its error.
  await admin(`ALTER ROLE ${adminRole} SET log_statement = 'all'`);
  await admin(`ALTER ROLE ${adminRole} SET log_min_error_statement = 'error'`);
  const observer = await observe(world.temporary, world.keep);
  const watch = await watchStatements();

  succeeds(await pulumi("preview"));
  succeeds(await pulumi("up"));
  remember(await secretsOf(id));
  // A setting, and every secret, changes.
  await setConfig(id, "qdrantTokenDays", "90");
  const replace = (await passwords()).flatMap((urn) => ["--replace", urn]);
  expect(replace).toHaveLength(2 * 4);
  succeeds(await pulumi("up", replace));
  remember(await secretsOf(id));
  succeeds(await pulumi("refresh"));
  fails(await pulumi("up", ["--refresh"], world.wrongCredentials()));
  fails(await pulumi("up", replace, world.brokenSops()));
  succeeds(await pulumi("up"));
  remember(await secretsOf(id));
  succeeds(await tenant(["verify", id, "--json"]));
  succeeds(await tenant(["verify", id]));
  succeeds(await tenant(["list"]));
  succeeds(await tenant(["provision", id]));
  for (const fault of [world.brokenSops(), world.wrongCredentials()]) {
    fails(await tenant(["provision", failing, "--network", "10.244.0.0/16"], fault));
  }
  fails(await tenant(["deprovision", id, "--confirm", id], world.wrongCredentials()));
  remember(
    await everyTenants((reason) => {
      throw new Error(reason);
    }),
  );
  scan = new SecretScan([...secrets.values()]);
  [observed, statements] = await Promise.all([observer.end(), watch.end()]);
}, 600_000);

afterAll(async () => {
  await admin(`ALTER ROLE ${adminRole} RESET log_statement`);
  await admin(`ALTER ROLE ${adminRole} RESET log_min_error_statement`);
  await run("pulumi", ["destroy", "--stack", id, "--yes", "--skip-preview"], { TENANT_CONFIRM_DESTROY: id });
  for (const stack of [id, failing]) await removeStack(stack);
  rmSync(world.folder, { recursive: true, force: true });
}, 120_000);

const notPlugins = (path: string) => path === join(world.engine, "plugins");

describe("a tenant's life leaves no secret", () => {
  it("in what the engine and the tenant command print at the highest level but one", () => {
    expect(world.printed.size).toBe(14);
    expect([...world.printed].flatMap(([command, text]) => scan.in(command, text))).toEqual([]);
    // They did print: the engine's log, the libraries' log, the failing sops.
    const all = [...world.printed.values()].join("");
    for (const said of ['"v":8', "RegisterResource RPC finished", "HTTP ", "sops ended with 1"])
      expect(all).toContain(said);
  });

  it("in the engine's event logs", () => {
    expect(filesIn(world.events).length).toBeGreaterThan(4);
    expect(scan.inFolder(world.events)).toEqual([]);
  });

  it("in the state, its history and its backups", () => {
    const looked = filesIn(world.backend).filter((file) => file.includes(id));
    for (const kind of ["stacks", "history", "backups"]) expect(looked.join("\n")).toContain(`/.pulumi/${kind}/`);
    expect(looked.some((file) => file.endsWith(".bak"))).toBe(true);
    expect(scan.inFolder(world.backend)).toEqual([]);
  });

  it("in the engine's home: its own logs are encrypted, or hold none", () => {
    expect(filesIn(join(world.engine, "logs")).length).toBeGreaterThan(6);
    expect(scan.inFolder(world.engine, notPlugins)).toEqual([]);
  });

  it("in the arguments of any process; a tenant's is in no environment either", () => {
    expect(scan.in("arguments", observed.commandLines.join("\n"))).toEqual([]);
    for (const seen of ["pulumi up", "sops ", "age-keygen", `cli/tenant.ts verify ${id}`]) {
      expect(
        observed.commandLines.some((line) => line.includes(seen)),
        seen,
      ).toBe(true);
    }
    const administrators =
      /^(MINIO_ROOT_PASSWORD|PGPASSWORD|QDRANT_API_KEY|password in REDIS_URL|stores' secret|wrong )/;
    const found = scan.in("environments", observed.environments.join("\n"));
    expect(found.filter(({ secret }) => !administrators.test(secret))).toEqual([]);
    expect(found).not.toEqual([]);
  });

  it("in temporary files, also those that were removed, nor in the home folder", () => {
    expect(filesIn(world.temporary)).toEqual([]);
    expect(filesIn(world.keep).length).toBeGreaterThan(0);
    expect(scan.inFolder(world.keep)).toEqual([]);
    expect(scan.inFolder(world.home)).toEqual([]);
  });

  it("in kept events", () => {
    expect(filesIn(world.outbox).length).toBeGreaterThan(0);
    expect(scan.inFolder(world.outbox)).toEqual([]);
  });

  it("in the platform's database: audit log, registry, reports, reservations", async () => {
    const tables = await tablesOf(platformDatabase);
    const ours = [...tables].filter(([, rows]) => rows.includes(id)).map(([name]) => name.split(".")[1]);
    expect(ours).toEqual(expect.arrayContaining(["audit_events", "tenants", "reservations"]));
    expect([...tables].flatMap(([name, rows]) => scan.in(name, rows))).toEqual([]);
  });

  it("in the servers' logs and memories, also where every statement is logged", async () => {
    const logs = filesIn(join(stores, "logs"));
    expect(logs.map((file) => basename(file))).toEqual(
      expect.arrayContaining(["minio.log", "postgresql.log", "qdrant.log", "redis.log"]),
    );
    expect(scan.inFolder(join(stores, "logs"))).toEqual([]);
    expect(statements).toContain("SELECT");
    expect(scan.in("statements", statements)).toEqual([]);
    expect(scan.in("redis", await redisMemory())).toEqual([]);
  });

  it("in the program's folder, the repository's files and their changes", () => {
    expect(scan.inFolder(checkout())).toEqual([]);
    const git = (...args: string[]) => execFileSync("git", args, { cwd: root, maxBuffer: 1 << 28, encoding: "buffer" });
    const tracked = git("ls-files", "-z")
      .toString()
      .split("\0")
      .filter((file) => file !== "");
    expect(tracked).toContain("stacks/index.ts");
    expect(tracked.flatMap((file) => scanIfThere(join(root, file)))).toEqual([]);
    expect(scan.in("git diff", git("diff", "HEAD"))).toEqual([]);
  });
});

function scanIfThere(file: string): Finding[] {
  return lstatSync(file, { throwIfNoEntry: false })?.isFile() ? scan.inFile(file) : [];
}

describe("where a secret belongs", () => {
  const where = (all: readonly Finding[], from: string) =>
    all.map(({ place, secret, form }) => `${place.slice(from.length + 1)}: ${secret}, ${form}`).sort();

  it("a tenant's folder holds its private key in one file; everything else in it is encrypted", () => {
    expect(where(scan.inFolder(secretFiles(id).folder), secretFiles(id).folder)).toEqual([
      `key.age: age key of ${id}, as it is`,
    ]);
    const elsewhere = scan.inFolder(secretsDir()).filter(({ place }) => basename(place) !== "key.age");
    expect(elsewhere).toEqual([]);
  });

  it("the stores' data hold of a tenant only the hash of its Redis password, in the file of users", () => {
    const found = scan.inFolder(stores, (path) => path === world.backend || path === join(stores, "logs"));
    const ours = found.filter(({ secret }) => secret.endsWith(` of ${id}`));
    expect(where(ours, stores)).toEqual([`redis/users.acl: redis_password of ${id}, SHA-256`]);
    const administrators = found
      .filter(({ form }) => form === "as it is")
      .map(({ place }) => place.slice(stores.length + 1));
    expect([...new Set(administrators)].sort()).toEqual(["credentials.json", "pulumi-passphrase"]);
  });

  it("only the command that is for it prints a tenant's", async () => {
    const { stdout } = await world.loose(process.execPath, ["cli/tenant.ts", "credentials", id]);
    const found = scan.in("credentials", stdout).map(({ secret }) => secret);
    const named = ["minio_secret_key", "postgres_password", "qdrant_api_key", "redis_password", "tenant_api_key"];
    expect(found.sort()).toEqual(expect.arrayContaining(named.map((name) => `${name} of ${id}`)));
    expect(found.filter((name) => !name.endsWith(` of ${id}`))).toEqual([]);
  });
});

describe("who may read it, where everybody may read what does not say otherwise (umask 000)", () => {
  const openToOthers = (file: string) => (lstatSync(file).mode & 0o077) !== 0;

  it("secrets, kept events and state are their owner's alone", () => {
    const { folder, key, encrypted, publicKey } = secretFiles(id);
    expect([folder, key, encrypted].filter(openToOthers)).toEqual([]);
    expect(lstatSync(publicKey).mode & 0o777).toBe(0o644);
    expect([world.outbox, ...filesIn(world.outbox)].filter(openToOthers)).toEqual([]);
    // Files in it have the engine's own mode; nobody else can enter.
    expect([world.backend, join(world.engine, "logs")].filter(openToOthers)).toEqual([]);
    expect(
      filesIn(world.keep)
        .filter((file) => file.endsWith("key.age"))
        .filter(openToOthers),
    ).toEqual([]);
  });
});

describe("what the engine itself tells when it is asked to", () => {
  it("-v=9 prints secrets, and by one message only: the values it passes to plugins", async () => {
    const args = ["preview", "--stack", id, "--logtostderr", "-v=9", "--logflow", "--debug", "--non-interactive"];
    const told = await world.loose("pulumi", args);
    succeeds(told);
    const { stdout, stderr } = told;
    expect(scan.in("stdout", stdout)).toEqual([]);
    const telling = stderr.split("\n").filter((line) => scan.in("stderr", line).length > 0);
    expect(telling.length).toBeGreaterThan(0);
    expect(telling.filter((line) => !/"msg":"(M|Unm)arshaling property for RPC\[/.test(line)).length).toBe(0);
  });

  it("PULUMI_DEBUG_GRPC writes them to a file that only its owner can read", async () => {
    const file = join(world.folder, "grpc.json");
    succeeds(await world.loose("pulumi", ["preview", "--stack", id, "--non-interactive"], { PULUMI_DEBUG_GRPC: file }));
    expect(scan.inFile(file)).not.toEqual([]);
    expect(lstatSync(file).mode & 0o777).toBe(0o600);
  });
});
