// PostgreSQL sessions with a tenant's credentials, and how the server answers them.
import type { Client } from "pg";
import { closeSession, openSession, sqlState } from "../../providers/clients/postgresql.ts";
import { servers } from "../../providers/clients/servers.ts";
import type { Deployed } from "./deployed.ts";

/** A session of the tenant's role, in its own database unless another is named. The caller closes it. */
export async function tenantSession(
  { names, credentials }: Deployed,
  { database = names.database, settings = {} }: { database?: string; settings?: Readonly<Record<string, string>> } = {},
): Promise<Client> {
  return openSession(servers().postgresql, {
    user: names.role,
    password: credentials.postgres_password,
    database,
    settings,
  });
}

/** Runs `work` with a session of the tenant's role and closes it. */
export async function asTenant<T>(tenant: Deployed, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await tenantSession(tenant);
  try {
    return await work(client);
  } finally {
    await closeSession(client);
  }
}

/** The server's answer: `42501: permission denied for view pg_locks`, or `done` when it did not refuse. */
export async function answerTo(run: () => Promise<unknown>): Promise<string> {
  try {
    await run();
    return "done";
  } catch (error) {
    return `${sqlState(error) ?? "no SQLSTATE"}: ${(error as Error).message}`;
  }
}

/** The server's answer to statements in a transaction of their own, which is rolled back. */
export async function answerToSql(client: Client, ...statements: readonly string[]): Promise<string> {
  await client.query("BEGIN");
  const answer = await answerTo(async () => {
    for (const statement of statements) await client.query(statement);
  });
  await client.query("ROLLBACK");
  return answer;
}
