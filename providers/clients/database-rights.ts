// What others may do in a tenant's database, and what is set for it: nothing. Its own role's rights are the native resources'.
import type { Client } from "pg";
import { databaseOwner } from "../../components/shared.ts";
import { openCatalogs } from "./catalogs.ts";
import type { Foreign } from "./foreign.ts";
import { asking, unprotectedSuperusers } from "./superusers.ts";

/** The tenant's role by its database's name (components/names.ts). */
const roleOf = (database: string): string => `${database}_user`;

/** A grantee in words and as SQL writes it. */
const grantee = `CASE WHEN grantee = 0 THEN 'everybody' ELSE 'role ' || grantee::regrole END AS who,
  CASE WHEN grantee = 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS to_whom`;

/** Rights on the database and on its schema public. What PUBLIC has of the database itself is a native Grant's. */
const grants = `
  SELECT format('%s has %s on the database', who, string_agg(privilege_type, ', ' ORDER BY privilege_type)) AS what,
         format('REVOKE ALL ON DATABASE %I FROM %s CASCADE', current_database(), to_whom) AS undo
  FROM (SELECT privilege_type, ${grantee} FROM pg_database, aclexplode(datacl)
        WHERE datname = current_database() AND grantee NOT IN (0, datdba) AND grantee::regrole::text <> quote_ident($1)) AS on_it
  GROUP BY who, to_whom
  UNION ALL
  SELECT format('%s may pass on its %s on the database', who, string_agg(privilege_type, ', ' ORDER BY privilege_type)),
         format('REVOKE GRANT OPTION FOR ALL ON DATABASE %I FROM %s CASCADE', current_database(), to_whom)
  FROM (SELECT privilege_type, ${grantee} FROM pg_database, aclexplode(datacl)
        WHERE datname = current_database() AND grantee <> datdba AND is_grantable AND grantee::regrole::text = quote_ident($1)) AS on_it
  GROUP BY who, to_whom
  UNION ALL
  SELECT format('%s has %s on schema public', who, string_agg(privilege_type, ', ' ORDER BY privilege_type)),
         format('REVOKE ALL ON SCHEMA public FROM %s CASCADE', to_whom)
  FROM (SELECT privilege_type, ${grantee} FROM pg_namespace, aclexplode(nspacl)
        WHERE nspname = 'public' AND grantee <> nspowner AND grantee::regrole::text <> quote_ident($1)) AS on_it
  GROUP BY who, to_whom`;

/** Rights on what somebody else will make there. What the tenant does with its own things is its own affair. */
const defaults = `
  SELECT format('%s gets %s on %s that role %s makes%s', who, string_agg(privilege_type, ', ' ORDER BY privilege_type),
                lower(kind), maker, inside) AS what,
         format('ALTER DEFAULT PRIVILEGES FOR ROLE %s %s REVOKE ALL ON %s FROM %s', maker, upper_inside, kind, to_whom) AS undo
  FROM (SELECT privilege_type, ${grantee}, defaclrole::regrole::text AS maker,
          CASE defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
            ELSE 'SCHEMAS' END AS kind,
          CASE WHEN defaclnamespace = 0 THEN '' ELSE ' in schema ' || defaclnamespace::regnamespace END AS inside,
          CASE WHEN defaclnamespace = 0 THEN '' ELSE 'IN SCHEMA ' || defaclnamespace::regnamespace END AS upper_inside
        FROM pg_default_acl, aclexplode(defaclacl)
        WHERE grantee <> defaclrole AND defaclrole::regrole::text <> quote_ident($1)
          AND NOT (defaclrole::regrole::text = quote_ident($2) AND grantee::regrole::text = quote_ident($1)
            AND defaclobjtype IN ('r', 'S') AND defaclnamespace = to_regnamespace('public'))
          -- What every server starts with.
          AND NOT (grantee = 0 AND defaclnamespace = 0 AND defaclobjtype IN ('f', 'T'))) AS made
  GROUP BY who, to_whom, maker, kind, inside, upper_inside`;

/** Settings of all its sessions. */
const settings = `
  SELECT format('every session in it starts with %s', setting) AS what,
         format('ALTER DATABASE %I RESET %s', current_database(), split_part(setting, '=', 1)) AS undo
  FROM pg_db_role_setting, unnest(setconfig) AS setting
  WHERE setrole = 0 AND setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())`;

/** Rights on the server's catalogs, given to a role by name. The server's own roles (pg_monitor, …) have some from the start. */
const catalogs = `
  SELECT format('role %s may use %s', grantee::regrole, name) AS what,
         format('REVOKE ALL ON %s %s FROM %s CASCADE', kind, name, grantee::regrole) AS undo
  FROM (SELECT 'TABLE' AS kind, oid::regclass::text AS name, relacl AS acl FROM pg_class
          WHERE relnamespace = 'pg_catalog'::regnamespace AND relacl IS NOT NULL
        UNION ALL SELECT 'FUNCTION', oid::regprocedure::text, proacl FROM pg_proc
          WHERE pronamespace = 'pg_catalog'::regnamespace AND proacl IS NOT NULL) AS objects, aclexplode(acl)
  JOIN pg_roles ON pg_roles.oid = grantee
  WHERE NOT rolsuper AND rolname NOT LIKE 'pg\\_%'
  GROUP BY grantee, kind, name`;

/** What others may do in the database, in words and with what takes it back. `client` is connected to it. */
export async function foreignRights(client: Client, database: string): Promise<Foreign[]> {
  const role = roleOf(database);
  const ask = async (query: string, values: readonly string[] = []): Promise<Foreign[]> =>
    (await client.query<Foreign>(query, [...values])).rows;
  return [
    ...(await ask(grants, [role])),
    ...(await ask(defaults, [role, databaseOwner])),
    ...(await ask(settings)),
    ...(await ask(catalogs)),
  ];
}

/** What is open to everybody, or not protected from the tenant, in words. */
export async function openings(client: Client, database: string): Promise<string[]> {
  const unprotected = await unprotectedSuperusers(asking(client), database);
  return [
    ...(await openCatalogs(client)).map((name) => `everybody may use ${name}`),
    ...unprotected.map(({ role, name }) => `superuser ${role} is without its ${name} in it`),
  ];
}
