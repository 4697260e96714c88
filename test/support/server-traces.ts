// What servers tell of their past to whoever asks: tables, running statements, slow commands.
import { setTimeout } from "node:timers/promises";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";

/** Every row of every table of a database, as text, by the table's name. */
export async function tablesOf(database: string): Promise<Map<string, string>> {
  return withAdmin(async (client) => {
    const { rows: tables } = await client.query<{ name: string }>(
      `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables
       WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
    );
    const dumped = new Map<string, string>();
    for (const { name } of tables) {
      const { rows } = await client.query<{ row: string }>(`SELECT t::text AS row FROM ${name} t`);
      dumped.set(`${database} ${name}`, rows.map(({ row }) => row).join("\n"));
    }
    return dumped;
  }, database);
}

/** Collects the statements that anybody's session shows to administrators, until it is told to end. */
export async function watchStatements(): Promise<{ readonly end: () => Promise<string> }> {
  const statements = new Set<string>();
  let ended = false;
  const watching = withAdmin(async (client) => {
    for (; !ended; await setTimeout(10)) {
      const { rows } = await client.query<{ query: string }>("SELECT query FROM pg_stat_activity");
      for (const { query } of rows) statements.add(query);
    }
  });
  const end = async () => {
    ended = true;
    await watching;
    return [...statements].join("\n");
  };
  return { end };
}

/** Redis' log of slow commands, its log of refusals, and its clients. */
export async function redisMemory(): Promise<string> {
  return withRedis(servers(), async (client) =>
    JSON.stringify([
      await client.call("SLOWLOG", "GET", "-1"),
      await client.call("ACL", "LOG", "1000"),
      await client.call("CLIENT", "LIST"),
    ]),
  );
}
