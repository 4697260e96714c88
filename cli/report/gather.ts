// Everything a report shows: the platform database first, then the stores.
import { defaultPlacement } from "../../providers/clients/placements.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { inPlacement } from "../../providers/clients/stack-scope.ts";
import { withoutSecrets } from "../errors.ts";
import { readFleet, type Fleet } from "./fleet.ts";
import type { SizeChoice } from "./size-choices.ts";
import { storeSizes } from "./sizes.ts";

export interface GatherOptions {
  /** These tenants; all when it is empty. */
  readonly only?: readonly string[];
  readonly sizes: SizeChoice;
}

/**
 * Gathers the fleet. A store that does not answer is in the result.
 * @throws Error when the platform database does not answer.
 */
export async function gather({ only = [], sizes: choice }: GatherOptions): Promise<Fleet> {
  const fleet = await withPlatform((client) => readFleet(client, only));
  const placements = [...new Set([defaultPlacement, ...fleet.tenants.map(({ placement }) => placement)])].sort(
    (one, two) => Number(two === defaultPlacement) - Number(one === defaultPlacement) || one.localeCompare(two, "en"),
  );
  const asked = await Promise.all(
    placements.map(async (placement) => {
      const ids = fleet.tenants.flatMap((tenant) => (tenant.placement === placement ? [tenant.id] : []));
      return { placement, ...(await inPlacement(placement, () => storeSizes(ids, choice))) };
    }),
  );
  const answers = new Map(asked.map((one) => [one.placement, one]));
  return cleared({
    ...fleet,
    stores: asked.flatMap(({ stores }) => stores),
    tenants: fleet.tenants.map((tenant) => ({
      ...tenant,
      sizes: answers.get(tenant.placement)?.sizes(tenant.id) ?? {},
    })),
  });
}

/** The same without anything that looks like a secret: messages in it come from servers and clients. */
function cleared<T>(value: T): T {
  return JSON.parse(JSON.stringify(value), (_, one: unknown) =>
    typeof one === "string" ? withoutSecrets(one) : one,
  ) as T;
}
