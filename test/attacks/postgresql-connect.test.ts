// Where somebody with one tenant's PostgreSQL credentials gets in: into the tenant's database, and nowhere else.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { templateDatabase } from "../../components/shared.ts";
import { readCredentials } from "../../providers/clients/credentials.ts";
import { editHba } from "../../providers/clients/hba-file.ts";
import { withEntry, withoutEntry } from "../../providers/clients/pg-hba.ts";
import { platformDatabase } from "../../providers/clients/platform-db.ts";
import { closeSession, sslOptions, withAdmin } from "../../providers/clients/postgresql.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { makeTenant, removeTenant } from "../support/hand-made-tenant.ts";
import { answerTo, tenantSession } from "../support/postgresql-tenant.ts";

let attacker: Deployed;
let victim: Deployed;
beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
});

/** What the server says to a connection; the name that was asked for is left out. */
async function connectionTo(database: string, as = attacker): Promise<string> {
  const answer = await answerTo(async () => closeSession(await tenantSession(as, { database })));
  return answer.replace(`database "${database}"`, "database NAME");
}

const rejected =
  /^28000: pg_hba\.conf rejects connection for host "[^"]+", user "tenant_attacker_user", database NAME, /;

it("gets into its own database", async () => {
  expect(await connectionTo(attacker.names.database)).toBe("done");
});

it("gets into no other database of the server", async () => {
  const { rows } = await withAdmin((client) =>
    client.query<{ datname: string }>("SELECT datname FROM pg_database WHERE datname <> $1", [attacker.names.database]),
  );
  const others = rows.map(({ datname }) => datname);
  const known = ["postgres", "template0", "template1", templateDatabase, platformDatabase, victim.names.database];
  expect(others).toEqual(expect.arrayContaining(known));
  for (const database of others) expect(await connectionTo(database), database).toMatch(rejected);
});

it("does not learn from the answer whether another tenant exists", async () => {
  const answers = ["tenant_victim", "tenant_nobody", "no such database", "platform", "template1"].map((name) =>
    connectionTo(name),
  );
  const [one, ...others] = await Promise.all(answers);
  expect(one).toMatch(rejected);
  expect(new Set([one, ...others]).size).toBe(1);
});

it("does not get in as another tenant's role, nor learn whether that exists", async () => {
  const as = (role: string): Deployed => ({ ...attacker, names: { ...attacker.names, role } });
  const { database } = victim.names;
  const real = await answerTo(async () => closeSession(await tenantSession(as(victim.names.role), { database })));
  expect(real).toBe('28P01: password authentication failed for user "tenant_victim_user"');
  // To the attacker's own database, where neither role has a line.
  const [exists, not] = await Promise.all(
    [victim.names.role, "tenant_nobody_user"].map(async (role) =>
      (await connectionTo(attacker.names.database, as(role))).replace(role, "ROLE"),
    ),
  );
  expect(exists).toMatch(/^28000: pg_hba\.conf rejects connection .* user "ROLE"/);
  expect(not).toBe(exists);
});

describe("replication connections", () => {
  it.each([
    ["physical", "true", /^28000: (no pg_hba\.conf entry for|pg_hba\.conf rejects) replication connection/],
    ["logical", "database", /^42501: must be superuser or replication role to start walsender$/],
  ])("%s: refused", async (_kind, replication, refusal) => {
    const { default: pg } = await import("pg");
    const { postgresql } = servers();
    const { host, port } = postgresql;
    const { names, credentials } = attacker;
    const answer = await answerTo(async () => {
      const client = new pg.Client({
        ...{ host, port, user: names.role, password: credentials.postgres_password, database: names.database },
        ...{ replication, ssl: sslOptions(postgresql) },
      });
      client.on("error", () => undefined);
      await client.connect().finally(() => client.end());
    });
    expect(answer).toMatch(refusal);
  });
});

it.each([
  ["temp_file_limit", "-1"],
  ["session_preload_libraries", "anything"],
  ["log_statement", "all"],
  ["zero_damaged_pages", "on"],
  ["session_replication_role", "replica"],
])("does not set %s with the connection", async (name, value) => {
  const answer = await answerTo(async () =>
    closeSession(await tenantSession(attacker, { settings: { [name]: value } })),
  );
  expect(answer).toBe(`42501: permission denied to set parameter "${name}"`);
});

describe("behind the door: where pg_hba.conf would let the role in everywhere", () => {
  const id = "pgdoor";
  const doors = (): string[] => [
    ...["postgres", "template0", "template1", templateDatabase, platformDatabase, victim.names.database],
  ];
  let tenant: Deployed;
  beforeAll(async () => {
    const names = await makeTenant(id);
    tenant = { id, names, credentials: await readCredentials(id) };
    const networks = ["127.0.0.1/32", "::1/128"];
    await withAdmin((client) =>
      editHba(client, (text) =>
        doors().reduce((edited, database) => withEntry(edited, { database, role: names.role, networks }), text),
      ),
    );
  });
  afterAll(async () => {
    const { role } = tenant.names;
    await withAdmin((client) =>
      editHba(client, (text) =>
        doors().reduce((edited, database) => withoutEntry(edited, { database, role, networks: [] }), text),
      ),
    );
    await removeTenant(id);
  });

  it("the databases themselves refuse it", async () => {
    const answers: Record<string, string> = {};
    for (const database of doors()) answers[database] = (await connectionTo(database, tenant)).slice(0, 42);
    const denied = "42501: permission denied for database NAME";
    // Nobody's session on a template can stand in the way of CREATE DATABASE.
    const closed = "55000: database NAME is not currently acce";
    expect(answers).toEqual({
      ...{ postgres: denied, [platformDatabase]: denied, [victim.names.database]: denied },
      ...{ template0: closed, template1: closed, [templateDatabase]: closed },
    });
  });
});
