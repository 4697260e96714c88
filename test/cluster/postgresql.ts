// PostgreSQL as a primary and its standby: who gets in on the standby, whom a change shuts out there, and what a failover changes.
import type { Client } from "pg";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { readCredentials } from "../../providers/clients/credentials.ts";
import { editHba, readEveryHba } from "../../providers/clients/hba-file.ts";
import { networksIn } from "../../providers/clients/pg-hba.ts";
import { closeSession, connectNode, findPrimary, nodesOf, openSession } from "../../providers/clients/postgresql.ts";
import { replayed, withEveryNode } from "../../providers/clients/postgresql-nodes.ts";
import { changePassword, storedLogin } from "../../providers/clients/role-password.ts";
import { scramVerifier } from "../../providers/clients/scram.ts";
import { servers } from "../../providers/clients/servers.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { provider as roleLogin } from "../../providers/role-login.ts";
import { root } from "../../toolchain/paths.ts";
import { answerTo } from "../support/postgresql-tenant.ts";
import { initStack, planned, pulumi, run, setConfig } from "../support/pulumi.ts";
import { until } from "../support/redis-lab.ts";
import { kill, revive } from "./world.ts";

const [first, second] = [0, 1].map((index) => () => nodesOf(servers())[index]) as [Address, Address];
type Address = () => ReturnType<typeof nodesOf>[number] | undefined;

/** Runs `work` with the administrator's connection to one of the servers. */
async function on<T>(address: Address, work: (client: Client) => Promise<T>): Promise<T> {
  const { client } = await connectNode(servers(), address() as ReturnType<typeof nodesOf>[number]);
  return work(client).finally(() => closeSession(client));
}

/** The report as one line: its table breaks the reasons. */
async function verify(id: string, env: NodeJS.ProcessEnv = {}): Promise<{ code: number; all: string }> {
  const { code, all } = await run(process.execPath, ["cli/tenant.ts", "verify", id], env);
  return { code, all: all.replace(/[│\s]+/g, " ") };
}

async function up(id: string, ...args: string[]): Promise<void> {
  const { code, all } = await pulumi(["up", "--stack", id, "--yes", "--skip-preview", ...args]);
  expect(all).not.toContain("error:");
  expect(code).toBe(0);
}

