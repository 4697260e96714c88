// What keeps a tenant's database safe for others and for its administrators, beyond what it was copied with: a template that is
// repaired later does not reach the copies.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { closeCatalogs } from "./clients/catalogs.ts";
import { foreignRights, openings } from "./clients/database-rights.ts";
import { undoAll, words } from "./clients/foreign.ts";
import { sqlState, withAdmin } from "./clients/postgresql.ts";
import { protectSuperusers } from "./clients/superusers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface DatabaseHardeningInputs {
  readonly database: string;
  /** Raised when the lists in clients/catalogs.ts change. */
  readonly version: number;
}

export const provider = dynamicProvider<DatabaseHardeningInputs, DatabaseHardeningInputs>({
  describe: ({ database }) => `hardening of database ${database}`,
  id: ({ database }) => database,
  inputs: { database: "replace", version: "update" },
  adopts: true,
  async ensure(desired) {
    // From outside: the first session inside is protected already.
    await withAdmin((client) => protectSuperusers(client, desired.database));
    await withAdmin(async (client) => {
      await closeCatalogs(client);
      await undoAll(client, await foreignRights(client, desired.database));
    }, desired.database);
    return desired;
  },
  async observe(recorded) {
    try {
      await withAdmin(async () => undefined, recorded.database);
      return recorded;
    } catch (error) {
      if (sqlState(error) === "3D000") return undefined; // The database is gone.
      throw error;
    }
  },
  foreign: async ({ database }) =>
    withAdmin(
      async (client) => [...(await openings(client, database)), ...words(await foreignRights(client, database))],
      database,
    ),
  // Goes with the database.
  remove: async () => undefined,
});

/** Catalogs closed in the database, and superusers protected in it from the tenant's code. */
export class DatabaseHardening extends DynamicResource {
  constructor(name: string, args: { database: Input<string>; version: number }, opts?: CustomResourceOptions) {
    super("DatabaseHardening", "database-hardening", name, args, opts);
  }
}
