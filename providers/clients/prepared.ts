// Which placements are ready for tenants: the platform stack of each says so in the platform database, when all else of it is made.
import type { Client } from "pg";
import { defaultPlacement, platformStack } from "./placements.ts";

/** The placements that are ready, beside the default one. `client` comes from `withPlatform`. */
export async function preparedPlacements(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ placement: string }>(
    "SELECT placement FROM public.placements WHERE placement <> $1 ORDER BY 1",
    [defaultPlacement],
  );
  return rows.map(({ placement }) => placement);
}

/** Says that a placement is ready. True when that is new. */
export async function addPlacement(client: Client, placement: string): Promise<boolean> {
  const { rowCount } = await client.query(
    "INSERT INTO public.placements (placement) VALUES ($1) ON CONFLICT (placement) DO NOTHING",
    [placement],
  );
  return rowCount === 1;
}

/** Says that a placement is not ready any more. */
export async function removePlacement(client: Client, placement: string): Promise<void> {
  await client.query("DELETE FROM public.placements WHERE placement = $1", [placement]);
}

/** Who lives there, or is about to: ids. */
export async function tenantsOn(client: Client, placement: string): Promise<string[]> {
  const { rows } = await client.query<{ id: string }>(
    "SELECT tenant_id AS id FROM public.reservations WHERE placement = $1 ORDER BY 1",
    [placement],
  );
  return rows.map(({ id }) => id);
}

/** Why no tenant can be made there; undefined when it can. */
export async function unpreparedProblem(client: Client, placement = defaultPlacement): Promise<string | undefined> {
  if (placement === defaultPlacement || (await preparedPlacements(client)).includes(placement)) return undefined;
  return (
    `${placement} is not prepared: what its tenants share is made by a platform stack of its own. Make it: ` +
    `npm run tenant -- up ${platformStack(placement)}`
  );
}
