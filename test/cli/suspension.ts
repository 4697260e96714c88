// Suspending a tenant and letting it in again, as an operator types it; also with a store that is down.
import { describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import type { Report } from "../../cli/verify/report.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { editStackFile, eventsOf, everything, remains, sql, stackFile, startAll, stop, tenant } from "./world.ts";

const failed = (report: Report) => report.checks.filter(({ pass }) => !pass);

export function suspensionTests(): void {
  describe("a tenant is suspended", () => {
    const id = "idle";
    const names = tenantNames(id);
    const types = async (): Promise<string[]> => (await eventsOf(id)).map(({ event_type }) => event_type);
    let file: Readonly<Record<string, unknown>>;
    let credentials: string;

    it("a tenant that is made suspended is shut from the start", async () => {
      editStackFile(id, () => `config:\n  tenant-storage:id: ${id}\n  # unpaid\n  tenant-storage:octet: 82\n`);
      editStackFile(id, (text) => `${text}  tenant-storage:suspended: true\n`);
      const { code, stdout, stderr } = await tenant(["provision", id]);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(
        new RegExp(`Tenant ${id} is suspended: \\d+ checks passed.\nTenant ${id} is provisioned.`),
      );
      expect(await types()).toEqual(["TENANT_PROVISIONED"]);
      file = stackFile(id)?.config ?? {};
    });

    it("resume lets it in, verifies it, and leaves the file as it was", async () => {
      const { code, stdout, stderr } = await tenant(["resume", id]);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(new RegExp(`Tenant ${id} is isolated: \\d+ checks passed.\nTenant ${id} is let in again`));
      const { "tenant-storage:suspended": _, ...others } = file;
      expect(stackFile(id)?.config).toEqual(others);
      editStackFile(id, (text) => {
        expect(text).toContain("# unpaid");
        return text;
      });
      credentials = (await tenant(["credentials", id])).stdout;
    });

    it("suspend shuts it out and says why in the registry", async () => {
      const { code, stdout, stderr } = await tenant(["suspend", id, "--reason", "invoice 4711", "--json"]);
      expect(code, stderr).toBe(0);
      const { outcome, verification } = JSON.parse(stdout) as { outcome: string; verification: Report };
      expect(outcome).toBe("suspended");
      expect(verification).toMatchObject({ tenant_id: id, suspended: true, overall_pass: true });
      expect(stackFile(id)?.config).toMatchObject({
        "tenant-storage:suspended": true,
        "tenant-storage:suspensionReason": "invoice 4711",
      });
      const { stdout: listed } = await tenant(["list", "--json"]);
      expect(JSON.parse(listed)).toContainEqual(
        expect.objectContaining({ id, status: "suspended", suspension_reason: "invoice 4711" }),
      );
      expect((await tenant(["list"])).stdout).toMatch(/│ idle +│ suspended +│ +│ 10.82.0.0\/16/);
      expect(await types()).toEqual(["TENANT_PROVISIONED", "TENANT_RESUMED", "TENANT_SUSPENDED"]);
    });

    it("the other commands know it: verify, credentials, provision", async () => {
      const verified = await tenant(["verify", id]);
      expect(verified.code, verified.stdout).toBe(0);
      expect(verified.stdout).toContain(`Tenant ${id} is suspended: `);
      const shown = await tenant(["credentials", id]);
      // Whether they are the same: a failed test would quote them.
      expect([shown.code, shown.stdout === credentials]).toEqual([0, true]);
      expect(shown.stderr).toContain(`Tenant ${id} is suspended: every store refuses these until it is resumed`);
      const again = await tenant(["provision", id]);
      expect(again.code, again.stderr).toBe(0);
      expect(again.stdout).toContain(`Tenant ${id} is suspended: `);
      expect(again.stdout).toContain("was up to date: nothing changed.");
    });

    it("verify --expect active fails, and says at which store", async () => {
      const { code, stdout } = await tenant(["verify", id, "--expect", "active", "--json"]);
      expect(code).toBe(1);
      const found = failed(JSON.parse(stdout) as Report).map(({ store, test }) => `${store}/${test}`);
      for (const store of ["minio", "postgresql", "qdrant", "redis"]) expect(found).toContain(`${store}/own_access`);
    });

    it("a second time changes nothing, and asks every server", async () => {
      const before = await everything();
      const { code, stdout } = await tenant(["suspend", id]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Tenant ${id} was suspended before: nothing changed.`);
      expect(await everything()).toEqual(before);
    });

    it("a second time shuts what somebody opened meanwhile", async () => {
      await sql(`ALTER ROLE ${names.role} LOGIN`);
      await withRedis(servers(), (client) => client.call("ACL", "SETUSER", names.redisUser, "on"));
      const verified = await tenant(["verify", id, "--json"]);
      expect(failed(JSON.parse(verified.stdout) as Report).map(({ store, test }) => `${store}/${test}`)).toEqual([
        "postgresql/credentials_refused",
        "redis/credentials_refused",
      ]);
      const { code, stdout, stderr } = await tenant(["suspend", id]);
      expect(code, stderr).toBe(0);
      expect(stdout).toContain(`Tenant ${id} is suspended: its credentials open nothing`);
      expect((await tenant(["verify", id])).code).toBe(0);
    });

    it("resume a second time changes nothing", async () => {
      expect((await tenant(["resume", id])).code).toBe(0);
      const { code, stdout } = await tenant(["resume", id]);
      expect(code).toBe(0);
      expect(stdout).toContain(`Tenant ${id} was not suspended: nothing changed.`);
      expect((await tenant(["credentials", id])).stdout === credentials).toBe(true);
    });

    it("with stores down it is shut out of the others; run again, of all", async () => {
      await Promise.all([stop("postgresql"), stop("minio")]);
      const cut = await tenant(["suspend", id]);
      await startAll();
      expect([cut.code, cut.stdout]).toEqual([1, ""]);
      expect(cut.stderr).toMatch(new RegExp(`tenant: Suspending tenant ${id} failed: `));
      expect(cut.stderr).toContain("Shut out of: Qdrant, Redis.\nNOT shut out of MinIO: it does not answer (");
      expect(cut.stderr).toContain("NOT shut out of PostgreSQL: it does not answer (");
      expect(cut.stderr).toMatch(/The event TENANT_SUSPEND_FAILED is kept in .*; the next tenant command delivers it/);
      expect(cut.stderr).toContain(`then finish it: npm run tenant -- suspend ${id}.`);

      const { code, stdout, stderr } = await tenant(["suspend", id]);
      expect(code, stderr).toBe(0);
      expect(stdout).toContain(`Tenant ${id} is suspended: its credentials open nothing`);
      expect((await types()).slice(-2)).toEqual(["TENANT_SUSPEND_FAILED", "TENANT_SUSPENDED"]);
      expect((await eventsOf(id)).at(-2)?.details).toMatchObject({
        shut_out: ["Qdrant", "Redis"],
        not_shut_out: ["MinIO", "PostgreSQL"],
      });
    });

    it("a mistyped id is refused, with the one that was meant", async () => {
      for (const command of ["suspend", "resume"]) {
        const { code, stderr } = await tenant([command, "idel"]);
        expect(code).toBe(1);
        expect(stderr).toContain("There is no tenant idel. Did you mean idle?");
      }
    });

    it("a suspended tenant is removed directly", async () => {
      const points = await (await qdrantClient(servers())).count("platform_token_state", { exact: true });
      const { code, stderr } = await tenant(["deprovision", id]);
      expect(code, stderr).toBe(0);
      expect(await remains(id)).toEqual([]);
      expect(await (await qdrantClient(servers())).count("platform_token_state", { exact: true })).toEqual(points);
    });
  });
}
