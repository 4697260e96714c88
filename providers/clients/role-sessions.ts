// The sessions of a PostgreSQL role, and what it was granted by others.
import { setTimeout } from "node:timers/promises";
import type { Client } from "pg";
import { sqlState, withAdmin } from "./postgresql.ts";
import { onEveryServer, replayed, type PostgresqlNode, type PostgresqlNodes } from "./postgresql-nodes.ts";

/** Milliseconds a session may take to end. */
const patience = 5_000;

/** A moment on each server, as it writes it: their clocks differ. */
export type Moments = readonly string[];

/** Sessions that started before it may have come in by what holds no longer. */
export const momentsOf = (nodes: readonly PostgresqlNode[]): Promise<Moments> =>
  onEveryServer(nodes, async ({ client }) => {
    const { rows } = await client.query<{ now: string }>("SELECT clock_timestamp()::text AS now");
    return rows[0]?.now ?? "";
  });

/**
 * Ends the role's sessions on every server, and waits until they are gone.
 * @param startedBefore only those
 * @throws Error when one does not end
 */
export async function endSessions(
  nodes: readonly PostgresqlNode[],
  role: string,
  startedBefore?: Moments,
): Promise<void> {
  await onEveryServer(nodes, async ({ client }, index) => {
    // Not in the condition: the server is free to call it for a session before it looks whose that is.
    const { rows } = await client.query<{ pid: number; ended: boolean }>(
      `SELECT pid, pg_terminate_backend(pid, $3) AS ended FROM pg_stat_activity
       WHERE usename = $1 AND backend_start < coalesce($2::timestamptz, 'infinity')`,
      [role, startedBefore?.[index], patience],
    );
    const left = rows.filter(({ ended }) => !ended);
    if (left.length === 0) return;
    const pids = left.map(({ pid }) => pid).join(", ");
    throw new Error(
      `sessions of role ${role} did not end within ${patience} ms (process ${pids}); see what they do: ` +
        `psql -c "SELECT * FROM pg_stat_activity WHERE usename = '${role}'". Then run it again`,
    );
  });
}

/**
 * Takes the role its login and ends its sessions. Its own on a standby are ended first: they could hold up what shuts it out there.
 * @throws Error when one does not end, or a standby does not catch up
 */
export async function shutOut(nodes: PostgresqlNodes, role: string): Promise<void> {
  const [{ client }, ...standbys] = nodes;
  await alterRole(client, `ALTER ROLE ${client.escapeIdentifier(role)} NOLOGIN`);
  await endSessions(nodes, role);
  await replayed(nodes);
  await endSessions(standbys, role);
}

/** Milliseconds that the work of a session may still take before the session is ended all the same. */
const grace = 30_000;

/**
 * Ends the role's sessions on every server, each as soon as it is idle: a statement or transaction that is under way may finish.
 * What is left after the time of grace is ended at work.
 * @param startedBefore only those
 * @throws Error when one does not end
 */
export async function endIdleSessions(nodes: PostgresqlNodes, role: string, startedBefore: Moments): Promise<void> {
  await onEveryServer(nodes, async ({ client }, index) => {
    for (const deadline = Date.now() + grace; Date.now() < deadline; await setTimeout(100)) {
      const { rowCount } = await client.query(
        `SELECT CASE WHEN state = 'idle' THEN pg_terminate_backend(pid) END FROM pg_stat_activity
         WHERE usename = $1 AND backend_start < $2::timestamptz`,
        [role, startedBefore[index]],
      );
      if (rowCount === 0) break;
    }
  });
  await endSessions(nodes, role, startedBefore);
}

/** The databases, other than `except`, in which somebody granted the role something. */
export async function databasesWithGrants(client: Client, role: string, except: string): Promise<string[]> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT DISTINCT datname AS name FROM pg_shdepend JOIN pg_database ON pg_database.oid = dbid
     WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM pg_roles WHERE rolname = $1)
       AND datname <> $2 AND datallowconn`,
    [role, except],
  );
  return rows.map(({ name }) => name);
}

/**
 * Takes back what was granted to the role in other databases: any tenant may grant any role something on its own tables,
 * and a role with grants cannot be dropped.
 * @param except the role's own database
 */
export async function dropForeignGrants(client: Client, role: string, except: string): Promise<void> {
  for (const database of await databasesWithGrants(client, role, except)) {
    await withAdmin((there) => there.query(`DROP OWNED BY ${there.escapeIdentifier(role)}`), database);
  }
}

/** How often a change of a role is tried while a session of the role changes it, too. */
const attempts = 100;

/** Runs `ALTER ROLE …`, again when the role's own session changed it at the same moment: it might do so to prevent ours. */
export async function alterRole(client: Client, statement: string): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    try {
      await client.query(statement);
      return;
    } catch (error) {
      const raced = sqlState(error) === "XX000" && (error as Error).message.startsWith("tuple concurrently ");
      if (!raced || attempt === attempts) throw error;
    }
  }
}

/** True when the error says that the role does not exist. */
export function isNoRole(error: unknown): boolean {
  return sqlState(error) === "42704";
}