/** @param id of a tenant */
export function postgresqlPair(id: string): void {
  const { database, role } = tenantNames(id);
  const canary = tenantNames("canary");

  /** A session with the tenant's credentials on one of the servers. */
  async function session(address: Address, to = database): Promise<Client> {
    const { postgres_password: password } = await readCredentials(id);
    return openSession({ ...servers().postgresql, ...address() }, { user: role, password, database: to });
  }
  const answer = (address: Address, to: string, sql = "SELECT") =>
    answerTo(async () => {
      const client = await session(address, to);
      await client.query(sql).finally(() => closeSession(client));
    });

  it("the standby lets the tenant read its own database, and into nothing else", async () => {
    expect(await findPrimary()).toEqual(first());
    expect(await answer(second, database)).toBe("done");
    expect(await answer(second, database, "CREATE TABLE public.x ()")).toMatch(/^25006: .*read-only transaction/);
    for (const sql of ["pg_last_xact_replay_timestamp()", "pg_last_wal_replay_lsn()", "pg_stat_get_wal_receiver()"]) {
      expect(await answer(second, database, `SELECT ${sql}`)).toMatch(/^42501: permission denied/);
    }
    for (const other of [canary.database, "platform", "postgres", "template1", "tenant_nobody"]) {
      expect(await answer(second, other), other).toMatch(/^28000: pg_hba.conf rejects connection/);
    }
    const replication = { user: role, password: "unused", database: "replication", replication: "true" };
    const { default: pg } = await import("pg");
    const client = new pg.Client({ ...second(), ...replication });
    client.on("error", () => undefined);
    expect(await answerTo(() => client.connect())).toMatch(/^28000: .*replication connection/);
    await client.end().catch(() => undefined);
  });

  it("what somebody changes in the standby's pg_hba.conf fails the verification, and an update with a refresh puts it back", async () => {
    const door = `host ${canary.database} ${role} 127.0.0.0/8 scram-sha-256\n`;
    await on(second, (client) =>
      editHba(client, (text) => door + text.replaceAll(`host ${database} ${role} 127.0.0.0/8`, `#`)),
    );
    const { code, all } = await verify(id);
    expect(code).not.toBe(0);
    expect(all).toMatch(/own_access FAILED OK pg_hba.conf rejects/);
    await up(id, "--refresh");
    const [primary, standby] = await readEveryHba();
    expect(standby?.text).not.toContain(door);
    expect(networksIn(standby?.text ?? "", { database, role })).toEqual(networksIn(primary.text, { database, role }));
  });

  it("a role that is shut out, or has a new password, has no session left on the standby either", async () => {
    const { postgres_password: password } = await readCredentials(id);
    const wanted = { role, database, verifier: scramVerifier(role, password), login: true };
    const ends = (client: Client) =>
      until("the session has ended", async () => (await answerTo(() => client.query("SELECT"))) !== "done");

    const idle = await session(second);
    const busy = await session(second);
    const sleeping = answerTo(() => busy.query("SELECT pg_sleep(600)"));
    await roleLogin.update(role, wanted, { ...wanted, login: false });
    expect(await sleeping).toMatch(/^57P01/);
    await ends(idle);
    for (const address of [first, second])
      expect(await answer(address, database)).toMatch(/^28000: .*not permitted to log in/);
    await roleLogin.update(role, { ...wanted, login: false }, wanted);
    await withEveryNode(replayed);

    const former = await session(second);
    const next = { ...wanted, verifier: scramVerifier(role, "another one") };
    expect(await withEveryNode((nodes) => changePassword(nodes, next, () => undefined))).toBe(true);
    await ends(former);
    expect(await answer(second, database)).toMatch(/^28P01/);
    await withEveryNode((nodes) => changePassword(nodes, wanted, () => undefined));
    expect(await answer(second, database)).toBe("done");
  });

  const other = "failedover";
  const names = tenantNames(other);

  it("a primary that is lost in the middle of an update fails it", async () => {
    // Every commit is on the standby before it is answered: what an update has recorded is not lost.
    await on(first, async (client) => {
      await client.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
      await client.query("SELECT pg_reload_conf()");
    });
    await initStack(other, { id: other, network: ["10.91.0.0/16"], qdrantVectorSize: 2 });
    const interrupted = pulumi(["up", "--stack", other, "--yes", "--skip-preview"]);
    let ended = false;
    void interrupted.then(() => (ended = true));
    const roleIsThere = () => on(first, async (client) => (await storedLogin(client, names.role)) !== undefined);
    while (!ended && !(await roleIsThere())) await setTimeout(50);
    await kill("postgresql");
    const failed = await interrupted;
    expect(failed.code).not.toBe(0);
    expect(failed.all).toMatch(/refused|REFUSED|terminated unexpectedly|accepts writes/);
  });

  it("without a primary, and with one server of two, a verification says what is missing", async () => {
    const [one, two] = [first(), second()].map((address) => `${address?.host}:${address?.port}`);
    const headless = await verify(id);
    expect(headless.code).not.toBe(0);
    expect(headless.all).toContain(`None of the 2 PostgreSQL servers of PGHOST accepts writes: ${one} cannot be used`);
    expect(headless.all).toContain(`${two} is a standby`);

    await on(second, (client) => client.query("SELECT pg_promote()"));
    const alone = await verify(id);
    expect(alone.code).not.toBe(0);
    expect(alone.all).toContain(`1 of 2 PostgreSQL servers cannot be used, and nothing was changed on any: ${one}`);
    expect((await verify(id, { PGHOST: second()?.host, PGPORT: String(second()?.port) })).all).toContain("is isolated");
  });

  it("the standby in its place is found, by applications too, and the former primary follows", async () => {
    await revive("postgresql");
    expect(
      await on(
        first,
        async (client) => (await client.query<{ yes: boolean }>("SELECT pg_is_in_recovery() AS yes")).rows,
      ),
    ).toEqual([{ yes: true }]);
    expect(await findPrimary()).toEqual(second());
    expect((await verify(id)).all).toContain("is isolated");
    const asTenant = async (...command: string[]): Promise<string> =>
      (await run(process.execPath, ["cli/tenant.ts", "exec", id, "--", ...command])).stdout.trim();
    const port = String(second()?.port);
    expect(await asTenant("psql", "-Atc", "SELECT inet_server_port()")).toBe(port);
    const program = `import { connectToPrimary } from "${join(root, "examples/applications/primary.ts")}";
      const client = await connectToPrimary();
      console.log((await client.query("SELECT inet_server_port() AS port")).rows[0].port);
      await client.end();`;
    expect(await asTenant(process.execPath, "--input-type=module", "-e", program)).toBe(port);
  });

  it("the interrupted update is finished with a change, and nothing differs but where the primary is", async () => {
    await setConfig(other, "postgresqlConnectionLimit", "21");
    await up(other);
    expect((await verify(other)).code).toBe(0);
    // The provider's other server replaces nothing.
    expect((await planned(id)).map(({ op, type }) => `${op} ${type}`)).toEqual(["update postgresql"]);
    const drift = await run(process.execPath, ["cli/tenant.ts", "drift", id]);
    expect(drift.code).toBe(0);
  });

  it("a destroy leaves nothing on either, and ends a session on the standby", async () => {
    const { postgres_password: password } = await readCredentials(other);
    const login = { user: names.role, password, database: names.database };
    const reader = await openSession({ ...servers().postgresql, ...first() }, login);
    const { code } = await pulumi(["destroy", "--stack", other, "--yes", "--skip-preview"]);
    expect(code).toBe(0);
    expect(await answerTo(() => reader.query("SELECT"))).not.toBe("done");
    expect(await tracesOf(names, servers(), { keys: true })).toEqual([]);
  });
}
