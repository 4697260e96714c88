// The tenant's id and networks: taken before anything is made, given back after every server has said that nothing is left.
import type { CustomResourceOptions, dynamic } from "@pulumi/pulumi";
import type { Client } from "pg";
import { tenantNames } from "../components/names.ts";
import { rotatable, type Rotations } from "../components/rotation.ts";
import { adopting } from "./clients/adopting.ts";
import { barredProblem } from "./clients/barred.ts";
import { recordDeletion } from "./clients/deletion.ts";
import { defaultPlacement } from "./clients/placements.ts";
import { withPlatform } from "./clients/platform-db.ts";
import { unpreparedProblem } from "./clients/prepared.ts";
import { release, reservationOf, reserve, takeBack } from "./clients/reservations.ts";
import { getTenant } from "./clients/registry.ts";
import { servers, type Servers } from "./clients/servers.ts";
import { askAll, foundIn, listTraces, tracesOf } from "./clients/traces.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface ReservationInputs {
  readonly tenant: string;
  readonly stack: string;
  readonly networks: readonly string[];
  /** Where it lives; left out on the default placement. */
  readonly placement?: string;
  /** What was ever rotated, or is being rotated. */
  readonly rotation?: Rotations;
}

/** `tenant provision` sets it to 1 while it takes back what a failed run made. */
export const rollbackVariable = "TENANT_ROLLBACK";

const sorted = (networks: readonly string[]): string[] => [...networks].sort();

/** A reservation that is made for the first time takes nothing over: neither names nor a tenant whose state is elsewhere. */
async function requireNew(client: Client, { tenant, rotation }: ReservationInputs, all: Servers): Promise<void> {
  if ((await reservationOf(client, tenant)) !== undefined) {
    const row = await getTenant(client, tenant);
    if (row === undefined) return; // An interrupted run of ours: what exists was made by it.
    throw new Error(
      `tenant ${tenant} is registered since ${row.created_at.toISOString()}, but this stack does not know it, and nothing of ` +
        `it was touched. Use the backend that holds its state: PULUMI_BACKEND_URL`,
    );
  }
  const barred = await barredProblem(client, tenant);
  if (barred !== undefined) throw new Error(`${barred}. Nothing was touched`);
  if (adopting() === tenant) return; // What exists is to be taken over.
  const taken = await tracesOf(tenantNames(tenant), all, { keys: true, minioRotations: rotation?.minio });
  if (taken.length === 0) return;
  throw new Error(
    `the name is taken, and nothing of it was touched: ${listTraces(taken)}. Choose another tenant id, or remove these first`,
  );
}

/** While the platform database does not answer, nothing is known; the update then fails for that. */
async function refusedByPlatform({ tenant, placement }: ReservationInputs): Promise<dynamic.CheckFailure[]> {
  const [barred, unprepared] = await withPlatform(async (client) => {
    const ours = await reservationOf(client, tenant);
    return [
      ours === undefined ? await barredProblem(client, tenant) : undefined,
      await unpreparedProblem(client, placement),
    ];
  }).catch(() => []);
  return [
    ...(barred === undefined ? [] : [{ property: "tenant", reason: barred }]),
    ...(unprepared === undefined ? [] : [{ property: "placement", reason: unprepared }]),
  ];
}

/** Data do not move by themselves: another placement would be an empty tenant in the place of one that holds data. */
function movedPlacement(
  { tenant: id, placement: from = defaultPlacement }: Partial<ReservationInputs>,
  { placement: to = defaultPlacement }: ReservationInputs,
): dynamic.CheckFailure[] {
  if (from === to) return [];
  const reason =
    `is ${to}, and the tenant lives on ${from}: its data do not move by themselves. Set it back to ${from}. To move it: ` +
    `npm run tenant -- export ${id} --to FOLDER; npm run tenant -- deprovision ${id} --confirm ${id} --keep-config; placement: ${to} in ` +
    `stacks/Pulumi.${id}.yaml; npm run tenant -- provision ${id}; npm run tenant -- restore ${id} --from FOLDER`;
  return [{ property: "placement", reason }];
}

