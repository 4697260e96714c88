// Every placement that is known: by the operator's environment, by the platform database, or by both.
import { defaultPlacement, placementsIn, platformStack, placementVariable } from "../providers/clients/placements.ts";
import { withPlatform } from "../providers/clients/platform-db.ts";
import { servers, serverVariables, type Servers } from "../providers/clients/servers.ts";
import { withoutSecrets } from "./errors.ts";

/** A placement as the command shows it. */
export interface KnownPlacement {
  readonly placement: string;
  /** Its platform stack. */
  readonly stack: string;
  /** Addresses by store, without credentials; empty when there is a problem. */
  readonly servers: Readonly<Record<string, string>>;
  /** Why it cannot be used from here; empty when it can. */
  readonly problem: string;
  /** null: the platform database was not asked. */
  readonly prepared: boolean | null;
  /** How many live there; null: the platform database was not asked. */
  readonly tenants: number | null;
}

/** All placements, the default one first, and why the platform database could not be asked. */
export async function knownPlacements(): Promise<{ found: KnownPlacement[]; unasked: string | undefined }> {
  const recorded = await withPlatform(async (client) => {
    const { rows } = await client.query<{ placement: string; tenants: number }>(
      `SELECT placement, count(tenant_id)::int AS tenants FROM public.placements
       LEFT JOIN public.reservations USING (placement) GROUP BY placement`,
    );
    return rows;
  }).catch((error: unknown) => withoutSecrets((error as Error).message));
  const rows = typeof recorded === "string" ? [] : recorded;
  const names = [...placementsIn(serverVariables), ...rows.map(({ placement }) => placement)];
  const others = [...new Set(names)].filter((name) => name !== defaultPlacement).sort();
  const found = [defaultPlacement, ...others].map((placement): KnownPlacement => {
    const row = rows.find((one) => one.placement === placement);
    const asked = typeof recorded !== "string";
    return {
      placement,
      stack: platformStack(placement),
      ...addressesOf(placement),
      prepared: asked ? row !== undefined : null,
      tenants: asked ? (row?.tenants ?? 0) : null,
    };
  });
  return { found, unasked: typeof recorded === "string" ? recorded : undefined };
}

function addressesOf(placement: string): Pick<KnownPlacement, "servers" | "problem"> {
  try {
    const all = servers(process.env, (key) => (key === "placement" ? placement : undefined));
    return { servers: addresses(all), problem: "" };
  } catch (error) {
    return { servers: {}, problem: withoutSecrets((error as Error).message) };
  }
}

const addresses = ({ minio, postgresql, qdrant, redis }: Servers): Record<string, string> => ({
  minio: minio.endpoint.origin,
  postgresql: `postgresql://${(postgresql.nodes ?? [postgresql]).map(({ host, port }) => `${host}:${port}`).join(",")}`,
  qdrant: (qdrant.nodes ?? [qdrant.url]).map(({ origin }) => origin).join(","),
  redis: `${redis.url.protocol}//${redis.addresses.map(({ host, port }) => `${host}:${port}`).join(",")}`,
});

/** The variables of all placements but the default one. Holds passwords. */
export function placementVariables(env: NodeJS.ProcessEnv = process.env): Record<string, string> {
  const names = placementsIn(serverVariables, env).flatMap((placement) =>
    serverVariables.map((one) => placementVariable(placement, one)),
  );
  return Object.fromEntries(names.flatMap((name) => (env[name] ? [[name, env[name]]] : [])));
}
