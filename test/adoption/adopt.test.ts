// A tenant that the shell runbook made, with data in every store: taken over as it is, hardened by the next update, removed.
import { readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { events } from "../../providers/clients/audit.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { openSession } from "../../providers/clients/postgresql.ts";
import { readCredentials, type Credentials } from "../../providers/clients/credentials.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { observe } from "../support/observer.ts";
import { platformUp } from "../support/platform.ts";
import { checkout, planned, printed, pulumi, run, type Outcome } from "../support/pulumi.ts";
import { dataOf, fill, makeRunbookTenant, makeSecrets, settingsOf } from "../support/runbook-tenant.ts";
import { SecretScan } from "../support/secret-scan.ts";
import { secretsOf } from "../support/secrets.ts";
import { tenantTool } from "./world.ts";

// The audit log outlives a tenant: an id of its own for each run.
const id = `adopt${Date.now().toString(36)}`;
const names = tenantNames(id);
const file = join(checkout(), "stacks", `Pulumi.${id}.yaml`);
const tenant = (...args: string[]): Promise<Outcome> => tenantTool(args);

let folder: string;
let old: Credentials;
let data: unknown;
let settings: unknown;

/** Each store, with what the application has. */
async function oldCredentialsWork(): Promise<void> {
  const client = await minioClient(servers(), { user: old.minio_access_key, password: old.minio_secret_key });
  expect((await client.statObject(names.bucket, "raw/a.txt")).size).toBe(21);
  const session = { user: names.role, password: old.postgres_password, database: names.database };
  const connection = await openSession(servers().postgresql, session);
  const { rows } = await connection.query("SELECT count(*)::int AS count FROM own.things");
  expect(rows).toEqual([{ count: 500 }]);
  // What the administrator made is still the tenant's to read and write.
  await connection.query("UPDATE public.restored SET text = text");
  await connection.end();
  const redis = { user: names.redisUser, password: old.redis_password };
  expect(await withRedis(servers(), (connected) => connected.get(`${names.keyPrefix}cache:one`), redis)).toBe("1");
}

beforeAll(async () => {
  await platformUp();
  folder = await mkdtemp(join(tmpdir(), "runbook-"));
  old = await makeRunbookTenant(id, folder);
  await fill(names, old);
  [data, settings] = [await dataOf(names), await settingsOf(names)];
});
afterAll(async () => {
  await tenant("deprovision", id, "--confirm", id);
  rmSync(folder, { recursive: true, force: true });
});

describe("before", () => {
  it("looking says what there is, and touches nothing", async () => {
    const { code, stdout } = await tenant("adopt", id, "--secrets", folder, "--dry-run");
    expect(code).toBe(0);
    expect(stdout.split("\n")).toEqual([
      `Tenant ${id} in the stores:`,
      `  MinIO       bucket ${names.bucket}, 6 objects, 100129 bytes`,
      `              user ${names.minioUser}`,
      `              policy ${names.minioPolicy}, attached to the user`,
      `  PostgreSQL  database ${names.database}, owner ${servers().postgresql.user}, 2 tables`,
      `              role ${names.role}`,
      "              pg_hba.conf lets it in from: 127.0.0.0/8",
      `  Qdrant      collection ${names.collection}, 50 points, 4 dimensions, Dot, payload indexes document_id`,
      `  Redis       user ${names.redisUser}`,
      `              3 keys under ${names.keyPrefix}`,
      "Credentials: kept. Only the Qdrant key is new: a token for this collection alone. Load it when it suits you.",
      `Settings for stacks/Pulumi.${id}.yaml: qdrantVectorSize: 4, qdrantDistance: "Dot", ` +
        'qdrantPayloadIndexes: {"document_id":"keyword"}',
      "Nothing was touched.",
      "",
    ]);
    expect(await dataOf(names)).toEqual(data);
    expect(await settingsOf(names)).toEqual(settings);
    expect((await tracesOf(names, servers(), { keys: false })).filter(({ place }) => place === "files")).toEqual([]);
    expect((await pulumi(["stack", "ls", "--json"])).stdout).not.toContain(`"${id}"`);
  });
});

it("secrets that are not the stores' are refused, all at once", async () => {
  const other = join(folder, "other");
  await makeSecrets(id, other);
  const { code, stderr } = await tenant("adopt", id, "--secrets", other);
  rmSync(other, { recursive: true });
  expect(code).toBe(1);
  expect(stderr.split("\n").filter((line) => line.startsWith("  - "))).toEqual([
    "  - minio_secret_key of the secrets file is not the one that MinIO knows",
    "  - postgres_password of the secrets file is not the one that PostgreSQL knows",
    "  - redis_password of the secrets file is not one that Redis knows",
  ]);
  expect(await settingsOf(names)).toEqual(settings);
});

describe("adopted", () => {
  it("nothing of it is changed; its secrets are in no argument, log, or file in the clear", async () => {
    const temporary = await mkdtemp(join(tmpdir(), "adoption-"));
    const observer = await observe(join(temporary, "tmp"), join(temporary, "kept"));
    const { code, stdout, stderr } = await tenant("adopt", id, "--secrets", folder);
    const { commandLines } = await observer.end();
    rmSync(temporary, { recursive: true });
    expect(stderr).not.toContain("error");
    expect(code).toBe(0);
    expect(stdout).toContain(`Tenant ${id} is taken over, and nothing of it was changed. Recorded: TENANT_ADOPTED `);

    expect(await dataOf(names)).toEqual(data);
    expect(await settingsOf(names)).toEqual(settings);
    await oldCredentialsWork();
    // The file's credentials are the old ones, with a token in place of the key that opened nothing.
    const { qdrant_api_key: token, ...now } = await readCredentials(id);
    expect({ ...now, qdrant_api_key: old.qdrant_api_key }).toEqual(old);
    expect(token).toMatch(/^eyJ/);

    const scan = new SecretScan(await secretsOf(id));
    const { stdout: state } = await pulumi(["stack", "export", "--stack", id]);
    const everything = { printed: printed.join(""), arguments: commandLines.join("\n"), state };
    for (const [place, text] of Object.entries(everything)) expect(scan.in(place, text)).toEqual([]);
    expect(scan.inFile(file)).toEqual([]);
    expect(readFileSync(file, "utf8")).toMatch(/adoptedSecrets:\n\s+secure: v1:/);
    expect(readFileSync(file, "utf8")).not.toContain("adopting");
  });

  it("preview shows what hardening changes, and only that", async () => {
    const steps = (await planned(id)).map(({ op, type, diff }) =>
      [op, type, ...(op === "update" ? diff : [])].join(" "),
    );
    expect(steps.sort()).toEqual(
      [
        "update S3Bucket quota",
        "update IamPolicy policy",
        "update IamUser secret",
        ...["exports", "parsed", "raw", "receipts"].map(() => "create S3Object"),
        "update Role connectionLimit idleInTransactionSessionTimeout inherit",
        "create RoleLimits",
        "update Database connectionLimit owner",
        "update DatabaseHardening",
        ...["public", "connect", "schema"].map(() => "create Grant"),
        ...["tables", "sequences"].map(() => "create DefaultPrivileges"),
        "update PgHbaEntry networks",
        "update QdrantCollection strictMode",
        "update RedisAclUser commands",
        "create CredentialsHandover",
        ...["Verification", "Command", "VerificationRecord", "AuditEvent", "RegistryRow"].map(
          (type) => `create ${type}`,
        ),
      ].sort(),
    );
  });

  it("again says that it is done", async () => {
    const { code, stderr } = await tenant("adopt", id);
    expect(code).toBe(1);
    expect(stderr).toContain(
      `it is taken over already. What hardening changes: pulumi preview --stack ${id}; apply it: npm run tenant -- provision ${id}`,
    );
  });
});

describe("hardened", () => {
  it("by the next update: it verifies, its data and credentials are the same", async () => {
    const { code, stdout, stderr } = await tenant("provision", id);
    expect(stderr).not.toContain("failed");
    expect(stdout).toMatch(new RegExp(`Tenant ${id} is isolated: \\d+ checks passed\\.`));
    expect(code).toBe(0);
    expect(await dataOf(names)).toEqual(data);
    expect(await settingsOf(names)).not.toEqual(settings);
    await oldCredentialsWork();
    expect(await planned(id)).toEqual([]);
    const refreshed = await planned(id, ["refresh", "--preview-only"]);
    expect(refreshed.filter(({ diff }) => diff.length > 0)).toEqual([]);
    const recorded = await withPlatform((client) => events(client, id));
    expect(recorded.map(({ event_type }) => event_type)).toEqual(["TENANT_UPDATED", "TENANT_ADOPTED"]);
    expect(recorded[1]?.details["credentials"]).toBe("kept");
  });

  it("is a tenant like every other: registered, not to be adopted or given up, removed with its data on request only", async () => {
    for (const args of [[], ["--give-up"]]) {
      const { code, stderr } = await tenant("adopt", id, ...args);
      expect([code, stderr]).toEqual([1, expect.stringContaining("registered")]);
    }
    const refused = await tenant("deprovision", id);
    expect([refused.code, refused.stderr]).toEqual([
      1,
      expect.stringContaining("6 objects, 2 tables, 50 points, 3 keys"),
    ]);
    expect(await dataOf(names)).toEqual(data);
    const removed = await tenant("deprovision", id, "--confirm", id);
    expect(removed.stderr).not.toContain("could not");
    expect(removed.code).toBe(0);
    expect(await tracesOf(names, servers(), { keys: true })).toEqual([]);
    expect((await run("ls", [folder])).stdout.split("\n")).toEqual(["key.age", "key.pub", "secrets.enc.yaml", ""]);
  });
});
