// Ways to break a tenant's isolation in PostgreSQL.
import { editHba } from "../../providers/clients/hba-file.ts";
import { withEntry, withoutEntry, type HbaEntry } from "../../providers/clients/pg-hba.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import type { Breaker, Target } from "./breakers.ts";

/** Runs a statement as the administrator, and another to undo it. */
const sqlBreaker = (
  name: string,
  fails: readonly string[],
  statement: (target: Target) => string,
  undo: (target: Target) => string,
  /** The database to run them in; any when it does not matter. */
  inDatabase?: (target: Target) => string,
): Breaker => ({
  name,
  fails,
  async breakIt(t) {
    const run = (text: string) => withAdmin((client) => client.query(text), inDatabase?.(t));
    await run(statement(t));
    return () => run(undo(t));
  },
});

/** Opens a database to the tenant: the grant, and the line in pg_hba.conf that a hardened server also wants. */
const doorBreaker = (name: string, check: string, database: (target: Target) => string): Breaker => ({
  name,
  fails: [check, "postgresql/role_confined"],
  async breakIt(t) {
    const [opened, { role }] = [database(t), t.names];
    const entry: HbaEntry = { database: opened, role, networks: ["127.0.0.1/32", "::1/128"] };
    await withAdmin(async (client) => {
      await client.query(`GRANT CONNECT ON DATABASE ${opened} TO ${role}`);
      await editHba(client, (text) => withEntry(text, entry));
      await client.query("SELECT pg_sleep(0.2)"); // The server reloads on a signal.
    });
    return () =>
      withAdmin(async (client) => {
        await client.query(`REVOKE CONNECT ON DATABASE ${opened} FROM ${role}`);
        await editHba(client, (text) => withoutEntry(text, entry));
        await client.query("SELECT pg_sleep(0.2)");
      });
  },
});

const own = ({ names }: Target): string => names.database;

export const postgresqlBreakers: Breaker[] = [
  doorBreaker(
    "role may connect to the other tenant's database",
    "postgresql/cross_db_connect",
    ({ other }) => other.database,
  ),
  doorBreaker("role may connect to postgres", "postgresql/shared_db_connect", () => "postgres"),
  doorBreaker("role may connect to the platform's database", "postgresql/shared_db_connect", () => "platform"),
  {
    name: "a line of pg_hba.conf lets the role ask for any database",
    fails: ["postgresql/existence_hidden"],
    async breakIt({ names }) {
      const line = `host all ${names.role} 127.0.0.1/32 scram-sha-256\n`;
      const edit = (change: (text: string) => string) =>
        withAdmin(async (client) => {
          await editHba(client, change);
          await client.query("SELECT pg_sleep(0.2)"); // The server reloads on a signal.
        });
      await edit((text) => line + text);
      return () => edit((text) => text.replace(line, ""));
    },
  },
  sqlBreaker(
    "everybody sees every session",
    ["postgresql/other_activity"],
    // The view calls the function with the reader's rights.
    () => "GRANT SELECT ON pg_stat_activity TO PUBLIC; GRANT EXECUTE ON FUNCTION pg_stat_get_activity(int) TO PUBLIC",
    () =>
      "REVOKE SELECT ON pg_stat_activity FROM PUBLIC; REVOKE EXECUTE ON FUNCTION pg_stat_get_activity(int) FROM PUBLIC",
    own,
  ),
  sqlBreaker(
    "everybody sees every lock",
    ["postgresql/other_activity"],
    () => "GRANT SELECT ON pg_locks TO PUBLIC; GRANT EXECUTE ON FUNCTION pg_lock_status() TO PUBLIC",
    () => "REVOKE SELECT ON pg_locks FROM PUBLIC; REVOKE EXECUTE ON FUNCTION pg_lock_status() FROM PUBLIC",
    own,
  ),
  sqlBreaker(
    "role may take every connection",
    ["postgresql/role_limited"],
    ({ names }) => `ALTER ROLE ${names.role} CONNECTION LIMIT -1`,
    ({ names }) => `ALTER ROLE ${names.role} CONNECTION LIMIT 20`,
  ),
  sqlBreaker(
    "role may fill the disk with temporary files",
    ["postgresql/role_limited"],
    ({ names }) => `ALTER ROLE ${names.role} SET temp_file_limit = -1`,
    ({ names }) => `ALTER ROLE ${names.role} SET temp_file_limit = '256MB'`,
  ),
  sqlBreaker(
    "a superuser's search path leads through the tenant's schema",
    ["postgresql/superusers_protected"],
    ({ names }) => `ALTER ROLE CURRENT_USER IN DATABASE ${names.database} SET search_path = public`,
    ({ names }) => `ALTER ROLE CURRENT_USER IN DATABASE ${names.database} SET search_path = pg_catalog, pg_temp`,
  ),
  sqlBreaker(
    "role may create databases",
    ["postgresql/role_confined"],
    ({ names }) => `ALTER ROLE ${names.role} CREATEDB`,
    ({ names }) => `ALTER ROLE ${names.role} NOCREATEDB`,
  ),
  sqlBreaker(
    "role is a member of another",
    ["postgresql/role_confined"],
    ({ names }) => `GRANT pg_read_all_data TO ${names.role}`,
    ({ names }) => `REVOKE pg_read_all_data FROM ${names.role}`,
  ),
  sqlBreaker(
    "everybody may connect to the tenant's database",
    ["postgresql/database_private"],
    ({ names }) => `GRANT CONNECT ON DATABASE ${names.database} TO PUBLIC`,
    ({ names }) => `REVOKE CONNECT ON DATABASE ${names.database} FROM PUBLIC`,
  ),
  sqlBreaker(
    "another tenant may connect to the tenant's database",
    ["postgresql/database_private"],
    ({ names, other }) => `GRANT CONNECT ON DATABASE ${names.database} TO ${other.role}`,
    ({ names, other }) => `REVOKE CONNECT ON DATABASE ${names.database} FROM ${other.role}`,
  ),
  {
    name: "tenant owns its database",
    fails: ["postgresql/database_private"],
    async breakIt({ names }) {
      const owner = await withAdmin(async (client) => {
        const { rows } = await client.query<{ owner: string }>(
          "SELECT datdba::regrole::text AS owner FROM pg_database WHERE datname = $1",
          [names.database],
        );
        await client.query(`ALTER DATABASE ${names.database} OWNER TO ${names.role}`);
        return rows[0]?.owner;
      });
      return () =>
        withAdmin(async (client) => {
          // Its own grants went with the ownership.
          await client.query(`ALTER DATABASE ${names.database} OWNER TO ${owner}`);
          await client.query(`GRANT CONNECT, CREATE, TEMPORARY ON DATABASE ${names.database} TO ${names.role}`);
        });
    },
  },
  sqlBreaker(
    "role may not create in its schema",
    ["postgresql/own_access"],
    ({ names }) => `REVOKE CREATE ON SCHEMA public FROM ${names.role}`,
    ({ names }) => `GRANT CREATE ON SCHEMA public TO ${names.role}`,
    own,
  ),
  sqlBreaker(
    "role may not log in",
    // The server refuses the role before it looks at the database: that is no proof of the database's own protection,
    // but it is a refusal.
    ["postgresql/own_access"],
    ({ names }) => `ALTER ROLE ${names.role} NOLOGIN`,
    ({ names }) => `ALTER ROLE ${names.role} LOGIN`,
  ),
];
