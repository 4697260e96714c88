// What a tenant that fights back can do to the operator's own commands: traps for superusers, sessions that outlive their
// password, and grants that keep another tenant's role from being dropped.
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { logFile } from "../../local/logs.ts";
import { decryptCredentials } from "../../providers/clients/credentials.ts";
import { closeSession, openSession, sqlState, withAdmin } from "../../providers/clients/postgresql.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { answerTo, answerToSql, asTenant, tenantSession } from "../support/postgresql-tenant.ts";
import { layTraps } from "../support/postgresql-traps.ts";
import { initStack, pulumi, removeStack, run } from "../support/pulumi.ts";

const id = `fights${Date.now().toString(36)}`;
const names = tenantNames(id);
const tenant = async (): Promise<Deployed> => ({
  id,
  names,
  credentials: await decryptCredentials(readFileSync(secretFiles(id).encrypted, "utf8"), secretFiles(id).key),
});
const sql = (text: string, database = "postgres") => withAdmin((client) => client.query(text), database);

async function succeeds(...args: string[]): Promise<string> {
  const { code, all } = await pulumi([...args, "--stack", id, "--yes"]);
  expect(code, all).toBe(0);
  return all;
}

let attacker: Deployed;
beforeAll(async () => {
  ({ attacker } = await deployedTenants());
  // Whatever a server may be set to log of statements.
  await sql("ALTER SYSTEM SET log_statement = 'ddl'");
  await sql("SELECT pg_reload_conf()");
  await initStack(id, { id, octet: 243 });
  await succeeds("up", "--skip-preview");
});
afterAll(async () => {
  await sql("ALTER SYSTEM RESET log_statement");
  await sql("SELECT pg_reload_conf()");
  await pulumi(["destroy", "--stack", id, "--yes"], { TENANT_CONFIRM_DESTROY: id });
  await removeStack(id);
});

describe("traps in the tenant's database", () => {
  const stepped = async (): Promise<number> => (await sql("SELECT FROM public.trapped", names.database)).rowCount ?? 0;
  const isSuperuser = async (): Promise<unknown> =>
    (await sql(`SELECT rolsuper FROM pg_roles WHERE rolname = '${names.role}'`)).rows;
  const { user, password, ...server } = servers().postgresql;
  const plain = () => openSession(server, { user, password, database: names.database });

  beforeAll(async () => {
    const laid = await asTenant(await tenant(), (client) => layTraps(client, names.role, user));
    expect(laid).toBeGreaterThan(200);
  });

  it("work: a superuser that looks for names there steps on them", async () => {
    const admin = await plain();
    try {
      for (const path of ["public", `"${user}"`]) {
        await admin.query("BEGIN");
        await admin.query(`SET LOCAL search_path = ${path}`);
        await admin.query("SELECT array_agg('x'::text)");
        const { rows } = await admin.query("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = $1", [names.role]);
        await admin.query("ROLLBACK");
        expect(rows).toEqual([{ rolsuper: true }]);
      }
    } finally {
      await closeSession(admin);
    }
  });

  it("are not stepped on by a superuser with any client: the server sets its search path there", async () => {
    const admin = await plain();
    try {
      expect((await admin.query("SHOW search_path")).rows).toEqual([{ search_path: "pg_catalog, pg_temp" }]);
      await admin.query(
        "SELECT array_agg('x'::text), format('%s', 'x'::text), count(*) FROM pg_roles WHERE rolname = 'x'",
      );
      expect(await answerToSql(admin, "SELECT * FROM public.pg_class")).toBe(
        '55000: access to non-system view "pg_class" is restricted',
      );
    } finally {
      await closeSession(admin);
    }
    expect([await stepped(), await isSuperuser()]).toEqual([0, [{ rolsuper: false }]]);
  });

  it("are not stepped on by verify, refresh and up, nor by the grants they repair", async () => {
    const { code, all } = await run("node", ["cli/tenant.ts", "verify", id]);
    expect(code, all).toBe(0);
    await sql(`REVOKE CREATE ON SCHEMA public FROM ${names.role}`, names.database);
    await sql("GRANT SELECT ON pg_catalog.pg_locks TO PUBLIC", names.database);
    await succeeds("refresh", "--skip-preview");
    expect(await succeeds("up", "--skip-preview")).toMatch(/Grant.* updated|Grant.* replaced|Grant.* created/);
    expect([await stepped(), await isSuperuser()]).toEqual([0, [{ rolsuper: false }]]);
  });
});

