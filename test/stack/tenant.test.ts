// One tenant by plain `pulumi`, from the first preview to the last trace, on the real engine and the real stores.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { events } from "../../providers/clients/audit.ts";
import { deletionOf } from "../../providers/clients/deletion.ts";
import { decryptCredentials, type Credentials } from "../../providers/clients/credentials.ts";
import { editHba, readHba } from "../../providers/clients/hba-file.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { openSession, withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient, tokenStateCollection } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { getTenant } from "../../providers/clients/registry.ts";
import { latestReport } from "../../providers/clients/reports.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { trusting } from "../../providers/clients/tls.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { root } from "../../toolchain/paths.ts";
import { platformUp } from "../support/platform.ts";
import { initStack, planned, printed, pulumi, removeStack, setConfig } from "../support/pulumi.ts";
import { filesIn, SecretScan } from "../support/secret-scan.ts";
import { administrators, secretsOf } from "../support/secrets.ts";
import { testTls } from "../support/tls.ts";

// The audit log outlives a tenant: an id of its own for each run.
const id = `stack${Date.now().toString(36)}`;
const names = tenantNames(id);
const traces = () => tracesOf(names, servers(), { keys: true });
const credentials = async (): Promise<Credentials> =>
  decryptCredentials(readFileSync(secretFiles(id).encrypted, "utf8"), secretFiles(id).key);
const sql = (text: string, database = "postgres") => withAdmin((client) => client.query(text), database);

beforeAll(async () => {
  await platformUp();
  await initStack(id, { id, network: ["10.77.0.0/16"] });
});
afterAll(async () => {
  await pulumi(["destroy", "--stack", id, "--yes"], { TENANT_CONFIRM_DESTROY: id });
  await removeStack(id);
});

describe("before anything exists", () => {
  it("preview shows the tenant's full diff and touches nothing", async () => {
    const steps = await planned(id);
    expect(new Set(steps.map(({ op }) => op))).toEqual(new Set(["create"]));
    const types = steps.map(({ type }) => type);
    for (const type of [
      ...["Role", "RoleLogin", "RoleLimits", "Database", "DatabaseHardening", "Grant", "DefaultPrivileges"],
      ...["PgHbaEntry", "QdrantCollection", "QdrantToken"],
      ...["S3Bucket", "IamUser", "IamPolicy", "IamUserPolicyAttachment", "S3Object", "BucketEncryption"],
      ...["RedisAclUser", "AgeKey", "SopsFile", "RandomPassword", "Command", "VerificationRecord", "AuditEvent"],
      ...["RegistryRow", "Reservation", "DataGuard"],
    ]) {
      expect(types).toContain(type);
    }
    expect(await traces()).toEqual([]);
    expect(await withPlatform((client) => events(client, id))).toEqual([]);
  });

  it("refuses a configuration with every problem at once", async () => {
    await setConfig(id, "octet", "256");
    await setConfig(id, "sice", "4");
    await setConfig(id, "network[0]", "10.77.0.1/16", "--path");
    const { code, all } = await pulumi(["up", "--stack", id, "--yes"]);
    await setConfig(id, "network[0]", "10.77.0.0/16", "--path");
    for (const key of ["octet", "sice"]) await pulumi(["config", "rm", "--stack", id, key]);
    expect(code).not.toBe(0);
    expect(all).toContain("write 10.77.0.0/16");
    expect(all).toContain("octet");
    expect(all).toContain("sice: no such setting");
    expect(await traces()).toEqual([]);
  });
});

