// Deleting many tenants: what they hold is said first, and the confirmation repeats exactly these tenants.
import { createHash } from "node:crypto";
import { describeCounts, type DataCounts } from "../../providers/clients/traces.ts";
import { Problem } from "../errors.ts";
import { plural, table } from "../output.ts";

/** What a tenant holds; undefined: it could not be counted. */
export interface Held {
  readonly id: string;
  readonly counts: DataCounts;
}

/** Names this very set of tenants: their number, and a hash of their ids. `3-1f0c9a` */
export function confirmationCode(ids: readonly string[]): string {
  const hash = createHash("sha256")
    .update(JSON.stringify([...ids].sort()))
    .digest("hex");
  return `${ids.length}-${hash.slice(0, 6)}`;
}

/** What is to be typed for these tenants: their ids as long as they are few. */
export const confirmation = (ids: readonly string[]): string =>
  ids.length <= 5 ? [...ids].sort().join(",") : confirmationCode(ids);

/** Whether `given` repeats these tenants: all ids, with commas, in any order; or the code. */
export function confirms(given: string | undefined, ids: readonly string[]): boolean {
  if (given === undefined) return false;
  const named = given.split(",").map((id) => id.trim());
  return given === confirmationCode(ids) || JSON.stringify(named.sort()) === JSON.stringify([...ids].sort());
}

/** A line for each tenant. */
export async function describeHeld(held: readonly Held[]): Promise<string> {
  return table(
    ["tenant", "would be deleted with it"],
    held.map(({ id, counts }) => [id, describeCounts(counts)]),
  );
}

/** @param command as it is typed, without --confirm */
export function refuseUnconfirmed(given: string | undefined, ids: readonly string[], command: string): Problem {
  const wrong = given === undefined ? "" : `--confirm ${given} does not name these tenants. `;
  return new Problem(
    "confirm-needed",
    `${wrong}Nothing was deleted. ${plural(ids.length, "tenant")} would be, with everything that is listed. ` +
      `To delete them: ${command} --confirm ${confirmation(ids)}`,
  );
}