/** A tenant is verified against what the placement's own platform stack makes. */
async function requirePrepared(client: Client, placement: string | undefined): Promise<void> {
  const problem = await unpreparedProblem(client, placement);
  if (problem !== undefined) throw new Error(`placement ${problem}. Nothing was touched`);
}

/** The credentials of a number that was begun may be in use, or about to be deleted: none comes back under the same name. */
function loweredRotations(begun: Rotations = {}, wanted: Rotations = {}): dynamic.CheckFailure[] {
  return rotatable
    .filter((secret) => (wanted[secret] ?? 0) < (begun[secret] ?? 0))
    .map((secret) => ({
      property: `rotation.${secret}`,
      reason: `is ${wanted[secret] ?? 0}, and rotation ${begun[secret]} was begun: the number only goes up. Set it to ${begun[secret]} or more`,
    }));
}

export const provider = dynamicProvider<ReservationInputs, ReservationInputs>({
  describe: ({ tenant }) => `reservation of tenant ${tenant}`,
  id: ({ tenant }) => tenant,
  inputs: { tenant: "replace", stack: "replace", networks: "update", placement: "replace", rotation: "update" },
  optional: ["placement", "rotation"],
  refuse: async (known, wanted) =>
    known.tenant === undefined
      ? refusedByPlatform(wanted)
      : [...movedPlacement(known, wanted), ...loweredRotations(known.rotation, wanted.rotation)],
  async ensure(desired, previous) {
    const all = servers();
    await withPlatform(async (client) => {
      if (previous === undefined) {
        await requirePrepared(client, desired.placement);
        await requireNew(client, desired, all);
      } else await takeBack(client, desired);
      await reserve(client, desired);
    });
    return desired;
  },
  async observe(recorded) {
    const found = await withPlatform((client) => reservationOf(client, recorded.tenant));
    if (found === undefined) return undefined;
    const same = sorted(found.networks).join() === sorted(recorded.networks).join();
    return { ...recorded, networks: same ? recorded.networks : found.networks };
  },
  async foreign({ tenant, stack, placement = defaultPlacement }) {
    const found = await withPlatform((client) => reservationOf(client, tenant));
    // No input that differs: a reservation of another stack would be made anew, and the tenant with it.
    if (found === undefined) return [];
    return [
      ...(found.stack === stack ? [] : [`it is registered for the stack ${found.stack}`]),
      ...(found.placement === placement ? [] : [`it is registered on the placement ${found.placement}`]),
    ];
  },
  async remove({ tenant, rotation }) {
    const all = servers();
    const rollback = process.env[rollbackVariable] === "1";
    const extent = { keys: true, minioRotations: rotation?.minio };
    const answers = await askAll(tenantNames(tenant), all, extent).catch((error: unknown) => {
      // What is in the state was removed before this. A store that is down must not keep the id of a tenant that never was;
      // had an interrupted call left something there, the next reservation of the id would find it.
      if (rollback && error instanceof AggregateError) return [];
      throw error;
    });
    const left = foundIn(answers);
    if (left.length > 0) {
      throw new Error(
        `the tenant is not gone: ${listTraces(left)}. Remove what is left, then run it again: pulumi destroy --stack ${tenant}`,
      );
    }
    await withPlatform(async (client) => {
      // A rollback records TENANT_PROVISION_FAILED instead. What it had to leave behind is deprovisioned later; a tenant that
      // never was anything is not.
      if (!rollback) await recordDeletion(client, tenant, answers);
      await release(client, tenant);
    });
  },
});

/** Reserves the tenant's id for this stack, and its networks. Depends on nothing; everything depends on it. */
export class Reservation extends DynamicResource {
  constructor(name: string, args: ReservationInputs, opts?: CustomResourceOptions) {
    super("Reservation", "reservation", name, { ...args }, opts);
  }
}
