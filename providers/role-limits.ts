// Settings of a PostgreSQL role that the native Role does not know. Only a superuser may change them: the tenant cannot.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import type { Client } from "pg";
import { undoAll, words } from "./clients/foreign.ts";
import { sqlState, withAdmin } from "./clients/postgresql.ts";
import { foreignSettings } from "./clients/role-rights.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface RoleLimitsInputs {
  readonly role: string;
  /** Disk space for the temporary files of one session: `256MB`. */
  readonly tempFileLimit: string;
}

async function currentLimit(client: Client, role: string): Promise<string | undefined> {
  // One for a database alone comes first: it wins there.
  const { rows } = await client.query<{ setting: string }>(
    `SELECT substring(setting FROM 'temp_file_limit=(.*)') AS setting FROM pg_db_role_setting, unnest(setconfig) AS setting
     WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = $1) AND setting LIKE 'temp\\_file\\_limit=%'
     ORDER BY setdatabase = 0`,
    [role],
  );
  return rows[0]?.setting;
}

export const provider = dynamicProvider<RoleLimitsInputs, RoleLimitsInputs>({
  describe: ({ role }) => `limits of role ${role}`,
  id: ({ role }) => role,
  inputs: { role: "replace", tempFileLimit: "update" },
  adopts: true,
  async ensure(desired) {
    await withAdmin(async (client) => {
      const role = client.escapeIdentifier(desired.role);
      await client.query(`ALTER ROLE ${role} SET temp_file_limit = ${client.escapeLiteral(desired.tempFileLimit)}`);
      // A killed restore leaves one off in the tenant's own (cli/snapshot/postgresql.ts).
      const { rows } = await client.query<{ name: string }>(
        `SELECT datname AS name FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
         WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = $1) AND setconfig::text LIKE '%temp\\_file\\_limit=%'`,
        [desired.role],
      );
      for (const { name } of rows) {
        await client.query(`ALTER ROLE ${role} IN DATABASE ${client.escapeIdentifier(name)} RESET temp_file_limit`);
      }
      await undoAll(client, await foreignSettings(client, desired.role));
    });
    return desired;
  },
  async observe(recorded) {
    const tempFileLimit = await withAdmin((client) => currentLimit(client, recorded.role));
    return tempFileLimit === undefined ? undefined : { ...recorded, tempFileLimit };
  },
  foreign: async ({ role }) => withAdmin(async (client) => words(await foreignSettings(client, role))),
  async remove({ role }) {
    await withAdmin(async (client) => {
      await client
        .query(`ALTER ROLE ${client.escapeIdentifier(role)} RESET temp_file_limit`)
        .catch((error: unknown) => {
          if (sqlState(error) !== "42704") throw error; // The role is gone already.
        });
    });
  },
});

/** Limits of a role beyond its connection limit. */
export class RoleLimits extends DynamicResource {
  constructor(name: string, args: { role: Input<string>; tempFileLimit: string }, opts?: CustomResourceOptions) {
    super("RoleLimits", "role-limits", name, args, opts);
  }
}
