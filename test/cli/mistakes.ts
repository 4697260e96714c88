// What the tenant command says to people who ask or err. Nothing is touched.
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  checkoutFolder,
  editStackFile,
  eventsOf,
  everything,
  pulumi,
  remains,
  stacks,
  temporaryFolder,
  tenant,
} from "./world.ts";

const commands = [
  "provision",
  "deprovision",
  "suspend",
  "resume",
  "verify",
  "credentials",
  "list",
  "audit",
  "deletion-report",
  "bar",
] as const;

/** @param bystander a provisioned tenant with network 10.90.0.0/16 */
export function mistakesTests(bystander: string): void {
  describe("help", () => {
    it.each(commands)("%s explains itself with an example", async (command) => {
      const { code, stdout } = await tenant([command, "--help"]);
      expect(code).toBe(0);
      expect(stdout).toMatch(new RegExp(`Examples?:\\s+.*tenant -- ${command}`));
      expect(stdout).toContain("--json");
    });

    it("a mistyped command gets a suggestion", async () => {
      const { code, stderr } = await tenant(["provison", "acme"]);
      expect(code).not.toBe(0);
      expect(stderr).toContain("Did you mean provision?");
    });
  });

  describe("mistakes", () => {
    it("all problems of a request are named at once, and nothing is touched", async () => {
      const before = await everything();
      const arguments_ = ["provision", "Bad_Id", "--network", "10.12.0.1/16", "--network", "nowhere", "--octet", "300"];
      const { code, stdout, stderr } = await tenant(arguments_);
      expect(code).toBe(1);
      expect(stdout).toBe("");
      for (const part of [
        '"Bad_Id" is not a tenant id',
        "write 10.12.0.0/16",
        '"nowhere" is not a CIDR',
        "given: 300",
      ]) {
        expect(stderr).toContain(part);
      }
      expect(stderr).toContain("nothing was touched");
      expect(await everything()).toEqual(before);
      expect(await stacks()).not.toContain("Bad_Id");
    });

    it("a network of another tenant is refused before anything is touched", async () => {
      const { code, stderr } = await tenant(["provision", "overlapping", "--network", "10.90.128.0/17"]);
      expect(code).toBe(1);
      expect(stderr).toContain(`overlaps 10.90.0.0/16 of stacks/Pulumi.${bystander}.yaml`);
      expect(await remains("overlapping")).toEqual([]);
      expect(await eventsOf("overlapping")).toEqual([]);
    });

    it("… also when its stack file is elsewhere", async () => {
      editStackFile(bystander, (text) => text.replace("10.90.0.0/16", "10.89.0.0/16"));
      const { code, stderr } = await tenant(["provision", "overlapping", "--network", "10.90.128.0/17"]);
      editStackFile(bystander, (text) => text.replace("10.89.0.0/16", "10.90.0.0/16"));
      expect(code).toBe(1);
      expect(stderr).toContain(`10.90.128.0/17 overlaps 10.90.0.0/16 of tenant ${bystander}`);
      expect(stderr).toContain("Nothing had been made.");
      expect(await remains("overlapping")).toEqual([]);
    });

    it.each(["verify", "credentials", "deprovision"])(
      "%s of an unknown tenant names the ones alike",
      async (command) => {
        const { code, stdout, stderr } = await tenant([command, `${bystander}x`]);
        expect(code).toBe(1);
        expect(stdout).toBe("");
        expect(stderr).toBe(
          `tenant: There is no tenant ${bystander}x. Did you mean ${bystander}? All tenants: npm run tenant -- list\n` +
            "Code: tenant-unknown (docs/errors.md)\n",
        );
      },
    );

    it("one that is registered has its credentials elsewhere, and one that only has a file is not made yet", async () => {
      const elsewhere = await tenant(["verify", bystander], { TENANT_SECRETS_DIR: join(temporaryFolder, "none") });
      expect(elsewhere.code).toBe(1);
      expect(elsewhere.stderr).toContain(`Tenant ${bystander} is registered, but what this needs of it is not here`);
      writeFileSync(join(checkoutFolder, "stacks", "Pulumi.planned.yaml"), "config:\n  tenant-storage:id: planned\n");
      const planned = await tenant(["credentials", "planned"]);
      rmSync(join(checkoutFolder, "stacks", "Pulumi.planned.yaml"));
      expect(planned.code).toBe(1);
      expect(planned.stderr).toContain(
        "There is no tenant planned yet, only its file stacks/Pulumi.planned.yaml. Make it: npm run tenant -- up planned",
      );
    });

    it("a tenant whose state is elsewhere is neither taken over nor rolled back", async () => {
      const before = await everything();
      const { stdout: state } = await pulumi(["stack", "export", "--stack", bystander]);
      await pulumi(["stack", "rm", bystander, "--yes", "--force", "--preserve-config"]);
      const { code, stderr } = await tenant(["provision", bystander]);
      const removal = await tenant(["deprovision", bystander, "--confirm", bystander]);
      await pulumi(["stack", "init", bystander, "--no-select"]);
      expect((await pulumi(["stack", "import", "--stack", bystander], state)).code).toBe(0);
      expect(code).toBe(1);
      expect(stderr).toContain(`tenant ${bystander} is registered since`);
      expect(stderr).toContain("Nothing had been made.");
      expect(removal.code).toBe(1);
      expect(removal.stderr).toContain(`Tenant ${bystander} has no stack in file://`);
      expect(await everything()).toEqual(before);
      expect((await tenant(["provision", bystander])).stdout).toContain("was up to date");
    });

    it("half of a deployment's variables is not mixed with the local stores", async () => {
      const { code, stderr } = await tenant(["list"], {
        PGHOST: "db.example",
        PGUSER: undefined,
        PGPASSWORD: undefined,
      });
      expect(code).toBe(1);
      expect(stderr).toContain("PGPASSWORD is not set");
      expect(stderr).not.toMatch(/\n\s+at /);
      const debug = await tenant(["list", "--debug"], { PGHOST: "db.example", PGUSER: undefined });
      expect(debug.stderr).toMatch(/\n\s+at /);
    });
  });
}
