// The platform database on a real PostgreSQL server: what the database itself guarantees, whoever writes.
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Report } from "../cli/verify/index.ts";
import { emitEvent, events, lastEvent, newEventId } from "../providers/clients/audit.ts";
import { driftResults, storeDriftResult, type DriftResult } from "../providers/clients/drift-results.ts";
import { ensurePlatformSchema, schemaVersion, writerRole } from "../providers/clients/platform-db.ts";
import { adminClient, closeSession, withAdmin } from "../providers/clients/postgresql.ts";
import { getTenant, listTenants, removeTenant, upsertTenant } from "../providers/clients/registry.ts";
import { latestReport, reportById, storeReport } from "../providers/clients/reports.ts";
import { servers } from "../providers/clients/servers.ts";
import { ownAuditLog, type OwnAuditLog } from "./support/audit-log.ts";

// A database of its own: append-only tables cannot be cleaned up.
const database = `platform_test_${process.pid}`;
let admin: Client;
let writer: Client;
let log: OwnAuditLog;

const connectWriter = () => adminClient(servers(), database, { role: writerRole });

beforeAll(async () => {
  await withAdmin((client) => client.query(`CREATE DATABASE ${database} TEMPLATE template0`));
  // Three at a time: the first prepares, the others find it done.
  expect(await Promise.all([1, 2, 3].map(() => withAdmin(ensurePlatformSchema, database)))).toEqual(
    Array.from({ length: 3 }, () => schemaVersion),
  );
  admin = await adminClient(servers(), database);
  writer = await connectWriter();
  log = await ownAuditLog(writer);
});

