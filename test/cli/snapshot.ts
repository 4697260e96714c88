// Exporting and restoring a tenant, as an operator types it.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { pipeThrough } from "../../providers/clients/credentials.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { editStackFile, eventsOf, tenant } from "./world.ts";

/** @param id a tenant that is provisioned and holds no data */
export function snapshotTests(id: string): void {
  describe("a tenant's export", () => {
    const { bucket, keyPrefix } = tenantNames(id);
    const folder = mkdtempSync(join(tmpdir(), "cli-snapshot-"));
    const place = join(folder, "export");
    const counts = { keys: 1, points: 0, tables: 0, rows: 0, objects: 1, objectBytes: 5 };
    afterAll(() => rmSync(folder, { recursive: true }));

    it("says what is missing, and whose name is mistyped", async () => {
      expect((await tenant(["export", id])).stderr).toContain("Say whom to export and where to");
      const { code, stderr } = await tenant(["export", `${id}x`, "--to", place]);
      expect([code, stderr]).toEqual([1, expect.stringContaining(`Did you mean ${id}?`) as string]);
      expect((await tenant(["export", id, "--to", "ftp://host/x"])).stderr).toContain("go to a folder or to s3://");
      expect(existsSync(place)).toBe(false);
    });

    it("opens with the recovery key of the configuration, which verification knows too", async () => {
      const identity = await pipeThrough("age-keygen", [], "");
      writeFileSync(join(folder, "recovery.age"), identity, { mode: 0o600 });
      const recovery = (await pipeThrough("age-keygen", ["-y"], identity)).trim();
      editStackFile(id, (text) => text.replace("config:\n", `config:\n  tenant-storage:recipients: [${recovery}]\n`));
      const updated = await tenant(["provision", id]);
      expect(updated.code, updated.stderr).toBe(0);
      expect((await tenant(["verify", id])).code).toBe(0);
      await (await minioClient(servers())).putObject(bucket, "raw/a", "hello");
      await withRedis(servers(), (client) => client.set(`${keyPrefix}a`, "1"));
      const { code, stdout, stderr } = await tenant(["export", id, "--to", place]);
      expect(code, stderr).toBe(0);
      expect(stdout).toMatch(
        /1 keys, 0 points, 0 tables with 0 rows, 1 objects with 5 bytes; .* encrypted\.\nChecksum: [0-9a-f]{64}\n/,
      );
      expect(stdout).toContain(`Opens with: the tenant's own key, ${recovery}`);
      expect(stderr).toMatch(/redis\n.*qdrant\n.*postgresql\n.*minio\n/);
    });

    it("is looked over, whoever has it", async () => {
      const { code, stdout } = await tenant(["export", "--check", place, "--json"]);
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({
        tenant_id: id,
        place,
        counts,
        recorded: expect.any(String) as string,
      });
      const manifest = join(place, "manifest.json");
      const text = readFileSync(manifest, "utf8");
      writeFileSync(manifest, text.replace('"objects": 1', '"objects": 2'));
      const altered = await tenant(["export", "--check", place]);
      expect([altered.code, altered.stderr]).toEqual([1, expect.stringContaining("knows no export") as string]);
      writeFileSync(manifest, text);
    });

    it("is restored when the tenant holds no data, with the recovery key, and recorded", async () => {
      const refused = await tenant(["restore", id, "--from", place]);
      expect(refused.code).toBe(1);
      expect(refused.stderr).toContain("it holds data (1 objects, 0 tables, 0 points, 1 keys)");
      await (await minioClient(servers())).removeObject(bucket, "raw/a");
      await withRedis(servers(), (client) => client.del(`${keyPrefix}a`));
      const recovery = join(folder, "recovery.age");
      const { code, stdout, stderr } = await tenant(["restore", id, "--from", place, "--identity", recovery, "--json"]);
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ tenant_id: id, source: id, counts, expired: 0 });
      expect(await withRedis(servers(), (client) => client.get(`${keyPrefix}a`))).toBe("1");
      expect((await eventsOf(id)).slice(-2).map(({ event_type }) => event_type)).toEqual([
        "TENANT_EXPORTED",
        "TENANT_RESTORED",
      ]);
      await (await minioClient(servers())).removeObject(bucket, "raw/a");
      await withRedis(servers(), (client) => client.del(`${keyPrefix}a`));
    });

    it("that nothing but the tenant's key would open says so, unless a copy of the key is kept", async () => {
      editStackFile(id, (text) => text.replace(/ {2}tenant-storage:recipients:(.*\n {4}- )?.*\n/, ""));
      const { code, stderr } = await tenant(["export", id, "--to", join(folder, "second")]);
      expect([code, stderr]).toEqual([
        0,
        expect.stringContaining("Nothing but the tenant's own key opens this export") as string,
      ]);
      const copy = join(folder, "copy.age");
      const third = await tenant(["export", id, "--to", join(folder, "third"), "--key-copy", copy]);
      expect(third.stderr).not.toContain("Nothing but");
      expect(third.stdout).toContain(`its copy ${copy}`);
      expect(readFileSync(copy, "utf8")).toMatch(/^AGE-SECRET-KEY-1/);
      expect((await tenant(["provision", id])).code).toBe(0);
    });
  });
}
