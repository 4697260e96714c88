// What is handed over opens the stores: for the stores' own command line clients, for a program run by `tenant exec`, and for
// applications as README.md shows them.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { connection, type Connection } from "../../cli/connection.ts";
import { formatted, type Format } from "../../cli/handover/formats.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { servers } from "../../providers/clients/servers.ts";
import { root } from "../../toolchain/paths.ts";
import { deployed } from "../support/deployed.ts";
import { checkout, run, type Outcome } from "../support/pulumi.ts";
import { testTls } from "../support/tls.ts";
import { pythonWithClients } from "./python.ts";

const id = "attacker";
const folder = mkdtempSync(join(tmpdir(), "handover-"));
let found: Connection;

beforeAll(async () => {
  await deployed(id);
  found = await connection(id);
}, 400_000);
afterAll(async () => {
  rmSync(folder, { recursive: true });
  // The tenant is other tests' too.
  const { minio, qdrant } = found;
  const objects = await minioClient(servers(), { user: minio.access_key, password: minio.secret_key });
  await objects.removeObjects(minio.bucket, ["raw/hello.txt", "raw/hello.py"]);
  await withAdmin((client) => client.query("DROP TABLE IF EXISTS hello"), found.postgresql.database);
  const vectors = await qdrantClient(servers(), qdrant.api_key, servers().qdrant.tenantUrl);
  await vectors.delete(qdrant.collection, { points: [1, 2], wait: true });
});

const tenant = (...args: string[]): Promise<Outcome> => run(process.execPath, ["cli/tenant.ts", ...args]);

/** Debian packages of the clients that are missing; installed where root runs the tests. */
const packages: Readonly<Record<string, string>> = {
  psql: "postgresql-client",
  "redis-cli": "redis-tools",
  s3cmd: "s3cmd",
  rclone: "rclone",
};

