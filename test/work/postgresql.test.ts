// Ordinary work with a tenant's PostgreSQL credentials: what applications, migrations and backups do every day goes on.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { runner } from "node-pg-migrate";
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { postgresqlBin } from "../../local/postgresql-bin.ts";
import { closeSession, sslOptions } from "../../providers/clients/postgresql.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployed, type Deployed } from "../support/deployed.ts";
import { asTenant, tenantSession } from "../support/postgresql-tenant.ts";

let tenant: Deployed;
let client: Client;
let folder: string;
beforeAll(async () => {
  tenant = await deployed("victim");
  client = await tenantSession(tenant);
  await client.query("DROP SCHEMA IF EXISTS work CASCADE; CREATE SCHEMA work; SET search_path = work, public");
  folder = await mkdtemp(join(tmpdir(), "work-"));
});
afterAll(async () => {
  await client.query("DROP SCHEMA IF EXISTS work CASCADE");
  await closeSession(client);
  await rm(folder, { recursive: true, force: true });
});

const rows = async (query: string, values?: unknown[]): Promise<unknown[]> =>
  (await client.query<Record<string, unknown>>(query, values)).rows;

describe("with pg", () => {
  it("tables, keys, indexes, sequences, generated and identity columns", async () => {
    await client.query(`
      CREATE TYPE state AS ENUM ('open', 'paid');
      CREATE SEQUENCE numbers START 100;
      CREATE TABLE customers (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text NOT NULL UNIQUE);
      CREATE TABLE orders (id bigserial PRIMARY KEY, number int DEFAULT nextval('numbers'), state state DEFAULT 'open',
        customer int REFERENCES customers ON DELETE CASCADE, cents int CHECK (cents >= 0),
        euros numeric GENERATED ALWAYS AS (cents / 100.0) STORED, extra jsonb DEFAULT '{}', at timestamptz DEFAULT now())
        PARTITION BY RANGE (id);
      ALTER TABLE orders RENAME TO all_orders;
      CREATE TABLE some_orders PARTITION OF all_orders FOR VALUES FROM (1) TO (1000);
      CREATE INDEX ON all_orders (customer, at DESC);
      CREATE INDEX ON all_orders USING gin (extra)`);
    await client.query("CREATE INDEX CONCURRENTLY state_index ON some_orders (state)");
    await client.query("INSERT INTO customers (name) VALUES ($1)", ["one"]);
    await client.query("INSERT INTO all_orders (customer, cents) VALUES (1, 250), (1, 50)");
    expect(await rows("SELECT number, euros::float FROM all_orders ORDER BY number")).toEqual([
      { number: 100, euros: 2.5 },
      { number: 101, euros: 0.5 },
    ]);
    await client.query("ANALYZE all_orders");
    await client.query("VACUUM some_orders");
  });

  it("views, functions, triggers and row security", async () => {
    await client.query(`
      CREATE VIEW paid AS SELECT * FROM work.all_orders WHERE state = 'paid';
      CREATE MATERIALIZED VIEW totals AS SELECT customer, sum(cents) AS cents FROM work.all_orders GROUP BY customer;
      CREATE TABLE log (what text);
      CREATE FUNCTION noted() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO work.log VALUES (TG_OP); RETURN NEW; END $$;
      CREATE TRIGGER noted AFTER UPDATE ON customers FOR EACH ROW EXECUTE FUNCTION noted();
      ALTER TABLE customers ENABLE ROW LEVEL SECURITY;
      ALTER TABLE customers FORCE ROW LEVEL SECURITY;
      CREATE POLICY own ON customers USING (name = current_setting('app.customer', true))`);
    expect(await rows("SELECT name FROM customers")).toEqual([]);
    await client.query("SET app.customer = 'one'");
    await client.query("UPDATE customers SET name = 'one'");
    await client.query("REFRESH MATERIALIZED VIEW totals");
    expect(await rows("SELECT what FROM log")).toEqual([{ what: "UPDATE" }]);
    expect(await rows("SELECT cents::int FROM totals")).toEqual([{ cents: 300 }]);
    await client.query("ALTER TABLE customers NO FORCE ROW LEVEL SECURITY");
  });

  it("transactions, savepoints, cursors, temporary tables, advisory locks and large results", async () => {
    await client.query("BEGIN ISOLATION LEVEL SERIALIZABLE");
    await client.query("CREATE TEMP TABLE scratch (value int) ON COMMIT DROP");
    await client.query("SAVEPOINT one");
    await client.query("INSERT INTO scratch VALUES (1)");
    await client.query("ROLLBACK TO SAVEPOINT one");
    expect(await rows("SELECT FROM scratch")).toEqual([]);
    await client.query("DECLARE big CURSOR FOR SELECT generate_series(1, 100000) AS n");
    expect(await rows("FETCH 2 FROM big")).toEqual([{ n: 1 }, { n: 2 }]);
    expect(await rows("SELECT pg_advisory_xact_lock(7)")).toHaveLength(1);
    await client.query("COMMIT");
    expect(await rows("SELECT n, repeat('x', 100) FROM generate_series(1, 100000) AS n")).toHaveLength(100_000);
    await client.query("SET statement_timeout = '1h'; SET work_mem = '16MB'; RESET statement_timeout; RESET work_mem");
  });

  it("its own notifications, and ending its own sessions", async () => {
    const notified = once(client, "notification");
    await client.query("LISTEN orders");
    await asTenant(tenant, (other) => other.query("SELECT pg_notify('orders', 'paid')"));
    expect(await notified).toMatchObject([{ channel: "orders", payload: "paid" }]);
    const other = await tenantSession(tenant);
    const [backend] = (await other.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows;
    expect(await rows("SELECT pg_terminate_backend($1, 5000) AS ended", [backend?.pid])).toEqual([{ ended: true }]);
    await closeSession(other);
  });

  it("its tables' own statistics", async () => {
    expect(
      await rows("SELECT relname FROM pg_stat_user_tables WHERE schemaname = 'work' AND relname = 'customers'"),
    ).toEqual([{ relname: "customers" }]);
  });

  it.each([
    ["pgcrypto", "SELECT encode(digest('x', 'sha256'), 'hex') ~ '^2d711642' AS works"],
    ["uuid-ossp", "SELECT uuid_generate_v4() IS NOT NULL AS works"],
    ["citext", "SELECT 'A'::citext = 'a'::citext AS works"],
    ["pg_trgm", "SELECT similarity('word', 'words') > 0.5 AS works"],
    ["hstore", "SELECT 'a=>1'::hstore -> 'a' = '1' AS works"],
    ["btree_gin", "SELECT count(*) > 0 AS works FROM pg_opclass WHERE opcname = 'int4_ops'"],
    ["unaccent", "SELECT unaccent('é') = 'e' AS works"],
  ])("the trusted extension %s", async (name, query) => {
    await client.query(`CREATE EXTENSION IF NOT EXISTS "${name}" SCHEMA work`);
    expect(await rows(query)).toEqual([{ works: true }]);
  });
});

it("with node-pg-migrate: up and down", async () => {
  const dir = join(folder, "migrations");
  await mkdir(dir);
  await writeFile(
    join(dir, "1_customers.sql"),
    "-- Up Migration\nCREATE TABLE work.migrated (id serial PRIMARY KEY, name text);\n-- Down Migration\nDROP TABLE work.migrated;\n",
  );
  await writeFile(
    join(dir, "2_index.sql"),
    "-- Up Migration\nCREATE INDEX by_name ON work.migrated (name);\n-- Down Migration\nDROP INDEX work.by_name;\n",
  );
  const { host, port } = servers().postgresql;
  const migrate = (direction: "up" | "down") =>
    runner({
      databaseUrl: {
        ...{ host, port, user: tenant.names.role, password: tenant.credentials.postgres_password },
        ...{ database: tenant.names.database, ssl: sslOptions(servers().postgresql) },
      },
      ...{ dir, direction, count: 2, schema: "work", migrationsTable: "migrations", log: () => undefined },
    });
  expect(await migrate("up")).toHaveLength(2);
  expect(await rows("SELECT to_regclass('work.by_name') IS NOT NULL AS there")).toEqual([{ there: true }]);
  expect(await migrate("down")).toHaveLength(2);
  expect(await rows("SELECT to_regclass('work.migrated') AS there")).toEqual([{ there: null }]);
});

describe("with PostgreSQL's own programs", () => {
  async function program(name: string, ...args: string[]): Promise<string> {
    const { host, port, sslMode, ca } = servers().postgresql;
    const env = {
      ...{ PATH: process.env["PATH"], PGHOST: host, PGPORT: String(port), PGSSLMODE: sslMode },
      ...{ PGOPTIONS: "-c search_path=work,public" },
      ...{ PGUSER: tenant.names.role, PGPASSWORD: tenant.credentials.postgres_password },
      ...{ PGDATABASE: tenant.names.database, ...(ca === undefined ? {} : { PGSSLROOTCERT: ca.file }) },
    };
    const { stdout } = await promisify(execFile)(join(postgresqlBin() ?? "", name), args, { env, maxBuffer: 1 << 26 });
    return stdout;
  }

  it.each(["\\d", "\\d+ work.*", "\\dt+ work.*", "\\l", "\\du", "\\dn+", "\\df work.*", "\\dx", "\\dp", "\\dT work.*"])(
    "psql %s",
    async (command) => {
      expect(await program("psql", "-X", "-v", "ON_ERROR_STOP=1", "-c", command)).not.toBe("");
    },
  );

  it.each([
    ["-Fc", []],
    ["-Fd", ["-j2"]],
  ])("pg_dump %s and pg_restore, by the tenant's own role", async (format, parallel) => {
    const dump = join(folder, `dump${format}`);
    await program("pg_dump", format, ...parallel, "--schema=work", "-f", dump);
    await client.query("DROP SCHEMA work CASCADE");
    await program("pg_restore", "--exit-on-error", "--no-owner", ...parallel, "-d", tenant.names.database, dump);
    expect(await rows("SELECT sum(cents)::int AS cents FROM work.all_orders")).toEqual([{ cents: 300 }]);
  });

  it("pg_dump of the whole database", async () => {
    const dump = await program("pg_dump", "--no-owner");
    expect(dump).toContain("CREATE TABLE work.customers");
  });
});