describe("a new password", () => {
  let old: Deployed;
  let session: Awaited<ReturnType<typeof tenantSession>>;
  let setsBack: Promise<string>;

  beforeAll(async () => {
    old = await tenant();
    session = await tenantSession(old);
    const stubborn = await tenantSession(old);
    const { postgres_password: password } = old.credentials;
    const exported = await pulumi(["stack", "export", "--stack", id]);
    const urn = new RegExp(`urn:[^"]+RandomPassword::${id}-postgresql`).exec(exported.stdout)?.[0] ?? "";
    setsBack = answerTo(async () => {
      for (;;) {
        await stubborn.query(`ALTER ROLE CURRENT_USER PASSWORD '${password}'`).catch((error: unknown) => {
          if (sqlState(error) !== "XX000") throw error; // The operator's change came in between.
        });
      }
    });
    await succeeds("up", "--skip-preview", "--replace", urn);
  });

  it("ends the sessions of the old one, also one that keeps setting it back", async () => {
    // The client reports the end as an error of its query or, between two of them, of the connection.
    expect(await setsBack).toMatch(/^57P01: terminating connection|^no SQLSTATE: .*[Cc]onnection (error|terminated)/);
    expect(await answerTo(() => session.query("SELECT 1"))).not.toBe("done");
    expect((await sql(`SELECT FROM pg_stat_activity WHERE usename = '${names.role}'`)).rowCount).toBe(0);
  });

  it("is the only one that lets in", async () => {
    expect(await answerTo(() => tenantSession(old))).toBe(
      `28P01: password authentication failed for user "${names.role}"`,
    );
    const now = await tenant();
    expect(now.credentials.postgres_password).not.toBe(old.credentials.postgres_password);
    await asTenant(now, (client) => client.query("SELECT 1"));
  });

  it("is not in the server's log, nor was the first one, though that has the statements", async () => {
    const log = readFileSync(logFile(process.env["TENANT_STORES_DIR"] ?? "", "postgresql"), "utf8");
    const passwords = [old, await tenant()].map(({ credentials }) => credentials.postgres_password);
    // The tenant's own statement is the tenant's own doing: it sent the old one in the clear.
    const ours = log.split("\n").filter((line) => !line.includes("ALTER ROLE CURRENT_USER"));
    expect(ours.join("\n")).toContain(`ALTER ROLE "${names.role}" PASSWORD 'SCRAM-SHA-256$4096:`);
    for (const password of passwords) expect(ours.filter((line) => line.includes(password))).toEqual([]);
  });
});

describe("a neighbour's grants", () => {
  it("do not keep a tenant from being destroyed, nor do its open sessions", async () => {
    await asTenant(attacker, async (client) => {
      await client.query("DROP TABLE IF EXISTS public.held");
      await client.query("CREATE TABLE public.held (value text)");
      await client.query(`GRANT SELECT ON public.held TO ${names.role}`);
      await client.query(`CREATE POLICY held ON public.held TO ${names.role}`);
      await client.query(`ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO ${names.role}`);
    });
    const session = await tenantSession(await tenant());
    const { code, all } = await pulumi(["destroy", "--stack", id, "--yes"], { TENANT_CONFIRM_DESTROY: id });
    expect(code, all).toBe(0);
    expect(await answerTo(() => session.query("SELECT 1"))).not.toBe("done");
    expect((await sql(`SELECT FROM pg_roles WHERE rolname = '${names.role}'`)).rowCount).toBe(0);
    // The neighbour's table is as it was, but for the grant.
    await asTenant(attacker, (client) => client.query("DROP TABLE public.held"));
  });
});
