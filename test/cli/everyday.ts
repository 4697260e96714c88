// A tenant's life, from the first provision to the last trace.
import { execFileSync } from "node:child_process";
import { hostname, userInfo } from "node:os";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";
import { tenantNames } from "../../components/names.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { openSession } from "../../providers/clients/postgresql.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { readAuthority, trusting } from "../../providers/clients/tls.ts";
import type { Report } from "../../cli/verify/report.ts";
import {
  editStackFile,
  eventsOf,
  everything,
  pulumi,
  remains,
  secretsFolder,
  signalChild,
  sql,
  stackFile,
  startTenant,
  tenant,
} from "./world.ts";
import { isFile, until } from "./faults.ts";
import { testTls } from "../support/tls.ts";

export function everydayTests(): void {
  describe("a tenant's life", () => {
    const id = "everyday";
    const names = tenantNames(id);

    it("is provisioned and verified", async () => {
      await pulumi(["stack", "select", "platform"]);
      const { code, stdout, stderr } = await tenant(["provision", id, "--octet", "80", "--json"]);
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        tenant_id: id,
        outcome: "provisioned",
        verification: { tenant_id: id, overall_pass: true },
      });
      expect(stderr).toMatch(/1 age key\n[^]*4 MinIO\n[^]*8 verification\n[^]*9 registry\n/);
      // pulumi puts quotes around numbers when it writes the file.
      expect(stackFile(id)?.config).toEqual({ "tenant-storage:id": id, "tenant-storage:octet": "80" });
      expect((await eventsOf(id)).map(({ event_type }) => event_type)).toEqual(["TENANT_PROVISIONED"]);
      // Which stack the operator works on is the operator's choice.
      expect((await pulumi(["stack", "--show-name"])).stdout.trim()).toBe("platform");
    });

    it("a second time changes nothing and says so", async () => {
      const before = await everything();
      const { code, stdout } = await tenant(["provision", id]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Tenant ${id} was up to date: nothing changed.`);
      expect(await everything()).toEqual(before);
    });

    it("keeps the file's other settings and comments", async () => {
      const more = "  # for the nightly job\n  tenant-storage:postgresqlConnectionLimit: 15\n";
      editStackFile(id, (text) => text.replace("config:\n", `config:\n${more}`));
      const { code, stdout, stderr } = await tenant(["provision", id, "--octet", "80", "--json"]);
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ outcome: "updated" });
      expect(stackFile(id)?.config["tenant-storage:postgresqlConnectionLimit"]).toBe(15);
      editStackFile(id, (text) => {
        expect(text).toContain("# for the nightly job");
        return text;
      });
    });

    it("is listed", async () => {
      const { code, stdout } = await tenant(["list", "--json"]);
      expect(code).toBe(0);
      const listed = JSON.parse(stdout) as unknown[];
      expect(listed).toContainEqual(expect.objectContaining({ id, status: "active", networks: ["10.80.0.0/16"] }));
      expect((await tenant(["list"])).stdout).toMatch(new RegExp(`│ ${id} +│ active +│ +│ 10.80.0.0/16 +│ \\d{4}-`));
    });

    it("gives its application credentials that work, in three formats", async () => {
      const asEnv = await tenant(["credentials", id]);
      const asJson = await tenant(["credentials", id, "--format", "json"]);
      const asYaml = await tenant(["credentials", id, "--format", "yaml"]);
      expect([asEnv.code, asJson.code, asYaml.code]).toEqual([0, 0, 0]);
      expect(parse(asYaml.stdout)).toEqual(JSON.parse(asJson.stdout));
      // As a shell understands it.
      const script = `${asEnv.stdout}\nexec env`;
      const text = execFileSync("sh", ["-s"], { input: script, env: { PATH: process.env["PATH"] }, encoding: "utf8" });
      const lines = text
        .split("\n")
        .map((line): [string, string] => [line.split("=")[0] ?? "", line.slice(line.indexOf("=") + 1)]);
      const env: Record<string, string> = Object.fromEntries(lines);
      expect(env).toMatchObject({ TENANT_ID: id, PGDATABASE: names.database, REDIS_KEY_PREFIX: names.keyPrefix });

      // With TLS also what verifies the servers.
      const ca = testTls() ? readAuthority("TENANT_CA_FILE", env["TENANT_CA_FILE"] ?? "") : undefined;
      expect(env["PGSSLROOTCERT"]).toBe(ca?.file);
      const session = await openSession(
        {
          host: env["PGHOST"] ?? "",
          port: Number(env["PGPORT"]),
          sslMode: env["PGSSLMODE"] ?? "",
          ...(ca === undefined ? {} : { ca }),
        },
        { user: env["PGUSER"] ?? "", password: env["PGPASSWORD"] ?? "", database: env["PGDATABASE"] ?? "" },
      );
      await session.query("CREATE TABLE own (id int)");
      await session.end();
      const { Redis } = await import("ioredis");
      const redis = new Redis(env["REDIS_URL"] ?? "", {
        enableReadyCheck: false,
        ...(ca === undefined ? {} : { tls: trusting(ca) }),
      });
      await redis.set(`${env["REDIS_KEY_PREFIX"]}cache:one`, "1");
      redis.disconnect();
      const client = await minioClient(servers(), {
        user: env["MINIO_ACCESS_KEY"] ?? "",
        password: env["MINIO_SECRET_KEY"] ?? "",
      });
      await client.putObject(env["MINIO_BUCKET"] ?? "", "raw/one.txt", "one");
      const qdrant = { ...servers().qdrant, url: new URL(env["QDRANT_URL"] ?? "") };
      const points = await qdrantClient({ qdrant }, env["QDRANT_API_KEY"]);
      expect(await points.count(env["QDRANT_COLLECTION"] ?? "")).toEqual({ count: expect.any(Number) as number });
    });

    it("is verified on demand: a table or the plan's JSON", async () => {
      const table = await tenant(["verify", id]);
      expect(table.code).toBe(0);
      expect(table.stdout).toContain(`Tenant ${id} is isolated`);
      const { code, stdout, stderr } = await tenant(["verify", id, "--json"]);
      expect(code).toBe(0);
      expect(stderr).toBe("");
      const report = JSON.parse(stdout) as Report;
      expect(report).toMatchObject({ tenant_id: id, overall_pass: true });
      expect(report.checks).toContainEqual(
        expect.objectContaining({ store: "minio", test: "cross_tenant_access", result: "DENIED" }),
      );
    });

    it("a leak makes verify fail, and says which", async () => {
      await sql(`GRANT pg_read_all_data TO ${names.role}`);
      const { code, stdout, stderr } = await tenant(["verify", id, "--json"]);
      await sql(`REVOKE pg_read_all_data FROM ${names.role}`);
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ overall_pass: false });
      expect(stderr).toMatch(/^postgresql role_confined: FAILED \(expected OK\)/);
    });

    it("another run on it is not disturbed", async () => {
      const first = startTenant(["provision", "twice", "--network", "10.81.0.0/16"]);
      await until(() => isFile(`${secretsFolder("twice")}/key.age`));
      const pulumi = signalChild(first.pid, "pulumi", "SIGSTOP");
      const second = await tenant(["provision", "twice"]);
      signalChild(first.pid, "pulumi", "SIGCONT");
      expect(second.code).toBe(1);
      const who = `${userInfo().username} on ${hostname()}, process ${pulumi}, since ${new Date().getFullYear()}-`;
      expect(second.stderr).toContain(`tenant: Another run works on tenant twice (${who}`);
      expect((await first.ended).code).toBe(0);
      expect((await tenant(["verify", "twice"])).code).toBe(0);
    });

    it("holding data, it is not removed without being told so", async () => {
      const before = await everything();
      for (const more of [[], ["--confirm", "everydya"]]) {
        const { code, stdout, stderr } = await tenant(["deprovision", id, ...more]);
        expect(code).toBe(1);
        expect(stdout).toBe("");
        expect(stderr).toContain("Nothing was deleted.");
        expect(stderr).toContain(`--confirm ${id}`);
        if (more.length === 0) expect(stderr).toContain("1 objects, 1 tables, 0 points, 1 keys would be deleted");
      }
      expect(await everything()).toEqual(before);
    });

    it("confirmed, it is gone from everywhere, also with its tenant connected", async () => {
      const { stdout: json } = await tenant(["credentials", id, "--json"]);
      const { postgresql } = JSON.parse(json) as { postgresql: { user: string; password: string; database: string } };
      const session = await openSession(servers().postgresql, postgresql);
      const { code, stdout, stderr } = await tenant(["deprovision", id, "--confirm", id]);
      await session.end().catch(() => undefined);
      expect(code, stderr).toBe(0);
      expect(stderr).toContain(`Removing bucket ${names.bucket}, database ${names.database}`);
      expect(stdout).toContain("Deleted: 1 objects, 1 tables, 0 points, 1 keys.");
      expect(stdout).toContain("TENANT_DEPROVISIONED");
      expect(await remains(id)).toEqual([]);
      const ended = (await eventsOf(id)).slice(-2).map(({ event_type }) => event_type);
      expect(ended).toEqual(["TENANT_DEPROVISIONED", "TENANT_STATE_REMOVED"]);
      expect(await withRedis(servers(), (client) => client.keys(`${names.keyPrefix}*`))).toEqual([]);
    });

    it("--keep-config keeps the file", async () => {
      const { code, stdout } = await tenant(["deprovision", "twice", "--keep-config", "--json"]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        report: { tenant_id: "twice" },
        event: { event_type: "TENANT_DEPROVISIONED" },
      });
      expect(await remains("twice")).toEqual(["stack file"]);
      expect((await tenant(["provision", "twice"])).code).toBe(0);
      expect((await tenant(["deprovision", "twice"])).code).toBe(0);
      expect(await remains("twice")).toEqual([]);
    });
  });
}
