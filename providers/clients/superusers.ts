// What protects superusers in a tenant's database from the tenant's code, whatever client they come with (psql, a restore, the
// native provider): the session finds no function, operator or table of the tenant by an unqualified name, and expands none of
// its views.
import type { Client } from "pg";

const settings = { search_path: "pg_catalog, pg_temp", restrict_nonsystem_relation_kind: "view, foreign-table" };

/** Runs a query and returns its rows. */
type Ask = <T extends object>(query: string, values: readonly unknown[]) => Promise<T[]>;

/** With one connection. */
export const asking =
  (client: Client): Ask =>
  async <T extends object>(query: string, values: readonly unknown[]) =>
    (await client.query<T>(query, [...values])).rows;

/** A setting that a superuser lacks in a database. */
export interface Unprotected {
  readonly role: string;
  readonly name: keyof typeof settings;
}

/** The superusers of this server that are not protected in the database, with every setting they lack and the server knows. */
export async function unprotectedSuperusers(ask: Ask, database: string): Promise<Unprotected[]> {
  const names = Object.keys(settings);
  return ask<Unprotected>(
    `SELECT rolname AS role, name FROM pg_roles, unnest($2::text[], $3::text[]) AS wanted (name, value)
     WHERE rolsuper AND wanted.name IN (SELECT known.name FROM pg_settings AS known) AND NOT EXISTS (
       SELECT FROM pg_db_role_setting, unnest(setconfig) AS setting
       WHERE setrole = pg_roles.oid AND setdatabase = (SELECT oid FROM pg_database WHERE datname = $1)
         AND replace(setting, '"', '') = name || '=' || value)`,
    [database, names, Object.values(settings)],
  );
}

/** Protects every superuser there is. */
export async function protectSuperusers(client: Client, database: string): Promise<void> {
  for (const { role, name } of await unprotectedSuperusers(asking(client), database)) {
    const values = settings[name].split(", ").map((value) => client.escapeLiteral(value));
    const [who, where] = [role, database].map((text) => client.escapeIdentifier(text));
    await client.query(`ALTER ROLE ${who} IN DATABASE ${where} SET ${name} = ${values.join(", ")}`);
  }
}
