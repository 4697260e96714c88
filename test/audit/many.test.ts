// A hundred thousand events: verified in one pass, in memory that does not grow with them. Prints the time, asserts none.
import type { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { AuditVerdict } from "../../cli/audit/verdict.ts";
import { newEventId } from "../../providers/clients/audit.ts";
import { contentHash, signBytes, type SignedContent } from "../../providers/clients/audit-chain.ts";
import { keepSeen, type Signer } from "../../providers/clients/audit-key.ts";
import { headOf } from "../../providers/clients/audit-log.ts";
import { ensurePlatformSchema, writerRole } from "../../providers/clients/platform-db.ts";
import { adminClient, closeSession, withAdmin } from "../../providers/clients/postgresql.ts";
import { servers } from "../../providers/clients/servers.ts";
import { ownAuditLog, type OwnAuditLog } from "../support/audit-log.ts";
import { runNode } from "../support/node-child.ts";

const total = 100_000;
const database = `audit_many_${process.pid}`;
let admin: Client;
let own: OwnAuditLog;

beforeAll(async () => {
  await withAdmin((client) => client.query(`CREATE DATABASE ${database} TEMPLATE template0`));
  await withAdmin(ensurePlatformSchema, database);
  admin = await adminClient(servers(), database);
  const writer = await adminClient(servers(), database, { role: writerRole });
  own = await ownAuditLog(writer);
  await closeSession(writer);
  await generate(own.signer);
});

afterAll(async () => {
  await Promise.all([closeSession(admin), own.end()]);
  await withAdmin((client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`));
});

/** Writes them past the trigger, in batches: one by one they would take minutes. */
async function generate(signer: Signer): Promise<void> {
  const head = await headOf(admin);
  await admin.query("ALTER TABLE public.audit_events DISABLE TRIGGER ALL");
  let previous = head?.hash ?? "";
  const last = new Map<string, SignedContent>();
  const created_at = "2026-02-11T12:00:00.000000Z";
  for (let sequence = 2; sequence <= total;) {
    const rows: object[] = [];
    for (; rows.length < 5000 && sequence <= total; sequence += 1) {
      const tenant = `tenant${sequence % 100}`;
      const before = last.get(tenant);
      const content: SignedContent = {
        event_id: newEventId(),
        tenant_id: tenant,
        position: (before?.position ?? 0) + 1,
        event_type: "TENANT_UPDATED",
        resource_type: "tenant",
        resource_id: tenant,
        details: { component: "provisioning-orchestrator", status: "success", report_id: newEventId(), sequence },
        previous_event_id: before?.event_id ?? null,
        created_at,
        sequence,
        previous_hash: previous,
        key_id: signer.id,
      };
      last.set(tenant, content);
      const hash = contentHash(content);
      const signature = signBytes(hash, signer.privateKey);
      // bytea as JSON has it.
      const bytes = (hex: string) => `\\x${hex}`;
      const hex = hash.toString("hex");
      rows.push({
        ...content,
        previous_hash: bytes(previous),
        hash: bytes(hex),
        signature: bytes(signature.toString("hex")),
      });
      previous = hex;
    }
    await admin.query(
      `INSERT INTO public.audit_events SELECT * FROM jsonb_populate_recordset(NULL::public.audit_events, $1)`,
      [JSON.stringify(rows)],
    );
  }
  await admin.query("ALTER TABLE public.audit_events ENABLE TRIGGER ALL");
  await keepSeen(own.log, { sequence: total, hash: previous });
}

/** In a process that has 40 MB for all its objects: the events alone are more. */
async function verified(): Promise<AuditVerdict> {
  const { code, stdout, stderr } = await runNode(
    `const { verifyAudit } = await import("./cli/audit/verify.ts");
     const { withAdmin } = await import("./providers/clients/postgresql.ts");
     process.stdout.write(JSON.stringify(await withAdmin((client) => verifyAudit(client), "${database}")));`,
    ["--max-old-space-size=40"],
  );
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as AuditVerdict;
}

it("are verified", async () => {
  const started = performance.now();
  expect(await verified()).toMatchObject({ unbroken: true, events: total, compared: true, last: { sequence: total } });
  const seconds = (performance.now() - started) / 1000;
  process.stdout.write(`${total} events verified in ${seconds.toFixed(1)} s\n`);
});

it("hide nothing: one detail in the middle, one event at the end", async () => {
  await admin.query("ALTER TABLE public.audit_events DISABLE TRIGGER append_only");
  await admin.query(
    `UPDATE public.audit_events SET details = '{}' WHERE sequence = 54321; DELETE FROM public.audit_events WHERE sequence = ${total}`,
  );
  const { breaks } = await verified();
  expect(breaks.map(({ sequence }) => sequence)).toEqual([54_321, total]);
});