async function has(program: string): Promise<boolean> {
  const there = async () => (await run("sh", ["-c", `command -v ${program}`])).code === 0;
  if (await there()) return true;
  if (process.getuid?.() !== 0) return false;
  const install = [
    "install",
    "--yes",
    "--no-install-recommends",
    "-o",
    "DPkg::Lock::Timeout=300",
    packages[program] ?? "",
  ];
  const env = { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" };
  if ((await run("apt-get", install, env)).code !== 0) {
    await run("apt-get", ["update"], env);
    await run("apt-get", install, env);
  }
  return there();
}

async function file(format: Format): Promise<string> {
  const path = join(folder, format);
  writeFileSync(path, await formatted(found, format), { mode: 0o600 });
  return path;
}

/** Runs a client with no other knowledge of the stores than its file. */
function alone(program: string, args: readonly string[], env: Record<string, string> = {}): string {
  const own = { PATH: process.env["PATH"] ?? "", HOME: folder, ...env };
  return execFileSync(program, args, { env: own, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}

describe("a client with its file alone", () => {
  it("psql", async ({ skip }) => {
    if (!(await has("psql"))) skip("psql is not installed");
    const said = alone("psql", ["service=tenant_attacker", "-At", "-c", "SELECT current_user, current_database()"], {
      PGSERVICEFILE: await file("psql"),
    });
    expect(said).toBe("tenant_attacker_user|tenant_attacker\n");
  });

  it("redis-cli", async ({ skip }) => {
    if (!(await has("redis-cli"))) skip("redis-cli is not installed");
    const script = await file("redis");
    expect(alone("sh", [script, "SET", "tenant:attacker:cache:handed", "a b"])).toBe("OK\n");
    expect(alone("sh", [script, "GET", "tenant:attacker:cache:handed"])).toBe("a b\n");
    expect(alone("sh", [script, "DEL", "tenant:attacker:cache:handed"])).toBe("1\n");
    expect(alone("sh", [script, "GET", "tenant:victim:cache:handed"])).toContain("NOPERM");
  });

  it("s3cmd", async ({ skip }) => {
    if (!(await has("s3cmd"))) skip("s3cmd is not installed");
    const s3cmd = (...args: string[]) => alone("s3cmd", ["-c", join(folder, "s3cfg"), ...args]);
    writeFileSync(join(folder, "object"), "handed over");
    await file("s3cfg");
    s3cmd("put", join(folder, "object"), "s3://tenant-attacker-bucket/raw/s3cmd");
    expect(s3cmd("get", "--no-progress", "s3://tenant-attacker-bucket/raw/s3cmd", "-")).toContain("handed over");
    s3cmd("del", "s3://tenant-attacker-bucket/raw/s3cmd");
    expect(() => s3cmd("ls", "s3://tenant-victim-bucket")).toThrow(/AccessDenied|403/);
  });

  it("rclone", async ({ skip }) => {
    if (!(await has("rclone"))) skip("rclone is not installed");
    const config = await file("rclone");
    const authority = found.ca_file === undefined ? [] : ["--ca-cert", found.ca_file];
    const rclone = (...args: string[]) =>
      alone("rclone", ["--config", config, "--retries", "1", ...authority, ...args]);
    writeFileSync(join(folder, "object"), "handed over");
    rclone("copyto", join(folder, "object"), "tenant-attacker:tenant-attacker-bucket/raw/rclone");
    expect(rclone("cat", "tenant-attacker:tenant-attacker-bucket/raw/rclone")).toBe("handed over");
    rclone("deletefile", "tenant-attacker:tenant-attacker-bucket/raw/rclone");
    expect(() => rclone("lsf", "tenant-attacker:tenant-victim-bucket")).toThrow(/AccessDenied|403/);
  });
});

describe("tenant credentials", () => {
  it("writes a file for psql that works, once", async () => {
    const path = join(folder, "written");
    const first = await tenant("credentials", id, "--format", "psql", "--write", path);
    expect([first.code, first.stdout]).toEqual([0, ""]);
    expect(first.stderr).toContain(`Wrote ${path}`);
    expect(readFileSync(path, "utf8")).toBe(await formatted(found, "psql"));
    const second = await tenant("credentials", id, "--format", "psql", "--write", path);
    expect([second.code, second.stdout]).toEqual([1, ""]);
    expect(second.stderr).toContain("Replace it with --overwrite");
  });

  it("refuses every option that would do nothing", async () => {
    const { code, stderr, stdout } = await tenant(
      "credentials",
      id,
      "--overwrite",
      "--namespace",
      "a",
      "--remote-key",
      "b",
    );
    expect([code, stdout]).toEqual([1, ""]);
    for (const option of ["--overwrite", "--namespace", "--remote-key"])
      expect(stderr).toContain(`  - ${option}: is for`);
  });
});

describe("tenant exec", () => {
  it("gives a program the tenant's credentials, standard input, and what follows -- as it is", async () => {
    const script = `printf '%s|%s|%s\\n' "$PGUSER" "$AWS_ACCESS_KEY_ID" "$*"; cat`;
    const child = spawn(
      process.execPath,
      ["cli/tenant.ts", "exec", id, "--", "sh", "-c", script, "sh", "--help", "--debug"],
      {
        cwd: checkout(),
        stdio: ["pipe", "pipe", "inherit"],
      },
    );
    child.stdin.end("typed");
    let said = "";
    for await (const chunk of child.stdout.setEncoding("utf8")) said += String(chunk);
    expect(said).toBe("tenant_attacker_user|tenant-attacker-access|--help --debug\ntyped");
  });

  it("… and nothing of the administrator's", async () => {
    const { stdout, code } = await tenant("exec", id, "--", "env");
    expect(code).toBe(0);
    const admin = ["MINIO_ROOT_PASSWORD", "PGPASSWORD", "QDRANT_API_KEY", "REDIS_URL", "PULUMI_CONFIG_PASSPHRASE_FILE"];
    for (const name of admin) expect(stdout).not.toContain(process.env[name] ?? "nothing");
    expect(stdout).not.toMatch(/^(PULUMI|TENANT_SECRETS|TENANT_AUDIT|MINIO_ROOT)/m);
    expect(stdout).toContain(`PGPASSWORD=${found.postgresql.password}\n`);
  });

  it("ends as the program ends", async () => {
    const { code } = await tenant("exec", id, "--", "sh", "-c", "exit 7");
    expect(code).toBe(7);
  });

  it("says that there is no such program", async () => {
    const { code, stderr } = await tenant("exec", id, "--", "no-such-program");
    expect(code).toBe(127);
    expect(stderr).toContain(
      "no-such-program could not be started: there is no such program on PATH\nCode: program-missing",
    );
  });

  it("passes a signal on, and ends by it", async () => {
    const command = ["cli/tenant.ts", "exec", id, "--", "sh", "-c", "echo ready; exec sleep 600"];
    const child = spawn(process.execPath, command, { cwd: checkout(), stdio: ["ignore", "pipe", "inherit"] });
    const ended = new Promise((done) => child.on("exit", (...how) => done(how)));
    await new Promise((ready) => child.stdout.once("data", ready));
    child.kill("SIGTERM");
    expect(await ended).toEqual([null, "SIGTERM"]);
  }, 30_000);
});

describe("an application as README.md shows it", () => {
  const readme = readFileSync(join(root, "README.md"), "utf8");
  const authority = (name: string) => (found.ca_file === undefined ? [] : ["env", `${name}=${found.ca_file}`]);

  it.each(["connect.ts", "connect.py"])("is %s", (name) => {
    expect(readme).toContain(readFileSync(join(root, "examples/applications", name), "utf8"));
  });

  it("in TypeScript", async () => {
    const program = [process.execPath, join(root, "examples/applications/connect.ts")];
    const { stdout, all } = await tenant("exec", id, "--", ...authority("NODE_EXTRA_CA_CERTS"), ...program);
    expect(stdout, all).toBe("connected to four stores\n");
  });

  it("in Python", async ({ skip }) => {
    const python = await pythonWithClients();
    if (python === undefined) skip("python3 (with venv) is not installed");
    const program = [python ?? "", join(root, "examples/applications/connect.py")];
    const { stdout, all } = await tenant("exec", id, "--", ...authority("SSL_CERT_FILE"), ...program);
    expect(stdout, all).toBe("connected to four stores\n");
  }, 400_000);

  it("knows the stores' TLS", () => {
    expect(found.ca_file !== undefined).toBe(testTls());
  });
});
