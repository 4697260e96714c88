// What somebody with one tenant's PostgreSQL credentials can become, and what it can change beyond the tenant's own objects.
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeSession } from "../../providers/clients/postgresql.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { answerTo, answerToSql, tenantSession } from "../support/postgresql-tenant.ts";

let attacker: Deployed;
let client: Client;
beforeAll(async () => {
  ({ attacker } = await deployedTenants());
  client = await tenantSession(attacker);
});
afterAll(() => closeSession(client));

const names = async (query: string): Promise<string[]> =>
  (await client.query<{ name: string }>(query)).rows.map(({ name }) => name);

describe("becomes nobody else", () => {
  it("by SET ROLE or SET SESSION AUTHORIZATION to any role of the server", async () => {
    const roles = await names("SELECT rolname AS name FROM pg_roles WHERE rolname <> current_user");
    expect(roles).toEqual(expect.arrayContaining(["tenant_victim_user", "platform_owner", "pg_read_all_data"]));
    for (const role of roles) {
      const name = client.escapeIdentifier(role);
      expect(await answerToSql(client, `SET ROLE ${name}`)).toBe(`42501: permission denied to set role "${role}"`);
      expect(await answerToSql(client, `SET SESSION AUTHORIZATION ${name}`)).toMatch(
        /^42501: permission denied to set session authorization/,
      );
      expect(await answerToSql(client, `GRANT ${name} TO CURRENT_USER`), role).toMatch(
        /^(42501: must (have admin option on role|be superuser to alter superusers)|0LP01: role "\w+" cannot have explicit members)/,
      );
    }
  });

  it("by a function that runs as its owner: there is none that another role owns", async () => {
    expect(
      await names(`SELECT oid::regprocedure::text AS name FROM pg_proc
                   WHERE prosecdef AND proowner <> (SELECT oid FROM pg_roles WHERE rolname = current_user)`),
    ).toEqual([]);
  });

  it.each(["SUPERUSER", "CREATEDB", "CREATEROLE", "REPLICATION", "BYPASSRLS", "INHERIT", "CONNECTION LIMIT -1"])(
    "by giving its role %s",
    async (attribute) => {
      expect(await answerToSql(client, `ALTER ROLE CURRENT_USER ${attribute}`)).toMatch(
        /^42501: (permission denied|must be superuser to (alter|change))/,
      );
    },
  );
});

const denied = /^42501: /;
const owner = (what: string): RegExp => new RegExp(`^42501: must be owner of ${what}`);

