// A tenant's database as pg_dump's custom format: one snapshot, all tables of one moment, and how many rows each has in it.
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Client } from "pg";
import { adminClient, closeSession, inTransaction, sqlState, withAdmin } from "../../providers/clients/postgresql.ts";
import { Problem } from "../errors.ts";
import { find, start } from "./postgresql-programs.ts";
import { shownBytes, type Exporter, type Importer, type Subject, type Target } from "./store.ts";
import { produced, type Bytes } from "./streams.ts";

/** Tables with rows of their own, but for those of extensions: what a dump has the rows of. */
const tables = `SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname) AS name
  FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d
                    WHERE d.classid = 'pg_catalog.pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`;

interface Table {
  readonly oid: number;
  /** Quoted, with its schema. */
  readonly name: string;
}

/**
 * Holds every table of the transaction's snapshot as it is, until the transaction ends: nobody can put a view or a foreign table in
 * its place, which would run the tenant's code as us.
 */
async function hold(client: Client): Promise<Table[]> {
  const { rows } = await client.query<Table>(tables);
  try {
    for (let at = 0; at < rows.length; at += 500) {
      const names = rows.slice(at, at + 500).map(({ name }) => name);
      await client.query(`LOCK TABLE ONLY ${names.join(", ONLY ")} IN ACCESS SHARE MODE`);
    }
  } catch (cause) {
    const reasons: Readonly<Record<string, string>> = {
      "42P01": "a table was dropped while the export began",
      "55P03": "somebody has locked a table for more than 30 s",
    };
    const reason = reasons[sqlState(cause) ?? ""];
    throw reason === undefined
      ? cause
      : new Problem("export-changed", `The database cannot be read: ${reason}. Run it again`, { cause });
  }
  const { rows: moved } = await client.query(
    "SELECT FROM unnest($1::oid[], $2::text[]) AS held (oid, name) WHERE pg_catalog.to_regclass(name) IS DISTINCT FROM oid",
    [rows.map(({ oid }) => oid), rows.map(({ name }) => name)],
  );
  if (moved.length > 0)
    throw new Problem("export-changed", "A table was replaced while the export began. Run it again");
  return rows;
}

/** How many tables there are and how many rows they have together; the caller's transaction says at which moment. */
async function countRows(client: Client, held: readonly Table[]): Promise<{ tables: number; rows: number }> {
  let sum = 0;
  for (const { name } of held) {
    const { rows } = await client.query<{ count: string }>(`SELECT pg_catalog.count(*) FROM ONLY ${name}`);
    sum += Number(rows[0]?.count);
  }
  return { tables: held.length, rows: sum };
}

/** Runs `work` in one moment of the tenant's database, as the administrator. */
async function atOneMoment<T>({ names, servers }: Subject, work: (client: Client) => Promise<T>): Promise<T> {
  // The longest of tables may be counted for longer than the server lets a transaction stand idle meanwhile.
  const settings = { idle_in_transaction_session_timeout: "0", statement_timeout: "0" };
  const client = await adminClient(servers, names.database, settings);
  try {
    return await inTransaction(client, async () => {
      await client.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY");
      return work(client);
    });
  } finally {
    await closeSession(client);
  }
}

/** Tables and rows now. */
export const countTables = (subject: Subject): Promise<{ tables: number; rows: number }> =>
  atOneMoment(subject, async (client) => countRows(client, await hold(client)));

/** The server's version: 15. */
export async function majorVersion(servers: Subject["servers"]): Promise<number> {
  const client = await adminClient(servers);
  try {
    const { rows } = await client.query<{ version: number }>(
      "SELECT pg_catalog.current_setting('server_version_num')::int / 10000 AS version",
    );
    return rows[0]?.version ?? 0;
  } finally {
    await closeSession(client);
  }
}

