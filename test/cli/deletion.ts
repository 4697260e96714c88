// Deletion with proof: killed at several moments, with each store gone in turn, it is finished by running it again, with one report;
// then nothing is left, and the id does not come back.
import { existsSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { storeNames } from "../../local/settings.ts";
import type { StoredDeletion } from "../../providers/clients/deletion.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { getTenant } from "../../providers/clients/registry.ts";
import { servers } from "../../providers/clients/servers.ts";
import { isFile, until } from "./faults.ts";
import {
  eventsOf,
  pulumi,
  remains,
  secretsFolder,
  signalChild,
  sql,
  startAll,
  startTenant,
  stop,
  temporaryFolder,
  tenant,
  type Running,
} from "./world.ts";

const id = "deleted";
const names = tenantNames(id);
const deprovision = ["deprovision", id, "--confirm", id];
const types = async () => (await eventsOf(id)).map(({ event_type }) => event_type);

/** Files of Pulumi's backend that name the tenant. */
async function stateFiles(): Promise<string[]> {
  const folder = fileURLToPath((process.env["PULUMI_BACKEND_URL"] ?? "").split("?")[0] ?? "");
  const files = await readdir(folder, { recursive: true });
  return files.filter((path) => path.split(/[/.]/).includes(id) && !path.includes("organization"));
}

/** Ends a command and its pulumi at once, as the machine does. */
async function killAll(running: Running): Promise<void> {
  signalChild(running.pid, "pulumi", "SIGKILL");
  process.kill(running.pid, "SIGKILL");
  await running.ended;
}

export function deletionTests(): void {
  describe("deletion with proof", () => {
    it("goes on after a store was gone, each in turn", async () => {
      const { code, stderr } = await tenant(["provision", id, "--network", "10.97.0.0/24"]);
      expect(code, stderr).toBe(0);
      await (await minioClient(servers())).putObject(names.bucket, "raw/one.txt", "one");
      // The gateway is the tenants' way in; a deletion needs none.
      for (const store of storeNames.filter((name) => name !== "gateway")) {
        await stop(store);
        const failed = await tenant(deprovision);
        await startAll();
        expect(failed.code, store).toBe(1);
        expect(failed.stderr).toMatch(new RegExp(`^tenant: .*${store} \\(step \\d, \\w+\\) does not answer`, "m"));
      }
      // Nothing was begun: what would be deleted could not be said.
      expect(await types()).toEqual(["TENANT_PROVISIONED"]);
      expect((await tenant(["deletion-report", id])).stderr).toContain(
        `Tenant ${id} has no deletion report: its last event is TENANT_PROVISIONED`,
      );
    });

    it("goes on after kill -9 at three moments", async () => {
      const moments = [
        async () => (await withPlatform((client) => getTenant(client, id))) === undefined,
        () => !isFile(join(secretsFolder(id), "secrets.enc.yaml")),
        () => !isFile(join(secretsFolder(id), "key.age")),
      ];
      const where = join(temporaryFolder, `export-${Date.now()}`);
      // Nothing could open it afterwards.
      const refused = await tenant([...deprovision, "--export-to", where]);
      expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining("which goes with the tenant")]);
      expect(await types()).toEqual(["TENANT_PROVISIONED"]);
      for (const [index, moment] of moments.entries()) {
        const first = index === 0 ? ["--export-to", where, "--key-copy", `${where}.age`] : [];
        const running = startTenant([...deprovision, ...first]);
        await until(moment);
        await killAll(running);
      }
      expect((await tenant(["export", "--check", where])).code).toBe(0);
      const late = await tenant([...deprovision, "--export-to", `${where}-late`]);
      expect([late.code, late.stderr]).toEqual([1, expect.stringContaining("half deleted: its key is gone")]);
      for (const made of [where, `${where}.age`]) rmSync(made, { recursive: true });
      const finished = await tenant(["deprovision", id, "--confirm", id, "--bar", "--reason", "contract ended"]);
      expect(finished.code, finished.stderr).toBe(0);
      expect(finished.stdout).toContain(
        `Tenant ${id} is gone: every store was asked. Deleted: 1 objects, 0 tables, 0 points, 0 keys.`,
      );
      expect(await remains(id)).toEqual([]);
      expect(existsSync(secretsFolder(id))).toBe(false);
      expect(await stateFiles()).toEqual([]);
      expect((await types()).slice(0, 3)).toEqual(["TENANT_PROVISIONED", "TENANT_EXPORTED", "TENANT_DEPROVISIONING"]);
      expect((await types()).slice(3).sort()).toEqual([
        "TENANT_BARRED",
        "TENANT_DEPROVISIONED",
        "TENANT_STATE_REMOVED",
      ]);
    });

    it("is reported once, and the report is what the signed log says", async () => {
      const { rows } = await withPlatform((client) =>
        client.query("SELECT FROM public.deletion_reports WHERE tenant_id = $1", [id]),
      );
      expect(rows).toHaveLength(1);
      const { code, stdout } = await tenant(["deletion-report", id, "--json"]);
      expect(code).toBe(0);
      const { report, event, unchanged, state } = JSON.parse(stdout) as StoredDeletion;
      expect(unchanged).toBe(true);
      expect(event?.event_type).toBe("TENANT_DEPROVISIONED");
      expect(report).toMatchObject({
        tenant_id: id,
        stack: id,
        networks: ["10.97.0.0/24"],
        names,
        exported: { checksum: expect.stringMatching(/^[0-9a-f]{64}$/) as string },
        begun: {
          deleted: { objects: 1, tables: 0, points: 0, keys: 0 },
          key_files: ["key.age", "key.pub", "secrets.enc.yaml"],
          age_public_key: expect.stringMatching(/^age1/) as string,
        },
      });
      expect(report.answers.map(({ place, found }) => [place, found])).toEqual(
        ["files", "minio", "postgresql", "qdrant", "redis"].map((place) => [place, []]),
      );
      expect(state?.details).toMatchObject({ left: null, stack_file: "removed" });
      const printed = await tenant(["deletion-report", id]);
      expect(printed.stdout).toContain(
        `key.age, key.pub, secrets.enc.yaml overwritten, synced and unlinked (public key age1`,
      );
      expect(printed.stdout).toMatch(
        new RegExp(`minio +\\S+Z  bucket ${names.bucket}, user ${names.minioUser}, policy ${names.minioPolicy}`),
      );
      expect(printed.stdout).toContain(
        `recorded   in the signed audit log, event ${event?.sequence} (${event?.event_id})`,
      );
    });

    it("a report that an administrator changed is not taken for it", async () => {
      const set = (tables: number) =>
        sql(
          `ALTER TABLE public.deletion_reports DISABLE TRIGGER append_only;
           UPDATE public.deletion_reports SET report = jsonb_set(report, '{begun,deleted,tables}', '${tables}') WHERE tenant_id = '${id}';
           ALTER TABLE public.deletion_reports ENABLE ALWAYS TRIGGER append_only`,
          "platform",
        );
      await set(7);
      const { code, stdout } = await tenant(["deletion-report", id]);
      await set(0);
      expect(code).toBe(1);
      expect(stdout).toContain("CHANGED    the audit log has another hash");
      expect((await tenant(["deletion-report", id])).code).toBe(0);
    });

    it("killed before the state's files were gone, it is finished too", async () => {
      const folder = fileURLToPath((process.env["PULUMI_BACKEND_URL"] ?? "").split("?")[0] ?? "");
      expect((await tenant(["provision", "unfinished", "--network", "10.97.1.0/24"])).code).toBe(0);
      expect((await pulumi(["destroy", "--stack", "unfinished", "--yes"])).code).toBe(0);
      expect((await tenant(["deletion-report", "unfinished"])).stdout).toContain("its backups are still there");
      // So much a run that is killed after its `stack rm` has done.
      expect((await pulumi(["stack", "rm", "unfinished", "--yes"])).code).toBe(0);
      const again = await tenant(["deprovision", "unfinished"]);
      expect(again.code, again.stderr).toBe(0);
      expect(again.stderr).toContain("was gone already");
      expect((await tenant(["deletion-report", "unfinished"])).stdout).toMatch(
        /history and [1-9]\d* files of backups removed from file:/,
      );
      expect(existsSync(join(folder, ".pulumi", "backups", "tenant-storage", "unfinished"))).toBe(false);
      const third = await tenant(["deprovision", "unfinished"]);
      expect(third.stderr).toContain("There is no tenant unfinished");
    });

    it("the barred id is refused by provision, by preview and by plain pulumi, with who and why", async () => {
      const why = new RegExp(
        `the tenant id ${id} is barred from reuse since \\S+Z by \\S+@\\S+: contract ended. Choose another id`,
      );
      const { code, stderr } = await tenant(["provision", id, "--network", "10.97.0.0/24"]);
      expect(code).toBe(1);
      expect(stderr).toMatch(why);
      expect(await remains(id)).toEqual([]);
      await pulumi(["stack", "init", id, "--no-select"]);
      await pulumi(["config", "set", "--stack", id, "id", id]);
      await pulumi(["config", "set", "--stack", id, "octet", "97"]);
      for (const args of [["preview"], ["up", "--yes", "--skip-preview"]]) {
        const refused = await pulumi([...args, "--stack", id]);
        expect(refused.code, args.join(" ")).not.toBe(0);
        expect(refused.stdout + refused.stderr).toMatch(why);
      }
      await pulumi(["stack", "rm", id, "--yes", "--force"]);
      expect(await remains(id)).toEqual([]);
    });

    it("bar and unbar are commands of their own", async () => {
      expect((await tenant(["bar", id])).stdout).toBe(`Tenant id ${id} was barred already.\n`);
      expect(JSON.parse((await tenant(["bar", "--json"])).stdout)).toMatchObject([
        { tenant_id: id, reason: "contract ended" },
      ]);
      expect((await tenant(["bar"])).stdout).toContain("contract ended");
      expect((await tenant(["unbar", id, "--reason", "a new contract"])).stdout).toBe(
        `Tenant id ${id} may be used again.\n`,
      );
      expect((await tenant(["unbar", id])).stderr).toContain(`Tenant id ${id} is not barred`);
      expect((await eventsOf(id)).at(-1)).toMatchObject({
        event_type: "TENANT_UNBARRED",
        details: { reason: "a new contract", by: expect.stringContaining("@") as string },
      });
      for (const [args, message] of [
        [["bar", "A-b"], "is not a tenant id"],
        [["bar", "--reason", "x"], "--reason is for an id"],
        [["deprovision", "acme", "--reason", "x"], "--reason is for --bar"],
      ] as const) {
        const refused = await tenant(args);
        expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(message)]);
      }
    });
  });
}
