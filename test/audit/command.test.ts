// `tenant audit` as an operator types it, and the key as the platform stack makes it.
import { rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import type { AuditVerdict } from "../../cli/audit/verdict.ts";
import { emitEvent, type AuditEvent } from "../../providers/clients/audit.ts";
import { auditFiles } from "../../providers/clients/audit-key.ts";
import { logOf } from "../../providers/clients/audit-log.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { platformUp } from "../support/platform.ts";
import { checkout, pulumi, run } from "../support/pulumi.ts";

const tenant = `audited${Date.now().toString(36)}`;
const audit = (...args: string[]) => run(process.execPath, ["cli/tenant.ts", "audit", ...args]);
const emit = (step: number) =>
  withPlatform((client) =>
    emitEvent(client, { tenant, type: "TENANT_UPDATED", details: { step, secret: "\u001b[2J" } }),
  );
let log: string;

beforeAll(async () => {
  await platformUp();
  log = (await withPlatform(logOf)) ?? "";
  for (const step of [1, 2, 3]) await emit(step);
});

describe("reads", () => {
  it("a tenant's events, newest last", async () => {
    const { code, stdout, all } = await audit(tenant);
    expect(code, all).toBe(0);
    const lines = stdout.split("\n").filter((line) => line.includes("TENANT_UPDATED") || line.includes("step"));
    expect(lines.map((line) => /step: (\d)/.exec(line)?.[1])).toEqual(["1", "2", "3"]);
    expect(stdout).not.toContain("\u001b[2J");
  });

  it("the newest, from a time on, everybody's, as JSON", async () => {
    const parsed = async (...args: string[]) => JSON.parse((await audit(...args, "--json")).stdout) as AuditEvent[];
    const steps = (events: AuditEvent[]) => events.map(({ details }) => details["step"]);
    expect(steps(await parsed(tenant, "--limit", "2"))).toEqual([2, 3]);
    const [, second] = await parsed(tenant);
    expect(steps(await parsed(tenant, "--since", String(second?.created_at)))).toEqual([2, 3]);
    expect(await parsed(tenant, "--since", "2999-01-01")).toEqual([]);
    const everybody = await parsed("--limit", "3");
    expect(everybody.map(({ tenant_id }) => tenant_id)).toEqual([tenant, tenant, tenant]);
    expect(everybody[2]).toMatchObject({
      sequence: expect.any(Number) as number,
      hash: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
    });
  });

  it.each([
    [["nobody"], "There is no tenant nobody"],
    [["--since", "yesterday"], "Give a time such as"],
    [["--limit", "0"], "Give a number from 1"],
    [
      ["acme", "--verify", "--new-key"],
      "--verify and --new-key are two commands; the log is the platform's: leave out acme; --new-key needs --reason TEXT",
    ],
    [["--verify", "--public-key", "/nowhere.pem"], "/nowhere.pem"],
  ])("%j is refused", async (args, message) => {
    const { code, stderr, stdout } = await audit(...args);
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(message);
  });
});

describe("verifies", () => {
  it("the platform's log, with the keys here and with the stack's output", async () => {
    const { code, stdout, all } = await audit("--verify");
    expect(code, all).toBe(0);
    expect(stdout).toMatch(
      /^The audit log is unbroken: \d+ signed events.*\nLast:  \d+ of .*\nKeys:  [0-9a-f]{16}.*\nIt continues/,
    );
    const file = join(checkout(), "auditor.pem");
    await writeFile(file, (await pulumi(["stack", "output", "auditPublicKeys", "--stack", "platform"])).stdout);
    const auditor = await audit("--verify", "--public-key", file, "--json");
    expect(auditor.code, auditor.all).toBe(0);
    expect(JSON.parse(auditor.stdout)).toMatchObject({ log, unbroken: true, breaks: [] });
    await rm(file);
  });

  it("and names what an administrator changed, with exit code 1", async () => {
    const change = (from: string, to: string) =>
      withAdmin(
        (client) =>
          client.query(`BEGIN; ALTER TABLE public.audit_events DISABLE TRIGGER append_only;
            UPDATE public.audit_events SET details = jsonb_set(details, '{step}', '${to}') WHERE tenant_id = '${tenant}' AND details->'step' = '${from}';
            ALTER TABLE public.audit_events ENABLE ALWAYS TRIGGER append_only; COMMIT`),
        "platform",
      );
    await change("2", "22");
    const { code, stdout } = await audit("--verify");
    const json = await audit("--verify", "--json");
    await change("22", "2");
    expect(code).toBe(1);
    expect(stdout).toMatch(
      new RegExp(`is BROKEN, first at:\n  - event \\d+ \\(.*, ${tenant}\\): its content is not what was written`),
    );
    expect(json.code).toBe(1);
    expect((JSON.parse(json.stdout) as AuditVerdict).breaks).toMatchObject([{ tenant_id: tenant }]);
    expect((await audit("--verify")).code).toBe(0);
  });
});

describe("the key", () => {
  it("is not in the state", async () => {
    const { stdout } = await pulumi(["stack", "export", "--stack", "platform", "--show-secrets"]);
    expect(stdout).toContain("BEGIN PUBLIC KEY");
    expect(stdout).not.toContain("PRIVATE KEY");
  });

  it("that is lost is missed by refresh, and no other takes its place without a reason", async () => {
    const unchanged = await pulumi(["refresh", "--stack", "platform", "--preview-only", "--expect-no-changes"]);
    expect(unchanged.code, unchanged.all).toBe(0);
    const { key } = auditFiles(log);
    await rename(key, `${key}.lost`);
    const begun = await run(process.execPath, ["cli/tenant.ts", "list"]);
    expect(begun.code).toBe(0);
    const up = await pulumi(["up", "--stack", "platform", "--yes", "--refresh", "--skip-preview"]);
    expect(up.code).not.toBe(0);
    expect(up.all).toContain(`has a key, and it is not here: ${key}. Copy that folder`);
    await expect(emit(4)).rejects.toThrow("The key of the audit log is not here");

    const started = await audit("--new-key", "--reason", "the laptop was stolen");
    expect(started.code, started.all).toBe(0);
    expect(started.stdout).toMatch(/^Key [0-9a-f]{16} signs the audit log from now on\.\n$/);
    const again = await pulumi(["up", "--stack", "platform", "--yes", "--refresh", "--skip-preview"]);
    expect(again.code, again.all).toBe(0);
    await emit(4);
    const { stdout } = await audit("--verify");
    expect(stdout).toContain(`, ${/^Key (\w+)/.exec(started.stdout)?.[1]}`);
    expect(
      (await pulumi(["stack", "output", "auditPublicKeys", "--stack", "platform"])).stdout.match(/BEGIN/g)?.length,
    ).toBeGreaterThan(1);
    await rm(`${key}.lost`);
  });
});
