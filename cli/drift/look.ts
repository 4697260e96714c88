// One look for drift, or one repair: its outcome is kept for reports and metrics, and the webhook is told of what was found.
import type { Reporter } from "../engine/provision.ts";
import type { Difference } from "./difference.ts";

/** What was found of one tenant, or of the platform. */
export interface Found {
  /** What differs; after a repair, what is left. */
  readonly drift: readonly Difference[];
  /** With `--repair`: what was put back. */
  readonly repaired?: readonly Difference[];
}

/**
 * Looks, or repairs.
 * @throws Problem when it could not be found out, or not be put back; that is kept, too
 */
export async function look(id: string, repair: boolean, reporter: Reporter): Promise<Found> {
  const { driftOf, repairDrift } = await import("../engine/drift.ts");
  let found: Found;
  try {
    if (repair) {
      const { repaired, left } = await repairDrift(id, reporter);
      found = { drift: left, repaired };
    } else found = { drift: await driftOf(id, reporter) };
  } catch (error) {
    const { withoutSecrets } = await import("../errors.ts");
    await keep(id, [], withoutSecrets((error as Error).message));
    throw error;
  }
  await keep(id, found.drift);
  await tell(id, found);
  return found;
}

const kinds = { changed: "changed", deleted: "missing", foreign: "unexpected" } as const;

/** The newest outcome. That it could not be kept is no reason to fail: the drift is told. */
async function keep(id: string, left: readonly Difference[], problem?: string): Promise<void> {
  const [{ withPlatform }, { storeDriftResult }] = await Promise.all([
    import("../../providers/clients/platform-db.ts"),
    import("../../providers/clients/drift-results.ts"),
  ]);
  await withPlatform((client) =>
    storeDriftResult(client, {
      tenant_id: id,
      outcome: problem !== undefined ? "failed" : left.length > 0 ? "drift" : "none",
      findings: left.map(({ resource, kind, what }) => ({ resource, kind: kinds[kind], detail: what })),
      problem: problem ?? "",
      checked_at: new Date(),
    }),
  ).catch(() => undefined);
}

/** Tells the webhook, also of what was put back at once: somebody changed it. */
export async function tell(tenant: string, { drift, repaired = [] }: Found): Promise<void> {
  if (drift.length + repaired.length === 0) return;
  const { notify } = await import("../notify/index.ts");
  const found = (all: readonly Difference[]) =>
    all.map(({ place, resource, kind, what }) => ({ place, resource, kind, what }));
  await notify({
    type: "tenant.drift_found",
    tenant,
    details: { findings: found(drift), ...(repaired.length > 0 ? { repaired: found(repaired) } : {}) },
  });
}
