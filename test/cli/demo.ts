// `npm run demo`, repeated and after accidents. Last: it takes the stores' data away.
import { existsSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { servers } from "../../providers/clients/servers.ts";
import { demo, everything, loseData, secretsFolder, stackFile } from "./world.ts";

const isolated = (stdout: string) => stdout.match(/Tenant \w+ is isolated/g);
const both = ["Tenant acme is isolated", "Tenant globex is isolated"];

export function demoTests(): void {
  describe("the demo", () => {
    it("provisions both tenants at the same time", async () => {
      const { code, stdout, stderr } = await demo();
      expect(code, stderr).toBe(0);
      expect(isolated(stdout)).toEqual(both);
      expect(stackFile("acme")?.config).toEqual({
        "tenant-storage:id": "acme",
        "tenant-storage:network": ["10.12.0.0/16"],
      });
    });

    it("repeated, changes nothing", async () => {
      const before = [await everything(), stackFile("acme"), stackFile("globex"), stackFile("platform")];
      const { code, stdout } = await demo();
      expect(code).toBe(0);
      expect(isolated(stdout)).toEqual(both);
      expect([await everything(), stackFile("acme"), stackFile("globex"), stackFile("platform")]).toEqual(before);
    });

    it("repairs what somebody deleted in a store", async () => {
      await (await qdrantClient(servers())).deleteCollection(tenantNames("acme").collection);
      const { code, stdout, stderr } = await demo();
      expect(code, stderr).toBe(0);
      expect(stderr).toContain("acme it is not what the state says; repairing it");
      expect(isolated(stdout)).toEqual(both);
    });

    it("begins anew on stores that lost everything, and keeps the old secrets aside", async () => {
      await loseData();
      const { code, stdout, stderr } = await demo();
      expect(code, stderr).toBe(0);
      expect(isolated(stdout)).toEqual(both);
      const aside = /are now in (\S+)/.exec(stderr)?.[1] ?? "";
      expect(existsSync(`${aside}/key.age`)).toBe(true);
      expect(existsSync(`${secretsFolder("acme")}/key.age`)).toBe(true);
    });
  });
}
