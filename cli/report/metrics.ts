// The fleet as Prometheus reads it.
import { Counter, Gauge, Registry } from "prom-client";
import { rotatable } from "../../components/rotation.ts";
import type { Fleet, TenantState } from "./fleet.ts";
import { storeNames } from "./sizes.ts";

/** The media type of the text. */
export const metricsType = Registry.PROMETHEUS_CONTENT_TYPE;

/** What waits on this machine to be told to somebody. */
export interface Waiting {
  readonly events: number;
  readonly notifications: number;
}

const seconds = (time: string): number => Date.parse(time) / 1000;

/** For Prometheus' text exposition format. Times are Unix times: an age is `time() - …`, also of a file that was written a while ago. */
export function metricsOf(fleet: Fleet, waiting: Waiting): Registry {
  const registry = new Registry();
  const gauge = (name: string, help: string, ...labelNames: string[]): Gauge =>
    new Gauge({ name: `tenant_storage_${name}`, help, labelNames, registers: [registry] });

  gauge("info", "The program that wrote this; always 1.", "version", "schema").set(
    { version: fleet.versions.program, schema: String(fleet.versions.schema) },
    1,
  );
  gauge("report_timestamp_seconds", "When this was read from the platform database.").set(seconds(fleet.generated_at));
  const tenants = gauge("tenants", "Tenants by status.", "status");
  const by = (status: TenantState["status"]): number => fleet.tenants.filter((one) => one.status === status).length;
  tenants.set({ status: "active" }, by("active"));
  tenants.set({ status: "suspended" }, by("suspended"));
  tenants.set({ status: "incomplete" }, fleet.incomplete.length);

  verifications(fleet, gauge);
  drift(fleet, gauge);
  sizes(fleet, gauge);

  const changed = gauge(
    "credential_changed_timestamp_seconds",
    "When a secret of the tenant was made or last rotated, as the audit log knows it.",
    ...["tenant", "secret"],
  );
  for (const { id, credentials } of fleet.tenants)
    for (const { secret, since } of credentials)
      if (since !== null && rotatable.includes(secret)) changed.set({ tenant: id, secret }, seconds(since));

  const events = new Counter({
    name: "tenant_storage_audit_events_total",
    help: "Events of the audit log, by type; failures are those that end in _FAILED.",
    labelNames: ["type"],
    registers: [registry],
  });
  // Also before the first: an alert on an increase needs the zero.
  for (const type of ["TENANT_PROVISION_FAILED", "TENANT_SUSPEND_FAILED"]) events.inc({ type }, 0);
  for (const [type, count] of Object.entries(fleet.audit.by_type)) events.inc({ type }, count);

  const kept = gauge("undelivered", "What is kept on this machine until it can be delivered.", "kind");
  kept.set({ kind: "audit_event" }, waiting.events);
  kept.set({ kind: "notification" }, waiting.notifications);
  return registry;
}

type Make = (name: string, help: string, ...labels: string[]) => Gauge;

function verifications({ tenants }: Fleet, gauge: Make): void {
  const at = gauge("verification_timestamp_seconds", "When the tenant's isolation was last verified.", "tenant");
  const passed = gauge(
    "verification_passed",
    "1: every check of the last verification passed; 0: not, or never.",
    "tenant",
  );
  const failed = gauge("verification_failed_checks", "Checks of the last verification that failed.", "tenant");
  for (const { id: tenant, verifications: all } of tenants) {
    const [newest] = all;
    passed.set({ tenant }, newest !== undefined && all.every(({ report }) => report.overall_pass) ? 1 : 0);
    if (newest === undefined) continue;
    at.set({ tenant }, seconds(newest.at));
    failed.set({ tenant }, all.flatMap(({ report }) => report.checks).filter(({ pass }) => !pass).length);
  }
}

function drift({ tenants, placements, platform_drift }: Fleet, gauge: Make): void {
  const at = gauge("drift_checked_timestamp_seconds", "When somebody last looked for drift of the stack.", "tenant");
  const found = gauge(
    "drift_differences",
    "Differences that the last look found; missing when the look failed.",
    "tenant",
  );
  const failed = gauge("drift_check_failed", "1: the last look for drift failed.", "tenant");
  const platforms = placements.map(({ stack: id, drift: last }) => ({ id, drift: last }));
  const stacks = [...tenants, { id: "platform", drift: platform_drift }, ...platforms];
  for (const { id: tenant, drift: last } of stacks) {
    if (last === null) continue;
    at.set({ tenant }, seconds(last.at));
    failed.set({ tenant }, last.outcome === "failed" ? 1 : 0);
    if (last.outcome !== "failed")
      found.set({ tenant }, last.outcome === "none" ? 0 : Math.max(1, last.findings.length));
  }
}

const itemsOf = { minio: "objects", postgresql: "", qdrant: "points", redis: "keys" } as const;

function sizes({ stores, tenants }: Fleet, gauge: Make): void {
  const up = gauge("store_up", "1: the store answered the administrator.", "store", "placement");
  for (const { store, placement, answered } of stores) up.set({ store, placement }, answered ? 1 : 0);
  const lives = gauge("placement_info", "Where the tenant lives; always 1.", "tenant", "placement");
  for (const { id: tenant, placement } of tenants) lives.set({ tenant, placement }, 1);
  const bytes = gauge("size_bytes", "Bytes that the tenant holds in the store.", "tenant", "store");
  const items = gauge(
    "items",
    "Objects, points or keys that the tenant holds in the store.",
    ...["tenant", "store", "kind"],
  );
  const limit = gauge("limit", "What the tenant may hold in the store.", ...["tenant", "store", "kind"]);
  for (const { id: tenant, sizes: all } of tenants) {
    for (const store of storeNames) {
      const size = all[store];
      if (size === undefined) continue;
      const kind = itemsOf[store];
      if (size.bytes !== null) bytes.set({ tenant, store }, size.bytes);
      if (size.items !== null) items.set({ tenant, store, kind }, size.items);
      if (size.limit !== null) limit.set({ tenant, store, kind: size.bytes === null ? kind : "bytes" }, size.limit);
    }
  }
}
