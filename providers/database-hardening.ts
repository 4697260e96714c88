// What keeps a tenant's database safe for others and for its administrators, beyond what it was copied with: a template that is
// repaired later does not reach the copies.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { closeCatalogs, openCatalogs } from "./clients/catalogs.ts";
import { sqlState, withAdmin } from "./clients/postgresql.ts";
import { asking, protectSuperusers, unprotectedSuperusers } from "./clients/superusers.ts";
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
    await withAdmin(closeCatalogs, desired.database);
    return desired;
  },
  async observe(recorded) {
    try {
      const open = await withAdmin(openCatalogs, recorded.database);
      const exposed = await withAdmin((client) => unprotectedSuperusers(asking(client), recorded.database));
      return { ...recorded, version: open.length + exposed.length > 0 ? 0 : recorded.version };
    } catch (error) {
      if (sqlState(error) === "3D000") return undefined; // The database is gone.
      throw error;
    }
  },
  // Goes with the database.
  remove: async () => undefined,
});

/** Catalogs closed in the database, and superusers protected in it from the tenant's code. */
export class DatabaseHardening extends DynamicResource {
  constructor(name: string, args: { database: Input<string>; version: number }, opts?: CustomResourceOptions) {
    super("DatabaseHardening", "database-hardening", name, args, opts);
  }
}
