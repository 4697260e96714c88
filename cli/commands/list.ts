// tenant list: the registry.
import { Command } from "commander";

interface Options {
  readonly select?: string;
  readonly json?: true;
}

/** A tenant as the command shows it. */
interface Listed {
  readonly id: string;
  /** `incomplete`: the id is reserved, but provisioning has not ended, or a rollback could not. */
  readonly status: "active" | "suspended" | "incomplete";
  /** Why it is suspended; empty when it is not, or nobody said. */
  readonly suspension_reason: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Which set of the four stores it lives on. */
  readonly placement: string;
  readonly networks: readonly string[];
  readonly verified_at: string | null;
  readonly created_at: string;
}

export function listCommand(): Command {
  return new Command("list")
    .description("the registered tenants")
    .option("--select <labels>", "only those whose labels, or placement, say so: k=v, k!=v or k, with commas for and")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
suspended: it is shut out of every store, and nothing of it is deleted; resume lets it in again.
incomplete: the id is reserved, but the tenant is being made, or a failed run could not be undone. Finish it with
provision, or take it away with deprovision.

Example: npm run tenant -- list --select 'plan=gold,region!=us'`,
    )
    .action(list);
}

async function list({ select, json }: Options): Promise<void> {
  const { matches, parseSelection, selectable } = await import("../fleet/selection.ts");
  const conditions = select === undefined ? [] : parseSelection(select);
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  const { say, sayJson, table } = await import("../output.ts");
  const tenants = (await listed()).filter(({ labels, placement }) =>
    matches(conditions, selectable(labels, placement)),
  );
  if (json) return sayJson(tenants);
  if (select !== undefined && tenants.length === 0) return say(`No tenant has labels that match ${select}.`);
  if (tenants.length === 0)
    return say("No tenant yet. Make one: npm run tenant -- provision ID --network 10.12.0.0/16");
  const { defaultPlacement } = await import("../../providers/clients/placements.ts");
  const placed = tenants.some(({ placement }) => placement !== defaultPlacement);
  const rows = tenants.map(({ id, status, suspension_reason: reason, placement, ...tenant }) => [
    id,
    ...(placed ? [placement] : []),
    reason === "" ? status : `${status}\n${reason}`,
    lines(tenant.labels),
    tenant.networks.join("\n"),
    minutes(tenant.verified_at),
    minutes(tenant.created_at),
  ]);
  const head = ["status", "labels", "networks", "verified (UTC)", "created (UTC)"];
  say(await table(["tenant", ...(placed ? ["placement"] : []), ...head], rows));
}

async function listed(): Promise<Listed[]> {
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { listTenants } = await import("../../providers/clients/registry.ts");
  return withPlatform(async (client) => {
    const registered = (await listTenants(client)).map((row): Listed => ({
      id: row.tenant_id,
      status: row.status,
      suspension_reason: row.suspension_reason,
      labels: row.labels,
      placement: row.placement,
      networks: row.networks,
      verified_at: row.verified_at?.toISOString() ?? null,
      created_at: row.created_at.toISOString(),
    }));
    const { rows } = await client.query<{ id: string; networks: string[]; placement: string; reserved_at: Date }>(
      `SELECT tenant_id AS id, placement, reserved_at,
         ARRAY(SELECT network::text FROM public.reservation_networks n WHERE n.tenant_id = r.tenant_id) AS networks
       FROM public.reservations r
       WHERE NOT EXISTS (SELECT FROM public.tenants t WHERE t.tenant_id = r.tenant_id)`,
    );
    const incomplete = rows.map(({ id, networks, placement, reserved_at }): Listed => ({
      id,
      status: "incomplete",
      suspension_reason: "",
      labels: {},
      placement,
      networks,
      verified_at: null,
      created_at: reserved_at.toISOString(),
    }));
    return [...registered, ...incomplete].sort((one, two) => (one.id < two.id ? -1 : 1));
  });
}

/** `plan=gold`, a line each. */
const lines = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .sort()
    .join("\n");

/** `2026-02-11 12:00` */
function minutes(time: string | null): string {
  return time?.slice(0, 16).replace("T", " ") ?? "never";
}
