// A failure at any of the nine steps: what the run made is gone, what was there before is untouched, the event is recorded.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { faults, hasCollection, isFile, stepNames, until } from "./faults.ts";
import {
  editStackFile,
  eventsOf,
  everything,
  processesOf,
  remains,
  secretsFolder,
  signalChild,
  sql,
  stackFile,
  stacks,
  startAll,
  startTenant,
  stop,
  tenant,
} from "./world.ts";

/** The one message: from `tenant: ` to the line with its code. */
const messageIn = (stderr: string): string =>
  stderr.slice(stderr.indexOf("tenant: "), stderr.indexOf("Code: provision-failed (docs/errors.md)\n"));

/** @param bystander a tenant that was there before */
export function rollbackTests(bystander: string): void {
  describe.each(faults.map((fault, index) => ({ ...fault, index, id: `fault${index}` })))(
    "step $step: $name",
    ({ id, index, step, cause, early, make }) => {
      it("is rolled back, recorded and explained", async () => {
        const before = await everything();
        const { env, undo } = await make(id);
        let ran;
        try {
          ran = await tenant(["provision", id, "--network", `10.${100 + index}.0.0/16`], env);
        } finally {
          await undo?.();
        }
        const message = messageIn(ran.stderr);
        expect(ran.code, ran.stderr).toBe(1);
        expect(ran.stdout).toBe("");
        expect(message).toMatch(
          new RegExp(`^tenant: Provisioning tenant ${id} failed at step ${step}, ${stepNames[step]}`),
        );
        expect(message).toMatch(cause);
        expect(message).toContain(
          early ? "Nothing had been made." : "Rolled back: all that this run had made is removed",
        );
        expect(message.trimEnd()).toMatch(
          new RegExp(`Remove the cause.*, then: npm run tenant -- provision ${id} --network 10.${100 + index}.0.0/16$`),
        );
        expect(message).not.toMatch(/\n\s+at /);

        expect(await remains(id)).toEqual([]);
        expect(await everything()).toEqual(before);
        const failed = (await eventsOf(id)).at(-1);
        expect(failed).toMatchObject({
          event_type: "TENANT_PROVISION_FAILED",
          details: { failed_step: step, step: stepNames[step], rolled_back: true, left: [] },
        });
        expect(failed?.details["cause"]).toMatch(cause);
      });
    },
  );

  describe("after the cause is gone", () => {
    it("the same command provisions the tenant, also with a file from another machine", async () => {
      const id = `fault${faults.length - 1}`;
      // Of a passphrase that nobody has here.
      const salt = "v1:143Eso/zOjc=:v1:h0eSg1Ir+3Su230x:eJoM+O22EN6pQskP4btYz/SoDe0vSg==";
      editStackFile(id, () => `encryptionsalt: ${salt}\n`);
      const { code, stdout, stderr } = await tenant(["provision", id, "--network", "10.91.0.0/16", "--json"]);
      expect(code, stderr).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ outcome: "provisioned", verification: { overall_pass: true } });
      expect((await tenant(["deprovision", id])).code).toBe(0);
      expect(await remains(id)).toEqual([]);
    });
  });

  describe("the platform database is down", () => {
    it("keeps the event on disk, and the next command delivers it", async () => {
      const id = "nodatabase";
      await sql("ALTER DATABASE platform ALLOW_CONNECTIONS false");
      const ran = await tenant(["provision", id, "--network", "10.92.0.0/16"]);
      await sql("ALTER DATABASE platform ALLOW_CONNECTIONS true");
      expect(ran.code).toBe(1);
      expect(messageIn(ran.stderr)).toContain("failed at step 9, registry");
      expect(messageIn(ran.stderr)).toContain("is kept in");
      expect(await eventsOf(id)).toEqual([]);
      const outbox = process.env["TENANT_OUTBOX_DIR"] ?? "";
      expect(readdirSync(outbox)).toHaveLength(1);

      const next = await tenant(["list"]);
      expect(next.stderr).toContain("Delivered 1 audit event");
      expect(readdirSync(outbox)).toEqual([]);
      expect(await eventsOf(id)).toMatchObject([
        { event_type: "TENANT_PROVISION_FAILED", details: { failed_step: 9 } },
      ]);
      expect(await remains(id)).toEqual([]);
    });
  });

  describe("a store stops in the middle", () => {
    it("its step not reached: the rest is rolled back without it", async () => {
      const id = "lostredis";
      const running = startTenant(["provision", id, "--network", "10.93.0.0/16"]);
      await until(() => isFile(join(secretsFolder(id), "key.age")));
      await stop("redis");
      const ran = await running.ended;
      await startAll();
      expect(ran.code).toBe(1);
      expect(messageIn(ran.stderr)).toContain("failed at step 7, Redis");
      expect(messageIn(ran.stderr)).toContain("Rolled back");
      expect(await remains(id)).toEqual([]);
    });

    it("its step done: says what is left, and deprovision finishes", async () => {
      const id = "lostqdrant";
      const running = startTenant(["provision", id, "--network", "10.94.0.0/16"]);
      await until(() => hasCollection(id));
      await stop("qdrant");
      const ran = await running.ended;
      // While the store is still down: only what the second run made is taken back.
      const again = await tenant(["provision", id]);
      await startAll();
      const message = messageIn(ran.stderr);
      expect(ran.code).toBe(1);
      expect(message).toContain("Not everything could be rolled back. Left: ");
      expect(message).toContain(`Qdrant: QdrantCollection ${id}`);
      expect(message).toContain(`npm run tenant -- deprovision ${id}`);
      expect(again.code).toBe(1);
      // How far the first came before the store stopped differs.
      expect(messageIn(again.stderr)).toMatch(/failed at step (6, Qdrant|8, verification)/);
      expect(messageIn(again.stderr)).toMatch(/Rolled back: .* What an earlier run had made stays \(\d+ resources\)/);

      const left = await remains(id);
      expect(left).toContain(`qdrant: collection ${tenantNames(id).collection}`);
      expect(left.filter((what) => /^(minio|postgresql|redis):/.test(what))).toEqual([]);
      const recorded = (await eventsOf(id)).map(({ event_type, details }) => [event_type, details["rolled_back"]]);
      expect(recorded).toEqual([
        ["TENANT_PROVISION_FAILED", false],
        ["TENANT_PROVISION_FAILED", true],
      ]);
      const listed = JSON.parse((await tenant(["list", "--json"])).stdout) as { id: string; status: string }[];
      expect(listed).toContainEqual(expect.objectContaining({ id, status: "incomplete" }));

      const finished = await tenant(["deprovision", id]);
      expect(finished.code, finished.stderr).toBe(0);
      expect(await remains(id)).toEqual([]);
      expect((await eventsOf(id)).at(-2)?.event_type).toBe("TENANT_DEPROVISIONED");
    });
  });

  describe("Ctrl-C in the middle", () => {
    it("is rolled back like a failure", async () => {
      const id = "interrupted";
      const running = startTenant(["provision", id, "--network", "10.95.0.0/16"]);
      await until(() => isFile(join(secretsFolder(id), "key.age")));
      process.kill(running.pid, "SIGINT");
      const ran = await running.ended;
      expect(ran.code).toBe(1);
      expect(messageIn(ran.stderr)).toContain("was interrupted");
      expect(await remains(id)).toEqual([]);
      expect((await eventsOf(id)).at(-1)).toMatchObject({ event_type: "TENANT_PROVISION_FAILED" });
    });
  });

  describe("pulumi is killed in the middle", () => {
    it.each([300, 900])("after %i ms: is rolled back like a failure, without a lock left", async (milliseconds) => {
      const id = `killed${milliseconds}`;
      const running = startTenant(["provision", id, "--network", "10.97.0.0/16"]);
      await until(() => isFile(join(secretsFolder(id), "key.age")));
      await setTimeout(milliseconds);
      const session = signalChild(running.pid, "pulumi", "SIGKILL");
      const ran = await running.ended;
      expect(processesOf(session)).toEqual([]);
      expect(ran.code).toBe(1);
      expect(messageIn(ran.stderr)).toContain("pulumi was ended by SIGKILL");
      expect(messageIn(ran.stderr)).toContain("Rolled back");
      expect(await remains(id)).toEqual([]);
    });
  });

  describe("a tenant that was there before", () => {
    it("is never rolled back", async () => {
      await sql("ALTER TABLE public.tenants RENAME TO elsewhere", "platform");
      const ran = await tenant(["provision", bystander, "--network", "10.96.0.0/16"]);
      await sql("ALTER TABLE public.elsewhere RENAME TO tenants", "platform");
      expect(ran.code).toBe(1);
      expect(messageIn(ran.stderr)).toContain(`Updating tenant ${bystander} failed at step 9, registry`);
      expect(messageIn(ran.stderr)).toContain("nothing was rolled back");
      expect(await stacks()).toContain(bystander);
      expect(stackFile(bystander)?.config["tenant-storage:network"]).toEqual(["10.96.0.0/16"]);
      expect((await tenant(["verify", bystander])).code).toBe(0);
      const again = await tenant(["provision", bystander]);
      expect(again.code, again.stderr).toBe(0);
      expect(again.stdout).toContain(`Tenant ${bystander} is up to date again.`);
    });
  });
}
