// What somebody with one tenant's PostgreSQL credentials can load into the server, and what of its machine it reaches.
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeSession } from "../../providers/clients/postgresql.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { answerToSql, tenantSession } from "../support/postgresql-tenant.ts";

let attacker: Deployed;
let client: Client;
beforeAll(async () => {
  ({ attacker } = await deployedTenants());
  client = await tenantSession(attacker);
});
afterAll(() => closeSession(client));

const names = async (query: string): Promise<string[]> =>
  (await client.query<{ name: string }>(query)).rows.map(({ name }) => name);

describe("loads no code", () => {
  /** Those of PostgreSQL 15 that run nothing outside the database: reviewed. A newer server's new one fails the test. */
  const trusted = new Set(
    (
      "btree_gin btree_gist citext cube dict_int fuzzystrmatch hstore intarray isn lo ltree pg_trgm pgcrypto plpgsql seg " +
      "tablefunc tcn tsm_system_rows tsm_system_time unaccent uuid-ossp"
    ).split(" "),
  );

  it("an extension only when it is a trusted one", async () => {
    const available = await names(
      "SELECT name FROM pg_available_extensions WHERE installed_version IS NULL ORDER BY name",
    );
    expect(available).toEqual(expect.arrayContaining(["dblink", "file_fdw", "pg_stat_statements", "postgres_fdw"]));
    for (const name of available) {
      const answer = await answerToSql(client, `CREATE EXTENSION "${name}" CASCADE`);
      if (trusted.has(name)) expect([name, answer]).toEqual([name, "done"]);
      else expect(answer, name).toBe(`42501: permission denied to create extension "${name}"`);
    }
  });

  it.each<[string, string, RegExp]>([
    [
      "C",
      "CREATE FUNCTION f() RETURNS int LANGUAGE c AS 'libc.so.6', 'system'",
      /^42501: permission denied for language c$/,
    ],
    [
      "internal",
      "CREATE FUNCTION f() RETURNS int LANGUAGE internal AS 'x'",
      /^42501: permission denied for language internal$/,
    ],
    ["LOAD", "LOAD '/tmp/x.so'", /^42501: access to library "\/tmp\/x\.so" is not allowed$/],
    [
      "a language",
      "CREATE LANGUAGE plpython3u",
      /^(42501: (permission denied|must be superuser)|0A000: extension "plpython3u" is not available|58P01)/,
    ],
    [
      "a language of its own",
      "CREATE LANGUAGE l HANDLER plpgsql_call_handler",
      /^42501: must be superuser to create custom procedural language$/,
    ],
    [
      "a foreign-data wrapper",
      "CREATE FOREIGN DATA WRAPPER w",
      /^42501: permission denied to create foreign-data wrapper/,
    ],
    [
      "a foreign server",
      "CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1')",
      /^42704: foreign-data wrapper "postgres_fdw" does not exist$/,
    ],
    [
      "a subscription",
      "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p WITH (connect = false)",
      /^42501: must be superuser to create subscriptions$/,
    ],
    [
      "a publication of everything",
      "CREATE PUBLICATION p FOR ALL TABLES",
      /^42501: must be superuser to create FOR ALL TABLES publication$/,
    ],
    [
      "an access method",
      "CREATE ACCESS METHOD m TYPE TABLE HANDLER heap_tableam_handler",
      /^42501: permission denied to create access method/,
    ],
    [
      "a base type",
      "CREATE TYPE t (INPUT = int4in, OUTPUT = int4out)",
      /^42501: must be superuser to create a base type$/,
    ],
    [
      "an operator class",
      "CREATE OPERATOR CLASS c FOR TYPE int USING btree AS OPERATOR 1 <",
      /^42501: must be superuser to create an operator class$/,
    ],
    [
      "a text search template",
      "CREATE TEXT SEARCH TEMPLATE t (LEXIZE = dsimple_lexize)",
      /^42501: must be superuser to create text search templates$/,
    ],
  ])("%s", async (_what, statement, refusal) => {
    expect(await answerToSql(client, statement)).toMatch(refusal);
  });
});

describe("reaches no file, program or server process", () => {
  const file = /^42501: (permission denied for function|must be superuser or have privileges of)/;
  it.each<[string, RegExp]>([
    [
      "COPY (SELECT 1) TO PROGRAM 'id'",
      /^42501: must be superuser or have privileges of the pg_execute_server_program role/,
    ],
    ["COPY (SELECT 1) TO '/tmp/x'", /^42501: must be superuser or have privileges of the pg_write_server_files role/],
    [
      "CREATE TEMP TABLE t (x text); COPY t FROM '/etc/passwd'",
      /^42501: must be superuser or have privileges of the pg_read_server_files role/,
    ],
    ["SELECT pg_read_file('/etc/passwd')", file],
    ["SELECT pg_read_binary_file('pg_hba.conf')", file],
    ["SELECT pg_ls_dir('.')", file],
    ["SELECT pg_ls_waldir()", file],
    ["SELECT pg_stat_file('postgresql.conf')", file],
    ["SELECT lo_import('/etc/passwd')", file],
    ["SELECT lo_export(1, '/tmp/x')", file],
    ["SELECT lo_create(0)", file],
    ["SELECT lo_from_bytea(0, 'x')", file],
    ["SELECT pg_reload_conf()", file],
    ["SELECT pg_rotate_logfile()", file],
    ["SELECT pg_switch_wal()", file],
    ["SELECT pg_create_restore_point('x')", file],
    ["SELECT pg_backup_start('x')", file],
    ["SELECT pg_promote()", file],
    ["SELECT pg_logical_emit_message(false, 'x', 'y')", file],
    ["SELECT pg_stat_reset()", file],
    ["SELECT pg_stat_reset_shared('wal')", file],
    ["SELECT pg_log_backend_memory_contexts(pg_backend_pid())", file],
    ["SELECT pg_replication_origin_create('x')", file],
    ["SELECT pg_create_physical_replication_slot('x')", /^42501: must be superuser or replication role/],
    ["SELECT pg_create_logical_replication_slot('x', 'pgoutput')", /^42501: must be superuser or replication role/],
    ["SELECT pg_drop_replication_slot('x')", /^42501: must be superuser or replication role/],
    ["SELECT pg_import_system_collations('pg_catalog')", /^42501: /],
    ["PREPARE TRANSACTION 'x'", /^55000: prepared transactions are disabled$/],
    ["LOCK TABLE pg_authid IN ACCESS SHARE MODE", /^42501: permission denied for table pg_authid$/],
    ["LOCK TABLE pg_database IN ROW EXCLUSIVE MODE", /^42501: permission denied for table pg_database$/],
    ["SELECT FROM pg_database FOR SHARE", /^42501: permission denied for table pg_database$/],
  ])("%s", async (statement, refusal) => {
    expect(await answerToSql(client, ...statement.split("; "))).toMatch(refusal);
  });
});
