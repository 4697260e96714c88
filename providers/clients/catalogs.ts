// What of the system catalogs tells about other databases: closed in the template and in every tenant's database.
// Each database has its own privileges on the catalogs, also on those that all share.
import type { Client } from "pg";

/** Raise it with every change below: `pulumi up` then repairs the template, and each tenant's database. */
export const catalogsVersion = 4;

const words = (text: string): string[] => text.split(/\s+/).filter((word) => word !== "");

/** Views and tables that show other tenants' sessions, statistics or objects, or the write-ahead log. LIKE patterns. */
const relations = words(String.raw`
  pg\_stat\_activity pg\_stat\_ssl pg\_stat\_gssapi pg\_locks pg\_stat\_database pg\_stat\_database\_conflicts
  pg\_stat\_replication pg\_stat\_replication\_slots pg\_replication\_slots pg\_stat\_wal pg\_stat\_wal\_receiver
  pg\_stat\_bgwriter pg\_stat\_checkpointer pg\_stat\_io pg\_stat\_slru pg\_stat\_archiver pg\_prepared\_xacts
  pg\_stat\_progress\_% pg\_stat\_subscription% pg\_stat\_recovery\_prefetch
  pg\_shdepend
`);

/** Needed by `pg_dump -Fc`, though they show what other roles have set for themselves: residual risk. Version 2 closed them. */
const needed = "pg_db_role_setting, pg_roles, pg_user";

/** The functions behind those views, and others that reach beyond the tenant's own database. LIKE patterns. */
const functions = words(String.raw`
  pg\_stat\_get\_activity pg\_stat\_get\_backend\_% pg\_stat\_get\_db\_% pg\_stat\_get\_wal% pg\_stat\_get\_slru
  pg\_stat\_get\_archiver pg\_stat\_get\_bgwriter\_% pg\_stat\_get\_checkpoint% pg\_stat\_get\_buf\_% pg\_stat\_get\_io
  pg\_stat\_get\_progress\_info pg\_stat\_get\_replication\_slot pg\_get\_replication\_slots pg\_stat\_get\_subscription%
  pg\_stat\_get\_recovery\_prefetch pg\_stat\_have\_stats pg\_lock\_status pg\_blocking\_pids
  pg\_safe\_snapshot\_blocking\_pids pg\_isolation\_test\_session\_is\_blocked pg\_prepared\_xact
  pg\_current\_wal\_% pg\_last\_wal\_% pg\_last\_xact\_replay\_timestamp pg\_%wal\_summar% pg\_control\_% pg\_tablespace\_size
  pg\_last\_committed\_xact pg\_xact\_commit\_timestamp% pg\_notification\_queue\_usage pg\_logical\_emit\_message
  lo\_create lo\_creat lo\_from\_bytea
`);

const array = (items: readonly string[]): string => `ARRAY[${items.map((item) => `'${item}'`).join(", ")}]`;

/** Rows (kind, name): what of the above this server has and everybody may use. */
const open = `
  SELECT 'TABLE' AS kind, oid::regclass::text AS name FROM pg_class
    WHERE relnamespace = 'pg_catalog'::regnamespace AND relname LIKE ANY (${array(relations)})
      AND relkind IN ('r', 'v') AND has_table_privilege('public', oid, 'SELECT')
  UNION ALL SELECT 'FUNCTION', oid::regprocedure::text FROM pg_proc
    WHERE pronamespace = 'pg_catalog'::regnamespace AND proname LIKE ANY (${array(functions)})
      AND has_function_privilege('public', oid, 'EXECUTE')`;

/** What of the catalogs everybody may read in this database although nobody should. */
export async function openCatalogs(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(`SELECT name FROM (${open}) AS open ORDER BY name`);
  return rows.map(({ name }) => name);
}

/** Closes them in this database; a database copied from it starts that way. */
export async function closeCatalogs(client: Client): Promise<void> {
  await client.query(`DO $$ DECLARE found record; BEGIN
    FOR found IN ${open}
    LOOP EXECUTE format('REVOKE ALL ON %s %s FROM PUBLIC', found.kind, found.name); END LOOP;
  END $$`);
  await client.query(`GRANT SELECT ON ${needed} TO PUBLIC`);
}
