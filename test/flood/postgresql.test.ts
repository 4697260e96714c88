// A tenant that takes all it can get of PostgreSQL: the limits hold, and its neighbour and the administrator go on working.
import type { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { readCredentials } from "../../providers/clients/credentials.ts";
import { closeSession, withAdmin } from "../../providers/clients/postgresql.ts";
import { deployed, type Deployed } from "../support/deployed.ts";
import { makeTenant, removeTenant } from "../support/hand-made-tenant.ts";
import { answerTo, asTenant, tenantSession } from "../support/postgresql-tenant.ts";

let attacker: Deployed;
let victim: Deployed;
const taken: Client[] = [];
beforeAll(async () => {
  victim = await deployed("victim");
  // Of its own: no other test has a connection of it that would be missing here, or ended.
  const names = await makeTenant("pgflood");
  attacker = { id: "pgflood", names, credentials: await readCredentials("pgflood") };
  await asTenant(victim, (client) =>
    client.query(
      "CREATE TABLE IF NOT EXISTS public.flood AS SELECT n, repeat('x', 50) FROM generate_series(1, 10000) AS n",
    ),
  );
});
afterAll(async () => {
  await Promise.all(taken.map(closeSession));
  await removeTenant("pgflood");
  await asTenant(victim, (client) => client.query("DROP TABLE IF EXISTS public.flood"));
});

/** Milliseconds of the neighbour's ordinary work: a connection, a query over its table, a write. */
async function neighbourWorks(times: number): Promise<number> {
  const started = performance.now();
  for (let time = 0; time < times; time++) {
    const answer = await answerTo(() =>
      asTenant(victim, async (client) => {
        const { rows } = await client.query("SELECT count(*)::int AS count FROM public.flood WHERE n % 7 = 0");
        expect(rows).toEqual([{ count: 1428 }]);
        await client.query("UPDATE public.flood SET n = n WHERE n < 100");
      }),
    );
    expect(answer).toBe("done");
  }
  return (performance.now() - started) / times;
}

it("connections: the role's limit holds, all of them taken", async () => {
  const refusal = await answerTo(async () => {
    for (let count = 0; count < 100; count++) taken.push(await tenantSession(attacker));
  });
  expect(refusal).toBe(`53300: too many connections for role "${attacker.names.role}"`);
  expect(taken).toHaveLength(20);
});

it("temporary files: a query that needs more than the limit is ended", async () => {
  const [client] = taken;
  expect(
    await answerTo(
      () =>
        client?.query(
          "SELECT count(*) FROM (SELECT DISTINCT md5(n::text) FROM generate_series(1, 12000000) AS n) AS m",
        ) ?? Promise.reject(new Error("no session")),
    ),
  ).toMatch(/^53400: temporary file size exceeds temp_file_limit \(262144kB\)$/);
});

it("heavy queries in every session: the neighbour and the administrator go on working", async () => {
  const quiet = await neighbourWorks(5);
  const heavy = taken.map((client) =>
    answerTo(() =>
      client.query("SET work_mem = '4MB'; SELECT count(*) FROM generate_series(1, 1000000000) AS n, pg_sleep(0)"),
    ),
  );
  const loud = await neighbourWorks(5);
  // The administrator gets in, into the flooded database too, and ends it.
  const ended = await withAdmin(async (client) => {
    const { rows } = await client.query<{ ended: boolean }>(
      "SELECT pg_terminate_backend(pid, 5000) AS ended FROM pg_stat_activity WHERE usename = $1",
      [attacker.names.role],
    );
    return rows;
  }, attacker.names.database);
  expect(ended.length).toBeGreaterThanOrEqual(taken.length);
  expect(ended.every((row) => row.ended)).toBe(true);
  for (const answer of await Promise.all(heavy)) expect(answer).not.toBe("done");
  process.stdout.write(
    `PostgreSQL, neighbour's work: ${quiet.toFixed(0)} ms alone, ${loud.toFixed(0)} ms beside ${taken.length} sessions of ` +
      `endless queries: ${(loud / quiet).toFixed(1)} times\n`,
  );
});