describe("changes nothing that is not its own", () => {
  it.each<[string, string | string[], RegExp]>([
    ["its expiry", "ALTER ROLE CURRENT_USER VALID UNTIL 'infinity'", /^42501: permission denied$/],
    ["its name", "ALTER ROLE tenant_attacker_user RENAME TO other", /^(42501: permission denied|0A000: session user)/],
    ["another's password", "ALTER ROLE tenant_victim_user PASSWORD 'x'", /^42501: permission denied$/],
    ["another's login", "ALTER ROLE tenant_victim_user NOLOGIN", /^42501: permission denied$/],
    ["another's settings", "ALTER ROLE tenant_victim_user SET work_mem = '1GB'", /^42501: permission denied$/],
    ["everybody's settings", "ALTER ROLE ALL SET work_mem = '1GB'", /^42501: must be superuser to alter settings/],
    ["another role, by dropping it", "DROP ROLE tenant_victim_user", /^42501: permission denied to drop role$/],
    ["who there is", "CREATE ROLE other LOGIN", /^42501: permission denied to create role$/],
    ["what another owns", "REASSIGN OWNED BY tenant_victim_user TO CURRENT_USER", denied],
    ["what another owns, by dropping it", "DROP OWNED BY tenant_victim_user", denied],
    ["who owns what", "CREATE SCHEMA other AUTHORIZATION tenant_victim_user", /^42501: must be member of role/],
    [
      "who owns what, by giving away",
      [
        "CREATE FUNCTION given() RETURNS int SECURITY DEFINER RETURN 1",
        "ALTER FUNCTION given() OWNER TO platform_owner",
      ],
      /^42501: must be member of role "platform_owner"$/,
    ],
    ["its database's owner", "ALTER DATABASE tenant_attacker OWNER TO tenant_attacker_user", owner("database")],
    ["its database's limit", "ALTER DATABASE tenant_attacker CONNECTION LIMIT -1", owner("database")],
    ["its database's settings", "ALTER DATABASE tenant_attacker SET work_mem = '1GB'", owner("database")],
    ["another's database", "ALTER DATABASE tenant_victim SET work_mem = '1GB'", owner("database")],
    ["a comment on another's database", "COMMENT ON DATABASE tenant_victim IS 'x'", owner("database")],
    ["a template", "ALTER DATABASE tenant_template ALLOW_CONNECTIONS true", owner("database")],
    ["its own schema's rights", "ALTER SCHEMA public OWNER TO CURRENT_USER", owner("schema public")],
    ["its temporary files' limit", "SET temp_file_limit = -1", /^42501: permission denied to set parameter/],
    ["the limit of its role", "ALTER ROLE CURRENT_USER SET temp_file_limit = -1", /^42501: permission denied to set/],
    [
      "the rights on a catalog",
      "GRANT SELECT ON pg_locks TO CURRENT_USER",
      /^42501: permission denied for table pg_locks$/,
    ],
    ["a catalog", "UPDATE pg_database SET datallowconn = true", /^42501: permission denied for table pg_database$/],
    ["its attributes in the catalog", "UPDATE pg_authid SET rolsuper = true", /^42501: permission denied for table/],
    [
      "what pg_catalog holds",
      "CREATE FUNCTION pg_catalog.now2() RETURNS int RETURN 1",
      /^42501: permission denied for schema/,
    ],
    [
      "what a statement does",
      "CREATE EVENT TRIGGER e ON ddl_command_end EXECUTE FUNCTION now()",
      /^42501: permission denied to create event trigger/,
    ],
    [
      "which databases there are",
      "DROP TABLE IF EXISTS no_such_table; REVOKE ALL ON DATABASE tenant_victim FROM tenant_victim_user",
      /^42501: permission denied for database tenant_victim$/,
    ],
  ])("%s", async (_what, statements, refusal) => {
    expect(await answerToSql(client, ...[statements].flat())).toMatch(refusal);
  });

  it.each([
    ["ALTER SYSTEM SET log_statement = 'all'", /^42501: permission denied to set parameter "log_statement"$/],
    ["CREATE TABLESPACE other LOCATION '/tmp'", /^42501: permission denied to create tablespace "other"$/],
    ["CREATE DATABASE other", /^42501: permission denied to create database$/],
    ["DROP DATABASE tenant_victim", owner("database")],
    ["DROP DATABASE tenant_victim WITH (FORCE)", owner("database")],
  ])("%s, outside a transaction", async (statement, refusal) => {
    expect(await answerTo(() => client.query(statement))).toMatch(refusal);
  });

  it.each(["PUBLIC", "tenant_victim_user", "platform_owner"])("who may connect to its database: %s", async (to) => {
    // Without the right to grant, the server only warns: what counts is what is there afterwards.
    const acl = "SELECT datacl::text AS name FROM pg_database WHERE datname = current_database()";
    const before = await names(acl);
    await client.query("BEGIN");
    await client.query(`GRANT CONNECT ON DATABASE tenant_attacker TO ${to}`);
    const after = await names(acl);
    await client.query("ROLLBACK");
    expect(after).toEqual(before);
  });

  it("no setting that is the superuser's, the server's or its files'", async () => {
    const settings = await names("SELECT name FROM pg_settings WHERE context NOT IN ('user', 'backend') ORDER BY name");
    expect(settings.length).toBeGreaterThan(100);
    for (const name of settings) {
      expect(
        await answerToSql(client, `SELECT set_config('${name}', current_setting('${name}'), false)`),
        name,
      ).toMatch(
        /^(42501: (permission denied to set parameter|must be superuser to examine)|55P02: parameter "\w+" cannot be (changed|set))/,
      );
    }
  });
});
