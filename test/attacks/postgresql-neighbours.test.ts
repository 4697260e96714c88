// What two tenants' PostgreSQL sessions can do to each other through what the server has only one of: its processes, its queue of
// notifications, its locks and snapshots.
import { once } from "node:events";
import type { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { adminClient, closeSession } from "../../providers/clients/postgresql.ts";
import { deployedTenants } from "../support/deployed.ts";
import { answerTo, answerToSql, tenantSession } from "../support/postgresql-tenant.ts";

let attacker: Client;
let victim: Client;
let admin: Client;
beforeAll(async () => {
  const tenants = await deployedTenants();
  attacker = await tenantSession(tenants.attacker);
  victim = await tenantSession(tenants.victim);
  admin = await adminClient();
});
afterAll(async () => {
  for (const client of [attacker, victim, admin]) await closeSession(client);
});

const pidOf = async (client: Client): Promise<number> =>
  (await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid")).rows[0]?.pid ?? 0;

it.each(["pg_cancel_backend", "pg_terminate_backend"])("%s of another's session is refused", async (call) => {
  const [verb] = /cancel|terminate/.exec(call) ?? [];
  expect(await answerToSql(attacker, `SELECT ${call}(${await pidOf(victim)})`)).toBe(
    `42501: must be a member of the role whose ${verb === "cancel" ? "query" : "process"} is being ${verb === "cancel" ? "canceled" : "terminated"} or member of pg_signal_backend`,
  );
  expect(await answerToSql(attacker, `SELECT ${call}(${await pidOf(admin)})`)).toMatch(
    /^42501: must be a superuser to (cancel|terminate) superuser (query|process)$/,
  );
  for (const client of [victim, admin]) expect(await answerTo(() => client.query("SELECT"))).toBe("done");
});

it("a notification stays in its database", async () => {
  await victim.query("LISTEN shared");
  await attacker.query("NOTIFY shared, 'from the attacker'");
  const heard = once(victim, "notification");
  await victim.query("NOTIFY shared, 'its own'");
  // In the order they were sent: the attacker's would have come first.
  expect(await heard).toMatchObject([{ payload: "its own" }]);
  await victim.query("UNLISTEN shared");
});

it("an advisory lock is held in its database only", async () => {
  await attacker.query("SELECT pg_advisory_lock(42)");
  const { rows } = await victim.query("SELECT pg_try_advisory_lock(42) AS taken");
  expect(rows).toEqual([{ taken: true }]);
  for (const client of [attacker, victim]) await client.query("SELECT pg_advisory_unlock_all()");
});

it("another's snapshot cannot be taken", async () => {
  await victim.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  const { rows } = await victim.query<{ id: string }>("SELECT pg_export_snapshot() AS id");
  await attacker.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
  const answer = await answerTo(() => attacker.query(`SET TRANSACTION SNAPSHOT '${rows[0]?.id}'`));
  for (const client of [attacker, victim]) await client.query("ROLLBACK");
  expect(answer).toBe("0A000: cannot import a snapshot from a different database");
});

it("another's temporary tables are not there", async () => {
  await victim.query("CREATE TEMP TABLE hidden AS SELECT 'secret' AS value");
  const { rows } = await attacker.query("SELECT FROM pg_class WHERE relname = 'hidden'");
  expect(rows).toEqual([]);
  await victim.query("DROP TABLE hidden");
});
