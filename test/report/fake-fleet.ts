// Rows of many tenants, written past the provisioning: some fail, drift, are suspended, old or incomplete; some bring markup.
import type { Client } from "pg";
import { readFleet, type Fleet } from "../../cli/report/fleet.ts";
import { minio } from "../../cli/verify/minio.ts";
import { postgresql } from "../../cli/verify/postgresql.ts";
import { qdrant } from "../../cli/verify/qdrant.ts";
import { redis } from "../../cli/verify/redis.ts";
import type { Check } from "../../cli/verify/report.ts";
import { newEventId } from "../../providers/clients/audit.ts";
import { ensurePlatformSchema, writerRole } from "../../providers/clients/platform-db.ts";
import { adminClient, closeSession, withAdmin } from "../../providers/clients/postgresql.ts";
import { servers } from "../../providers/clients/servers.ts";

/** What somebody would write to run something in the page. */
export const markup = `<script>alert(1)</script><img src=x onerror="alert('2')"> & "quoted" \u202egnp.exe`;

const words = ["acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "cyberdyne", "tyrell", "wonka"];
export const fakeId = (index: number): string => `${words[index % words.length]}${index < words.length ? "" : index}`;

const at = (daysAgo: number): Date => new Date(Date.now() - daysAgo * 86_400_000);

function checks(fails: boolean, when: Date): Check[] {
  return [minio, postgresql, qdrant, redis].flatMap((definition) =>
    definition.checks.map(({ test, expected }) => {
      const failed = fails && test === "cross_db_connect";
      return {
        store: definition.store,
        test,
        expected,
        result: failed ? "ALLOWED" : expected,
        pass: !failed,
        timestamp: when.toISOString(),
        detail: expected === "DENIED" ? (failed ? `not refused: ${markup}` : "read, write: AccessDenied") : "",
        duration_ms: 12,
      };
    }),
  );
}

interface Fake {
  readonly id: string;
  readonly verified: Date;
  readonly made: Date;
  readonly fails: boolean;
  readonly drifts: boolean;
  readonly suspended: boolean;
}

function fake(index: number): Fake {
  return {
    id: fakeId(index),
    verified: at(index % 17 === 11 ? 41 : 0.02 + (index % 9) / 3),
    made: at(20 + ((index * 37) % 600)),
    fails: index % 50 === 1,
    drifts: index % 29 === 2,
    suspended: index % 40 === 5,
  };
}

/** Fills the tables of an empty platform database. `client` is an administrator's. */
export async function fakeFleet(client: Client, tenants: number): Promise<void> {
  const all = Array.from({ length: tenants }, (_, index) => fake(index));
  const insert = async (table: string, rows: readonly object[]): Promise<void> => {
    await client.query(
      `INSERT INTO public.${table} SELECT * FROM jsonb_populate_recordset(NULL::public.${table}, $1)`,
      [JSON.stringify(rows)],
    );
  };
  const reports = all.map((one) => {
    const report_id = newEventId();
    const report = {
      tenant_id: one.id,
      against: "canary",
      ...(one.suspended && { suspended: true }),
      checks: checks(one.fails, one.verified),
      overall_pass: !one.fails,
      report_id,
    };
    return { report_id, tenant_id: one.id, report, overall_pass: !one.fails, created_at: one.verified };
  });
  await insert("verification_reports", reports);
  await insert("placements", [{ placement: "eu-2", prepared_at: at(700) }]);
  await insert(
    "tenants",
    all.map((one, index) => ({
      tenant_id: one.id,
      status: one.suspended ? "suspended" : "active",
      suspension_reason: one.suspended ? markup : "",
      labels: { plan: index % 3 === 0 ? "gold" : "basic" },
      placement: index % 7 === 4 ? "eu-2" : "default",
      networks: [`10.${Math.floor(index / 250) + 1}.${index % 250}.0/24`],
      endpoints: {
        minio: `https://objects.example:9000/tenant-${one.id}-bucket`,
        postgresql: `postgresql://db.example:5432/tenant_${one.id}`,
        qdrant: `https://vectors.example:6335/collections/tenant_${one.id}`,
        redis: "rediss://cache.example:6379",
      },
      age_public_key: "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z",
      credentials_ref: `${one.id}/secrets.enc.yaml`,
      created_at: one.made,
      updated_at: one.verified,
      verified_at: one.verified,
      report_id: reports[index]?.report_id,
    })),
  );
  await insert(
    "drift_results",
    all
      .filter((_, index) => index % 4 !== 3)
      .map((one) => ({
        tenant_id: one.id,
        outcome: one.drifts ? "drift" : "none",
        findings: one.drifts
          ? [{ resource: `role tenant_${one.id}_user`, kind: "changed", detail: "connectionLimit: 20 => 100" }]
          : [],
        problem: "",
        checked_at: at(0.4),
      })),
  );
  await client.query("INSERT INTO public.reservations (tenant_id, stack) VALUES ('halfway', 'halfway')");
  await client.query("ALTER TABLE public.audit_events DISABLE TRIGGER ALL");
  await insert("audit_events", all.flatMap(events));
  await client.query("ALTER TABLE public.audit_events ENABLE TRIGGER ALL");
}

function events({ id, made, verified, fails }: Fake, index: number): object[] {
  const component = "provisioning-orchestrator";
  const happened: [string, Date, object][] = [
    ["TENANT_PROVISIONED", made, { component, status: "success", report_id: newEventId() }],
    ...(index % 3 === 0
      ? [["TENANT_ROTATED", at(10), { component, rotated: ["minio", "redis"] }] as [string, Date, object]]
      : []),
    ["TENANT_UPDATED", verified, { component, status: "success", report_id: newEventId() }],
    ...(fails
      ? [
          ["TENANT_PROVISION_FAILED", verified, { component, status: "failed", cause: markup }] as [
            string,
            Date,
            object,
          ],
        ]
      : []),
  ];
  const ids = happened.map(() => newEventId());
  return happened.map(([event_type, created_at, details], position) => ({
    event_id: ids[position],
    tenant_id: id,
    position: position + 1,
    previous_event_id: ids[position - 1] ?? null,
    event_type,
    resource_type: "tenant",
    resource_id: id,
    details,
    created_at,
  }));
}

/** Runs `work` on a platform database of its own that has so many tenants, as the role that commands read with. */
export async function withFakeFleet<T>(
  tenants: number,
  work: (read: (only?: readonly string[]) => Promise<Fleet>, admin: Client) => Promise<T>,
): Promise<T> {
  const database = `fake_fleet_${process.pid}_${tenants}`;
  await withAdmin((client) => client.query(`CREATE DATABASE ${database} TEMPLATE template0`));
  try {
    await withAdmin(ensurePlatformSchema, database);
    return await withAdmin(async (admin) => {
      await fakeFleet(admin, tenants);
      const reader = await adminClient(servers(), database, { role: writerRole });
      return work(async (only) => readFleet(reader, only), admin).finally(async () => closeSession(reader));
    }, database);
  } finally {
    await withAdmin((client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`));
  }
}
