// What a tenant can lay out in its own database for a superuser to step on: functions, operators, aggregates and relations that an
// unqualified name may find instead of the server's own.
import type { Client } from "pg";

/** Runs in place of the server's own; for a superuser it would make the tenant one. */
const body = (role: string): string => `BEGIN
  INSERT INTO public.trapped VALUES (current_user);
  IF (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN ALTER ROLE ${role} SUPERUSER; END IF;
  RETURN NULL;
END`;

/**
 * Lays the traps with a session of the tenant's role: in `public`, and in a schema of the administrator's name, which comes first
 * in the search path of its sessions unless that is set.
 * @returns how many
 */
export async function layTraps(client: Client, role: string, administrator: string): Promise<number> {
  await client.query(`CREATE TABLE public.trapped (who text)`);
  await client.query(`CREATE SCHEMA ${client.escapeIdentifier(administrator)}`);
  for (const [name, types, result] of [
    ["trap", "text, text", "text"],
    ["trapped_equal", "name, text", "boolean"],
    ["trapped_like", "text, text", "boolean"],
  ] as const) {
    await client.query(
      `CREATE FUNCTION public.${name}(${types}) RETURNS ${result} LANGUAGE plpgsql AS $$${body(role)}$$`,
    );
  }
  const { rows } = await client.query<{ count: number }>(
    `SELECT count(*)::int AS count FROM unnest(ARRAY['public', $1]) AS schema, (${signatures}) AS signatures`,
    [administrator],
  );
  // With the schema's name: `format` is among the traps.
  await client.query(`DO $do$ DECLARE schema text; relation text; found record; BEGIN
    FOREACH schema IN ARRAY ARRAY['public', ${client.escapeLiteral(administrator)}] LOOP
      FOR found IN ${signatures} LOOP
        EXECUTE pg_catalog.format('CREATE FUNCTION %I.%I(%s) RETURNS text LANGUAGE plpgsql AS %L', schema, found.name,
                       found.arguments, ${client.escapeLiteral(body(role))});
      END LOOP;
      EXECUTE pg_catalog.format('CREATE AGGREGATE %I.array_agg(text) (SFUNC = public.trap, STYPE = text)', schema);
      EXECUTE pg_catalog.format('CREATE OPERATOR %I.= (LEFTARG = name, RIGHTARG = text, FUNCTION = public.trapped_equal)', schema);
      EXECUTE pg_catalog.format('CREATE OPERATOR %I.~~ (LEFTARG = text, RIGHTARG = text, FUNCTION = public.trapped_like)', schema);
      FOREACH relation IN ARRAY ARRAY['pg_class', 'pg_database', 'pg_roles', 'pg_namespace', 'pg_tables'] LOOP
        EXECUTE pg_catalog.format('CREATE VIEW %I.%I AS SELECT public.trap(NULL, NULL) AS datname', schema, relation);
      END LOOP;
    END LOOP;
  END $do$`);
  return rows[0]?.count ?? 0;
}

/** Names of the server's functions that take any type, with types that would fit a call more closely. */
const signatures = `
  SELECT DISTINCT proname AS name, arguments FROM pg_proc,
    unnest(ARRAY['text', 'name', 'oid', 'integer', 'boolean', 'text, text', 'name, text', 'oid, text', 'text, name']) AS arguments
  WHERE pronamespace = 'pg_catalog'::regnamespace
    AND (proname IN ('format', 'array_to_string', 'current_database', 'acldefault', 'has_database_privilege', 'quote_ident')
         OR proargtypes::oid[] && ARRAY['"any"'::regtype, 'anyelement'::regtype, 'anynonarray'::regtype, 'anyarray'::regtype,
                                        'anycompatible'::regtype]::oid[])
    AND proname !~ '^(anyarray|anyelement|_pg|array_agg)' AND prokind = 'f'`;