describe("up", () => {
  beforeAll(async () => {
    const { code, all } = await pulumi(["up", "--stack", id, "--yes"]);
    expect(all).not.toContain("error:");
    expect(code).toBe(0);
  });

  it("registers, records and reports the tenant", async () => {
    await withPlatform(async (client) => {
      const row = await getTenant(client, id);
      expect(row).toMatchObject({
        status: "active",
        networks: ["10.77.0.0/16"],
        credentials_ref: `${id}/secrets.enc.yaml`,
      });
      const report = (await latestReport(client, id))?.report;
      expect(report).toMatchObject({ tenant_id: id, overall_pass: true });
      const [event, ...earlier] = await events(client, id);
      expect(earlier).toEqual([]);
      expect(event).toMatchObject({
        event_type: "TENANT_PROVISIONED",
        resource_type: "tenant",
        resource_id: id,
        previous_event_id: null,
        details: {
          component: "provisioning-orchestrator",
          status: "success",
          stores_verified: ["minio", "postgresql", "qdrant", "redis"],
        },
      });
    });
  });

  it("keeps no secret in the clear in state, history, backups, outputs or log", async () => {
    const scan = new SecretScan([...administrators(), ...(await secretsOf(id))]);
    const exported = await pulumi(["stack", "export", "--stack", id]);
    const outputs = await pulumi(["stack", "output", "--stack", id, "--json"]);
    const backend = fileURLToPath((process.env["PULUMI_BACKEND_URL"] ?? "").split("?")[0] ?? "");
    expect(scan.in("log", printed.join("\n"))).toEqual([]);
    expect(scan.in("export", exported.stdout)).toEqual([]);
    expect(scan.in("outputs", outputs.stdout)).toEqual([]);
    // Nor where the checkout is.
    expect(exported.stdout).not.toContain(root);
    expect(filesIn(backend)).not.toEqual([]);
    expect(scan.inFolder(backend)).toEqual([]);
  });

  it("a second up changes nothing", async () => {
    expect(await planned(id)).toEqual([]);
    const { code, stdout } = await pulumi(["up", "--stack", id, "--yes"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/\d+ unchanged/);
    expect(stdout).not.toMatch(/\d+ (created|updated|deleted|replaced)/);
  });

  it("an edit of one setting shows what it changes and no more", async () => {
    await setConfig(id, "allowDestroy", "true");
    expect((await planned(id)).map(({ type, diff }) => [type, diff])).toEqual([["DataGuard", ["allowDestroy"]]]);
    await setConfig(id, "allowDestroy", "false");
    expect(await planned(id)).toEqual([]);
    await setConfig(id, "postgresqlConnectionLimit", "15");
    const steps = await planned(id);
    const proof = ["Command", "VerificationRecord", "AuditEvent", "RegistryRow"];
    const changed = [...new Set(steps.map(({ type }) => type))].filter((type) => !proof.includes(type));
    expect(changed.sort()).toEqual(["Database", "Role"]);
    const { code, all } = await pulumi(["up", "--stack", id, "--yes"]);
    expect(all).not.toContain("error:");
    expect(code).toBe(0);
    expect(await planned(id)).toEqual([]);
    expect((await withPlatform((client) => events(client, id)))[0]?.event_type).toBe("TENANT_UPDATED");
  });
});

describe("refresh", () => {
  const outside: readonly (readonly [type: string, change: () => Promise<unknown>])[] = [
    ["BucketEncryption", async () => (await minioClient(servers())).removeBucketEncryption(names.bucket)],
    [
      "PgHbaEntry",
      () =>
        withAdmin((client) =>
          editHba(client, (text) => text.replaceAll(` ${names.role} 10.77`, ` ${names.role} 10.66`)),
        ),
    ],
    ["RoleLimits", () => sql(`ALTER ROLE ${names.role} RESET temp_file_limit`)],
    ["RoleLogin", () => sql(`ALTER ROLE ${names.role} NOLOGIN`)],
    ["CredentialsHandover", () => sql(`ALTER ROLE ${names.role} PASSWORD 'another'`)],
    ["DatabaseHardening", () => sql("GRANT SELECT ON pg_stat_activity TO PUBLIC", names.database)],
    [
      "QdrantCollection",
      async () =>
        (await qdrantClient(servers())).updateCollection(names.collection, {
          strict_mode_config: { max_query_limit: 3 },
        }),
    ],
    [
      "QdrantAccess",
      async () =>
        (await qdrantClient(servers())).delete(tokenStateCollection, {
          wait: true,
          filter: { must: [{ key: "tenant", match: { value: id } }] },
        }),
    ],
    [
      "RedisAclUser",
      () => withRedis(servers(), (client) => client.call("ACL", "SETUSER", names.redisUser, "+keys", "allkeys")),
    ],
    ["SopsFile", async () => writeFileSync(secretFiles(id).encrypted, "broken: true\n")],
    [
      "RegistryRow",
      () => sql(`UPDATE public.tenants SET networks = '{10.1.0.0/16}' WHERE tenant_id = '${id}'`, "platform"),
    ],
    [
      "Reservation",
      () => sql(`UPDATE public.reservation_networks SET network = '10.2.0.0/16' WHERE tenant_id = '${id}'`, "platform"),
    ],
    ["AgeKey", async () => writeFileSync(secretFiles(id).publicKey, "age1wrong\n")],
  ];

  it("sees an outside change to each of our resources, and the next up repairs all of them", async () => {
    for (const [, change] of outside) await change();
    const refreshed = await pulumi(["refresh", "--stack", id, "--yes"]);
    expect(refreshed.code, refreshed.all).toBe(0);
    const steps = await planned(id);
    for (const [type] of outside)
      expect(
        steps.map((step) => step.type),
        type,
      ).toContain(type);
    const { code, all } = await pulumi(["up", "--stack", id, "--yes"]);
    expect(all).not.toContain("error:");
    expect(code).toBe(0);
    await pulumi(["refresh", "--stack", id, "--yes"]);
    expect(await planned(id)).toEqual([]);
    expect(Object.keys(await credentials())).toHaveLength(6);
  });
});

describe("destroy", () => {
  it("refuses while the tenant holds data, says how much, and deletes nothing", async () => {
    const all = servers();
    await (await minioClient(all)).putObject(names.bucket, "raw/one.txt", "one");
    await withRedis(all, (client) => client.set(`${names.keyPrefix}cache:one`, "1"));
    const before = await traces();
    const { code, all: output } = await pulumi(["destroy", "--stack", id, "--yes"]);
    expect(code).not.toBe(0);
    expect(output).toContain("1 objects, 0 tables, 0 points, 1 keys would be deleted. Nothing was deleted.");
    expect(output).toContain(`npm run tenant -- deprovision ${id} --confirm ${id}`);
    expect(await traces()).toEqual(before);
    expect(await planned(id)).toEqual([]);
  });

  it("with allowDestroy leaves no trace, also with active connections", async () => {
    const { postgresql } = servers();
    const { postgres_password: password, redis_password } = await credentials();
    const session = await openSession(postgresql, { user: names.role, password, database: names.database });
    await session.query("CREATE TABLE own (id int)");
    const { Redis } = await import("ioredis");
    const redis = new Redis({
      host: servers().redis.url.hostname,
      port: Number(servers().redis.url.port),
      username: names.redisUser,
      password: redis_password,
      ...(testTls() ? { tls: trusting(servers().redis.ca) } : {}),
      enableReadyCheck: false,
      retryStrategy: () => null,
    });
    redis.on("error", () => undefined);
    await redis.set(`${names.keyPrefix}cache:two`, "2");
    await setConfig(id, "allowDestroy", "true");
    const { code, all } = await pulumi(["destroy", "--stack", id, "--yes"]);
    expect(all).not.toContain("error:");
    expect(code).toBe(0);
    await session.end().catch(() => undefined);
    redis.disconnect();

    expect(await traces()).toEqual([]);
    expect(await withAdmin(readHba)).not.toContain(names.role);
    const accounts = await withRedis(servers(), (client) => client.call("ACL", "LIST"));
    expect(String(accounts)).not.toContain(names.redisUser);
    await withPlatform(async (client) => {
      expect(await getTenant(client, id)).toBeUndefined();
      const found = await events(client, id);
      expect(found.map(({ event_type }) => event_type)).toEqual(
        expect.arrayContaining(["TENANT_DEPROVISIONED", "TENANT_DEPROVISIONING", "TENANT_PROVISIONED"]),
      );
      expect(found[0]?.event_type).toBe("TENANT_DEPROVISIONED");
      expect(await deletionOf(client, id)).toMatchObject({
        report: { stack: id, begun: { deleted: { objects: 1, tables: 1, points: 0 } } },
        event: { event_id: found[0]?.event_id },
        unchanged: true,
        state: undefined,
      });
      // Each event is linked to the one before it.
      expect(found.slice(0, -1).map((event) => event.previous_event_id)).toEqual(
        found.slice(1).map((event) => event.event_id),
      );
    });
  });
});