afterAll(async () => {
  await Promise.all([closeSession(admin), closeSession(writer), log.end()]);
  await withAdmin((client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`));
});

describe("access", () => {
  it("PUBLIC has nothing", async () => {
    const { rows } = await admin.query(
      `SELECT privilege_type FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) acl
         WHERE datname = current_database() AND acl.grantee = 0
       UNION ALL SELECT privilege_type FROM pg_class, aclexplode(relacl) acl
         WHERE relnamespace = 'public'::regnamespace AND acl.grantee = 0
       UNION ALL SELECT privilege_type FROM pg_namespace, aclexplode(nspacl) acl
         WHERE nspname = 'public' AND acl.grantee = 0`,
    );
    expect(rows).toEqual([]);
  });

  it("the writer cannot make objects, nor choose what the database decides", async () => {
    const columns = "event_id, tenant_id, event_type, resource_type, resource_id, details";
    const values = `gen_random_uuid(), 'acme', 'X', 'tenant', 'acme', '{}'`;
    const link = "previous_hash, hash, signature, key_id";
    const last = `(SELECT hash FROM public.audit_events ORDER BY sequence DESC LIMIT 1), sha256(''), sha512(''), 'mine'`;
    for (const statement of [
      "CREATE TABLE public.mine ()",
      "CREATE TEMPORARY TABLE mine ()",
      "UPDATE public.audit_events SET tenant_id = 'other'",
      "DELETE FROM public.verification_reports",
      `INSERT INTO public.audit_events (${columns}, ${link}, created_at) VALUES (${values}, ${last}, '2000-01-01')`,
      `INSERT INTO public.audit_events (${columns}) VALUES (${values})`,
      `INSERT INTO public.audit_events (${columns}, sequence) VALUES (${values}, 7)`,
      `INSERT INTO public.audit_events (${columns}, previous_event_id) VALUES (${values}, gen_random_uuid())`,
      `INSERT INTO public.audit_events (${columns}, position) VALUES (${values}, 7)`,
      "INSERT INTO public.schema_versions (version) VALUES (99)",
    ]) {
      await expect(writer.query(statement), statement).rejects.toMatchObject({ code: "42501" });
    }
  });

  it("a guarantee that was removed by hand is put back", async () => {
    await admin.query("ALTER TABLE public.audit_events DISABLE TRIGGER append_only");
    await admin.query(`GRANT CONNECT ON DATABASE ${database} TO PUBLIC`);
    await admin.query(`GRANT UPDATE ON public.audit_events TO ${writerRole}`);
    await withAdmin(ensurePlatformSchema, database);
    const { rows } = await admin.query(
      `SELECT (SELECT tgenabled FROM pg_trigger WHERE tgname = 'append_only' AND tgrelid = 'public.audit_events'::regclass) AS trigger,
         has_table_privilege($1, 'public.audit_events', 'UPDATE') AS may_update,
         EXISTS (SELECT FROM pg_database, aclexplode(datacl) acl WHERE datname = current_database() AND acl.grantee = 0) AS open`,
      [writerRole],
    );
    expect(rows).toEqual([{ trigger: "A", may_update: false, open: false }]);
  });

  it("refuses a schema of the future", async () => {
    await admin.query("INSERT INTO public.schema_versions (version) VALUES (1000)");
    await expect(ensurePlatformSchema(admin)).rejects.toThrow(
      `has schema version 1000, this checkout knows ${schemaVersion}`,
    );
    await admin.query("DELETE FROM public.schema_versions WHERE version = 1000");
  });
});

describe("audit log", () => {
  it("is append-only, for the superuser too", async () => {
    await emitEvent(writer, { tenant: "frozen", type: "TENANT_PROVISIONED", details: {} });
    for (const settings of ["RESET session_replication_role", "SET session_replication_role = replica"]) {
      await admin.query(settings);
      for (const table of ["audit_events", "verification_reports"]) {
        for (const [verb, statement] of [
          ["UPDATE", `UPDATE public.${table} SET tenant_id = 'other'`],
          ["DELETE", `DELETE FROM public.${table}`],
          ["TRUNCATE", `TRUNCATE public.${table} CASCADE`],
        ] as const) {
          await expect(admin.query(statement), statement).rejects.toThrow(
            `${table} is append-only: ${verb} is refused`,
          );
        }
      }
    }
    await admin.query("RESET session_replication_role");
  });

  it("links each tenant's events into one chain, also when they come at the same time", async () => {
    const clients = await Promise.all([1, 2, 3, 4, 5].map(connectWriter));
    await Promise.all(
      clients.map(async (client, index) => {
        for (let round = 0; round < 4; round += 1) {
          const tenant = (index + round) % 2 === 0 ? "even" : "odd";
          await emitEvent(client, { tenant, type: "TENANT_UPDATED", details: { index, round } });
        }
      }),
    );
    await Promise.all(clients.map(closeSession));
    for (const tenant of ["even", "odd"]) {
      const chain = (await events(writer, tenant)).reverse();
      expect(chain.length).toBe(10);
      expect(chain.map(({ position }) => position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
      expect(chain.map((event) => event.previous_event_id)).toEqual([
        null,
        ...chain.slice(0, -1).map((event) => event.event_id),
      ]);
      expect(await lastEvent(writer, tenant)).toEqual(chain.at(-1));
    }
  });

  it("cannot fork, nor point to another tenant's event", async () => {
    await emitEvent(writer, { tenant: "chained", type: "TENANT_PROVISIONED", details: {} });
    const stranger = await emitEvent(writer, { tenant: "stranger", type: "TENANT_PROVISIONED", details: {} });
    const insert = (previous: string | null) =>
      admin.query(
        `INSERT INTO public.audit_events (event_id, tenant_id, position, event_type, resource_type, resource_id, details,
           previous_event_id, sequence, previous_hash, hash, signature, key_id)
         SELECT $1, 'chained', 99, 'X', 'tenant', 'chained', '{}', $2, 1000, hash, sha256('x'), sha512('x'), 'mine'
         FROM public.audit_events ORDER BY sequence DESC LIMIT 1`,
        [newEventId(), previous],
      );
    // The trigger links whatever is given to the last event; without it the constraints refuse.
    await admin.query("BEGIN");
    await insert(stranger);
    expect((await events(admin, "chained")).map(({ position }) => position)).toEqual([2, 1]);
    await admin.query("ROLLBACK"); // It is not signed: nothing could be written after it.
    await admin.query("ALTER TABLE public.audit_events DISABLE TRIGGER link");
    await expect(insert(null)).rejects.toMatchObject({ code: "23505" });
    await expect(insert(stranger)).rejects.toMatchObject({ code: "23503" });
    await admin.query("ALTER TABLE public.audit_events ENABLE ALWAYS TRIGGER link");
  });

  it("takes an event once", async () => {
    const event = { tenant: "once", type: "TENANT_PROVISIONED", details: { step: 8 }, eventId: newEventId() } as const;
    const clients = await Promise.all([1, 2, 3].map(connectWriter));
    await Promise.all(clients.map((client) => emitEvent(client, event)));
    await Promise.all(clients.map(closeSession));
    expect(await events(writer, "once")).toMatchObject([
      {
        event_id: event.eventId,
        event_type: "TENANT_PROVISIONED",
        resource_type: "tenant",
        resource_id: "once",
        details: { step: 8 },
      },
    ]);
  });
});

describe("registry and reports", () => {
  const report: Report = { tenant_id: "listed", checks: [], overall_pass: true, report_id: newEventId() };
  const entry = {
    tenant_id: "listed",
    networks: ["10.60.0.0/16"],
    endpoints: { redis: { url: "redis://127.0.0.1:6379" } },
    age_public_key: "age1example",
    credentials_ref: ".secrets/tenants/listed/secrets.enc.yaml",
    report_id: report.report_id,
    verified_at: "2026-02-11T12:00:00.000Z",
  };

  it("keep what they are given", async () => {
    await storeReport(writer, report);
    await storeReport(writer, report);
    expect(await reportById(writer, report.report_id)).toMatchObject({ report, overall_pass: true });
    const later: Report = { ...report, report_id: newEventId(), overall_pass: false };
    await storeReport(writer, later);
    expect((await latestReport(writer, "listed"))?.report_id).toBe(later.report_id);
    expect(await latestReport(writer, "nobody")).toBeUndefined();

    await upsertTenant(writer, entry);
    const row = await getTenant(writer, "listed");
    expect(row).toMatchObject({ ...entry, status: "active", verified_at: new Date(entry.verified_at) });
    await upsertTenant(writer, { ...entry, networks: ["10.61.0.0/16"] });
    const changed = await getTenant(writer, "listed");
    expect(changed).toMatchObject({ networks: ["10.61.0.0/16"], created_at: row?.created_at });
    expect(changed?.updated_at.getTime()).toBeGreaterThan(row?.updated_at.getTime() ?? Infinity);
    expect((await listTenants(writer)).map(({ tenant_id }) => tenant_id)).toEqual(["listed"]);
    expect(await removeTenant(writer, "listed")).toBe(true);
    expect(await removeTenant(writer, "listed")).toBe(false);
    expect(await getTenant(writer, "listed")).toBeUndefined();
  });

  it("keep the last look for drift, until the tenant goes", async () => {
    const finding = { resource: "role tenant_listed_user", kind: "changed", detail: "login: true => false" } as const;
    const newer: DriftResult = {
      tenant_id: "listed",
      outcome: "drift",
      findings: [finding],
      problem: "",
      checked_at: new Date("2026-02-11T12:00:00Z"),
    };
    const older = { ...newer, outcome: "none", findings: [], checked_at: new Date("2026-02-11T11:00:00Z") } as const;
    // The platform's own comes from the platform stack; a run that ends late does not hide a newer one.
    await storeDriftResult(writer, older);
    for (const result of [newer, older, { ...older, tenant_id: "platform" }]) await storeDriftResult(writer, result);
    expect(await driftResults(writer)).toEqual([newer, { ...older, tenant_id: "platform" }]);
    await removeTenant(writer, "listed");
    expect((await driftResults(writer)).map(({ tenant_id }) => tenant_id)).toEqual(["platform"]);
  });

  it("refuse a private key in the place of a public one", async () => {
    await expect(upsertTenant(writer, { ...entry, age_public_key: "AGE-SECRET-KEY-1X" })).rejects.toMatchObject({
      code: "23514",
    });
  });
});