export const postgresqlExporter: Exporter = {
  store: "postgresql",
  kind: "dump",
  // A dump is one moment.
  resumable: false,
  about: async ({ servers }) => ({ version: await majorVersion(servers) }),
  part: (subject) =>
    produced(async (write) => {
      const { names, servers, amount } = subject;
      const program = find("pg_dump", await majorVersion(servers));
      return atOneMoment(subject, async (client) => {
        const { rows } = await client.query<{ id: string }>("SELECT pg_catalog.pg_export_snapshot() AS id");
        const held = await hold(client);
        const args = ["--format=custom", `--snapshot=${rows[0]?.id}`, "--lock-wait-timeout=30s", "--no-subscriptions"];
        const { child, ended } = start(program, args, servers, { ...servers.postgresql, database: names.database });
        let bytes = 0;
        try {
          for await (const piece of child.stdout as AsyncIterable<Buffer>) {
            await write(piece);
            bytes += piece.length;
            amount(shownBytes(bytes));
          }
          await ended;
        } finally {
          child.kill();
        }
        return { counts: await countRows(client, held) };
      });
    }),
};

/**
 * Runs `work` while the role's sessions in its own database have no limit of temporary files: an index is sorted in them. A limit
 * that a killed run left off is a difference in `pulumi refresh` (providers/role-limits.ts).
 */
async function withoutTempLimit<T>({ names, servers }: Target, work: () => Promise<T>): Promise<T> {
  const alter = (what: string) =>
    withAdmin(
      (client) => client.query(`ALTER ROLE ${names.role} IN DATABASE ${names.database} ${what}`),
      undefined,
      servers,
    );
  await alter("SET temp_file_limit = -1");
  try {
    return await work();
  } finally {
    await alter("RESET temp_file_limit");
  }
}

/**
 * Restores as the tenant's own role: what is restored is the tenant's, and its code (triggers, functions in indexes and checks) runs
 * with the tenant's rights. In one transaction: all of it is there, or nothing.
 */
async function load(target: Target, content: Bytes): Promise<void> {
  const { names, servers, credentials } = target;
  const own = ["--no-owner", "--no-acl"];
  // A materialized view is filled as by the tenant itself: under the policies of its tables, where they are forced on their owner.
  const how = ["--single-transaction", "--exit-on-error", "--enable-row-security", `--dbname=${names.database}`];
  const login = { user: names.role, password: credentials.postgres_password, database: names.database };
  const { child, ended } = start(find("pg_restore", await majorVersion(servers)), [...own, ...how], servers, login);
  if (child.stdin === null) throw new Error("pg_restore has no standard input");
  try {
    await pipeline(Readable.from(content), child.stdin);
  } catch (error) {
    child.kill();
    const broken = ["EPIPE", "ERR_STREAM_PREMATURE_CLOSE"].includes((error as NodeJS.ErrnoException).code ?? "");
    // It ended first, and says why.
    if (broken) await ended;
    throw error;
  }
  await ended;
}

export const postgresqlImporter: Importer = {
  store: "postgresql",
  async problems({ names, servers }, { version = 0 }) {
    const own = await majorVersion(servers);
    find("pg_restore", own);
    const found: string[] = [];
    if (Number(version) > own) {
      found.push(
        `the export is of PostgreSQL ${version}, the server is ${own}: restore to the same version, or a later one`,
      );
    }
    const ask = "SELECT FROM pg_roles WHERE rolname = $1 AND rolcanlogin";
    const { rowCount } = await withAdmin((client) => client.query(ask, [names.role]), undefined, servers);
    if (rowCount === 0) {
      const help = `npm run tenant -- resume ${names.id}`;
      found.push(`its role ${names.role} may not log in, as a suspended tenant's may not: ${help}`);
    }
    return found;
  },
  async write(target, content, again) {
    // An interrupted run may have come to the end of the transaction, and not to writing that down.
    const there = again ? await countTables(target) : { tables: 0 };
    if (there.tables === 0) await withoutTempLimit(target, () => load(target, content));
    return { leftOut: {} };
  },
  count: countTables,
};
