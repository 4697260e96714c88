// What a tenant's role has beyond its own database, who may act as the role, and what is set for it that nobody asked for.
import type { Client } from "pg";
import type { Foreign } from "./foreign.ts";
import { databasesWithGrants } from "./role-sessions.ts";
import { withAdmin } from "./postgresql.ts";

/** Who may take the role, and what it was given that is shared by all databases. Rights on its own database are native Grants'. */
const shared = `
  WITH own AS (SELECT oid, quote_ident(rolname) AS name FROM pg_roles WHERE rolname = $1)
  SELECT format('role %s is a member of it', member::regrole) AS what,
         -- Since 16 a membership is its grantor's.
         format('REVOKE %s FROM %s', own.name, member::regrole) || CASE
           WHEN current_setting('server_version_num')::int < 160000 THEN '' ELSE format(' GRANTED BY %s', grantor::regrole) END AS undo
  FROM pg_auth_members, own WHERE roleid = own.oid AND member <> (SELECT oid FROM pg_roles WHERE rolname = current_user)
  UNION ALL
  SELECT format('it may use %s %s', kind, object.name),
         format('REVOKE ALL ON %s %s FROM %s CASCADE', upper(kind), object.name, own.name)
  FROM own, pg_shdepend, LATERAL (
    SELECT 'database' AS kind, quote_ident(datname) AS name FROM pg_database
      WHERE classid = 'pg_database'::regclass AND oid = objid AND datname <> $2
    UNION ALL SELECT 'tablespace', quote_ident(spcname) FROM pg_tablespace
      WHERE classid = 'pg_tablespace'::regclass AND oid = objid
    UNION ALL SELECT 'parameter', quote_ident(parname) FROM pg_parameter_acl
      WHERE classid = 'pg_parameter_acl'::regclass AND oid = objid) AS object
  WHERE refclassid = 'pg_authid'::regclass AND refobjid = own.oid AND dbid = 0 AND deptype = 'a'`;

/** What the role was given in the database that the session is in. */
const inside = `
  SELECT format('it may use %s %s of database %I', lower(kind), name, current_database()) AS what,
         format('REVOKE ALL ON %s %s FROM %I CASCADE', kind, name, $1::text) AS undo
  FROM (SELECT CASE WHEN relkind = 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, oid::regclass::text AS name, relacl AS acl FROM pg_class
        UNION ALL SELECT 'SCHEMA', oid::regnamespace::text, nspacl FROM pg_namespace
        UNION ALL SELECT CASE WHEN prokind = 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, oid::regprocedure::text, proacl FROM pg_proc) AS objects,
       aclexplode(acl)
  WHERE grantee = (SELECT oid FROM pg_roles WHERE rolname = $1::text)
  GROUP BY kind, name`;

/** A database, and what of the role's is foreign there. */
interface There {
  readonly database: string;
  readonly found: readonly Foreign[];
}

/**
 * Everything that the role should not have. `client` is connected to any database.
 * @param own the role's database
 */
export async function foreignOfRole(client: Client, role: string, own: string): Promise<There[]> {
  const { rows } = await client.query<Foreign>(shared, [role, own]);
  const elsewhere = (await databasesWithGrants(client, role, own)).map(async (database) => ({
    database,
    found: await withAdmin(async (there) => (await there.query<Foreign>(inside, [role])).rows, database),
  }));
  return [{ database: "postgres", found: rows }, ...(await Promise.all(elsewhere))];
}

/** Settings that its sessions start with, beside those that the native Role and RoleLimits look after. */
export async function foreignSettings(client: Client, role: string): Promise<Foreign[]> {
  const { rows } = await client.query<Foreign>(
    `SELECT format('its sessions%s start with %s', ' in database ' || datname, setting) AS what,
            format('ALTER ROLE %I %s RESET %I', $1::text, CASE WHEN datname IS NULL THEN '' ELSE format('IN DATABASE %I', datname) END,
                   split_part(setting, '=', 1)) AS undo
     FROM pg_db_role_setting LEFT JOIN pg_database ON pg_database.oid = setdatabase, unnest(setconfig) AS setting
     WHERE setrole = (SELECT oid FROM pg_roles WHERE rolname = $1) AND split_part(setting, '=', 1) <> 'temp_file_limit'
       AND NOT (setdatabase = 0 AND split_part(setting, '=', 1) IN
         ('statement_timeout', 'idle_in_transaction_session_timeout', 'search_path', 'role'))`,
    [role],
  );
  return rows;
}
