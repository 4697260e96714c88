// What keeps a tenant's database safe for others and for its administrators, beyond what it was copied with: a template that is
// repaired later does not reach the copies.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import type { Client } from "pg";
import { closeCatalogs, openCatalogs } from "./clients/catalogs.ts";
import { sqlState, withAdmin } from "./clients/postgresql.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface DatabaseHardeningInputs {
  readonly database: string;
  /** Raised when the lists in clients/catalogs.ts change. */
  readonly version: number;
}

/**
 * Settings of every superuser in a tenant's database, whatever client it comes with (psql, a restore, the native provider): its
 * session finds no function, operator or table of the tenant by an unqualified name, and expands none of the tenant's views.
 */
const superuserSettings = {
  search_path: "pg_catalog, pg_temp",
  restrict_nonsystem_relation_kind: "view, foreign-table",
};

/** Rows (role, name): the settings above that a superuser of this server lacks in the database `$1`. */
const missingSettings = `
  SELECT rolname AS role, settings.name FROM pg_roles, pg_settings AS settings
  WHERE rolsuper AND settings.name = ANY ($2) AND NOT EXISTS (
    SELECT FROM pg_db_role_setting, unnest(setconfig) AS setting
    WHERE setrole = pg_roles.oid AND setdatabase = (SELECT oid FROM pg_database WHERE datname = $1)
      AND setting LIKE settings.name || '=%')`;

async function unprotected(client: Client, database: string): Promise<{ role: string; name: string }[]> {
  const { rows } = await client.query<{ role: string; name: string }>(missingSettings, [
    database,
    Object.keys(superuserSettings),
  ]);
  return rows;
}

export const provider = dynamicProvider<DatabaseHardeningInputs, DatabaseHardeningInputs>({
  describe: ({ database }) => `hardening of database ${database}`,
  id: ({ database }) => database,
  inputs: { database: "replace", version: "update" },
  async ensure(desired) {
    // From outside: the first session inside is protected already.
    await withAdmin(async (client) => {
      const database = client.escapeIdentifier(desired.database);
      for (const { role, name } of await unprotected(client, desired.database)) {
        const value = superuserSettings[name as keyof typeof superuserSettings];
        const setting = `${name} = ${value
          .split(", ")
          .map((one) => client.escapeLiteral(one))
          .join(", ")}`;
        await client.query(`ALTER ROLE ${client.escapeIdentifier(role)} IN DATABASE ${database} SET ${setting}`);
      }
    });
    await withAdmin(closeCatalogs, desired.database);
    return desired;
  },
  async observe(recorded) {
    try {
      const open = await withAdmin(openCatalogs, recorded.database);
      const exposed = await withAdmin((client) => unprotected(client, recorded.database));
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
