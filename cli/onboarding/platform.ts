// What the platform database knows that no stack file here says: tenants of other checkouts, and barred ids.
import type { Client } from "pg";

/** What it says to a new tenant. */
export interface PlatformView {
  /** Why it could not be asked; undefined: it was. */
  readonly unasked: string | undefined;
  /** Every network that a tenant has. */
  readonly networks: readonly string[];
  /** What stands in the way of a tenant: one line each. */
  readonly problems: (id: string, networks: readonly string[], placement: string) => Promise<readonly string[]>;
}

/** Asks it for the networks. A platform that does not answer is no obstacle: `provision` asks it again. */
export async function platformView(): Promise<PlatformView> {
  try {
    const { useStackConfig } = await import("../environment.ts");
    await useStackConfig("platform");
    const { withPlatform } = await import("../../providers/clients/platform-db.ts");
    const networks = await withPlatform(async (client) => {
      const { rows } = await client.query<{ network: string }>(
        "SELECT DISTINCT network::text AS network FROM public.reservation_networks ORDER BY 1",
      );
      return rows.map(({ network }) => network);
    });
    return {
      unasked: undefined,
      networks,
      problems: (...wanted) => withPlatform((client) => problemsOf(client, ...wanted)),
    };
  } catch (error) {
    const [reason = ""] = (error as Error).message.split("\n");
    return { unasked: reason, networks: [], problems: async () => [] };
  }
}

async function problemsOf(client: Client, id: string, wanted: readonly string[], placement: string): Promise<string[]> {
  const { overlaps, reservationOf } = await import("../../providers/clients/reservations.ts");
  const { unpreparedProblem } = await import("../../providers/clients/prepared.ts");
  const { barredProblem } = await import("../../providers/clients/barred.ts");
  const holder = await reservationOf(client, id);
  const barred = await barredProblem(client, id);
  const taken = await overlaps(client, wanted, id);
  const unprepared = await unpreparedProblem(client, placement);
  return [
    ...(holder === undefined
      ? []
      : [`id: a tenant ${id} exists since ${holder.reserved_at.toISOString()}: use the checkout that has its file`]),
    ...(barred === undefined ? [] : [`id: ${barred}`]),
    ...(unprepared === undefined ? [] : [`placement: ${unprepared}`]),
    ...taken.map((one) => `network: ${one.network} overlaps ${one.otherNetwork} of tenant ${one.otherTenant}`),
  ];
}
