// PostgreSQL: the tenant's role reaches its database and no other, and nobody else reaches it (plan, section 3.2), on the primary and
// on every standby: each decides by a pg_hba.conf of its own.
import { setTimeout } from "node:timers/promises";
import type { Client } from "pg";
import { defaultPlacement } from "../../providers/clients/placements.ts";
import { platformDatabase } from "../../providers/clients/platform-db.ts";
import { closeSession, inTransaction, openSession, sqlState } from "../../providers/clients/postgresql.ts";
import {
  replayed,
  withEveryNode,
  type PostgresqlNode,
  type PostgresqlNodes,
} from "../../providers/clients/postgresql-nodes.ts";
import { currentPlacement } from "../../providers/clients/servers.ts";
import { unprotectedSuperusers } from "../../providers/clients/superusers.ts";
import {
  Mismatch,
  refused,
  works,
  type Attempt,
  type Dialect,
  type Finding,
  type StoreDefinition,
  type Subject,
} from "./checks.ts";
import { newTrace } from "./probe.ts";

/** The platform database is on the default placement's server only. */
const platformDatabases = () => (currentPlacement() === defaultPlacement ? [platformDatabase] : []);

export const dialect: Dialect = {
  // Only the server's errors have a severity.
  code: (error) => ((error as { severity?: unknown }).severity === undefined ? undefined : sqlState(error)),
  refusals: [
    "42501", // permission denied for database
    "28000", // pg_hba.conf rejects the connection, or has no line for it
    "55000", // the database accepts no connections from anyone: a template
  ],
};

interface Context extends Subject {
  /** The servers, the primary first. */
  readonly nodes: PostgresqlNodes;
  /** Asks as the administrator, the primary by default; one question at a time, as the protocol wants it. */
  readonly ask: <T extends object>(query: string, values: readonly unknown[], at?: PostgresqlNode) => Promise<T[]>;
  /** Superusers that the tenant's code could reach in its database. */
  readonly unprotected: () => ReturnType<typeof unprotectedSuperusers>;
  /** A session of the tenant's role, on the primary by default. The caller closes it. */
  readonly connect: (database: string, at?: PostgresqlNode) => Promise<Client>;
}

/** Rolled back on success. */
class Rollback extends Error {}

async function ownAccess(client: Client): Promise<void> {
  const table = `tenant_verify_${newTrace().replaceAll("-", "")}`;
  const inside = async (): Promise<never> => {
    await client.query(`CREATE TABLE public.${table} (value text)`);
    await client.query(`INSERT INTO public.${table} VALUES ('written')`);
    const read = await client.query<{ value: string }>(`SELECT value FROM public.${table}`);
    if (read.rows[0]?.value !== "written") throw new Mismatch("the row that was written was not read");
    const listed = await client.query(
      "SELECT FROM pg_catalog.pg_tables WHERE schemaname = 'public' AND tablename = $1",
      [table],
    );
    if (listed.rowCount !== 1) throw new Mismatch("the table that was made is not listed");
    await client.query(`DROP TABLE public.${table}`);
    throw new Rollback();
  };
  await inTransaction(client, inside).catch((error: unknown) => {
    if (!(error instanceof Rollback)) throw error;
  });
}

/** Tries the same on every server. What is done on a standby says so. */
export function onEach(
  { nodes }: Pick<Context, "nodes">,
  what: string,
  run: (at: PostgresqlNode) => Promise<unknown>,
): Attempt[] {
  return nodes.map((at) => ({ what: at.standby ? `${what} on ${at.name}` : what, run: () => run(at) }));
}

/** Connections that must be refused. */
function refusedConnections(c: Context, databases: readonly string[]): Promise<Finding> {
  return refused(
    dialect,
    databases.flatMap((what) => onEach(c, what, async (at) => closeSession(await c.connect(what, at)))),
  );
}

/** FAILED with every row's `problem`, OK without one. */
function noProblems(c: Context, query: string, values: readonly string[]): Promise<Finding> {
  return works(dialect, async () => {
    const rows = await c.ask<{ problem: string }>(query, values);
    if (rows.length > 0) throw new Mismatch(rows.map((row) => row.problem).join("; "));
  });
}

/** Milliseconds for a database that was just made to be closed to others. */
const patience = 20_000;

/** A right that crosses databases. */
interface Crossing {
  readonly problem: string;
  /** It is to a database that is minutes old. */
  readonly made: boolean;
}

const crossings = `
  SELECT format('%s may connect to %s', rolname, datname) AS problem,
      coalesce((pg_stat_file(format('base/%s/PG_VERSION', d.oid), true)).modification > now() - interval '5 minutes', false) AS made
    FROM pg_roles, pg_database d
    WHERE rolname = $1 AND datname <> $2 AND datallowconn AND has_database_privilege(rolname, datname, 'CONNECT')
  UNION ALL SELECT format('%s has the attribute %s', rolname, attribute), false
    FROM pg_roles, LATERAL (VALUES ('SUPERUSER', rolsuper), ('CREATEDB', rolcreatedb), ('CREATEROLE', rolcreaterole),
      ('REPLICATION', rolreplication), ('BYPASSRLS', rolbypassrls)) AS attributes (attribute, present)
    WHERE rolname = $1 AND present
  UNION ALL SELECT format('%s is a member of %s', $1::text, roleid::regrole), false FROM pg_auth_members
    WHERE member = (SELECT oid FROM pg_roles WHERE rolname = $1)
  UNION ALL SELECT format('there is no role %s', $1::text), false WHERE $1 NOT IN (SELECT rolname FROM pg_roles)`;

export const postgresql: StoreDefinition<Context> = {
  store: "postgresql",
  async within(subject, work) {
    const { postgresql: server } = subject.servers;
    return withEveryNode(async (nodes) => {
      const last = new Map<PostgresqlNode, Promise<unknown>>();
      const ask: Context["ask"] = async <T extends object>(
        query: string,
        values: readonly unknown[],
        at = nodes[0],
      ) => {
        const before = last.get(at) ?? Promise.resolve();
        const answer = before.then(async () => (await at.client.query<T>(query, [...values])).rows);
        last.set(
          at,
          answer.catch(() => undefined),
        );
        return answer;
      };
      const { postgres_password: password } = await subject.credentials;
      const connect: Context["connect"] = (database, { host, port } = nodes[0]) =>
        openSession({ ...server, host, port }, { user: subject.names.role, password, database });
      const unprotected: Context["unprotected"] = () => unprotectedSuperusers(ask, subject.names.database);
      // What an update has just made may not be on a standby yet.
      await replayed(nodes);
      return work({ ...subject, nodes, ask, unprotected, connect });
    }, subject.servers);
  },
  async missingOther({ ask, other }) {
    const rows = await ask<{ missing: string }>(
      `SELECT format('there is no database %s', wanted) AS missing FROM unnest($1::text[]) AS wanted
         WHERE wanted NOT IN (SELECT datname FROM pg_database)
       UNION ALL SELECT format('there is no role %s', $2::text)
         WHERE $2::text NOT IN (SELECT rolname FROM pg_roles)`,
      [[other.database, ...platformDatabases()], other.role],
    );
    return rows.length === 0 ? undefined : rows.map((row) => row.missing).join(", ");
  },
  checks: [
    {
      test: "own_access",
      expected: "OK",
      run: async (c) => {
        const finding = await works(dialect, async () => {
          const [primary, ...standbys] = c.nodes;
          const client = await c.connect(c.names.database, primary);
          await ownAccess(client).finally(() => closeSession(client));
          for (const at of standbys) {
            const reader = await c.connect(c.names.database, at);
            await reader.query("SELECT FROM pg_catalog.pg_tables").finally(() => closeSession(reader));
          }
          return standbys.map(({ name }) => `read on ${name}`).join(", ");
        });
        if (!finding.detail.includes("pg_hba.conf")) return finding;
        const help = "this machine is in none of the tenant's networks: add its network, or verify from there";
        return { ...finding, detail: `${finding.detail} (${help})` };
      },
    },
    {
      test: "cross_db_connect",
      expected: "DENIED",
      needsOther: true,
      run: (c) => refusedConnections(c, [c.other.database]),
    },
    {
      test: "shared_db_connect",
      expected: "DENIED",
      needsOther: true,
      run: (c) => refusedConnections(c, ["postgres", "template1", ...platformDatabases()]),
    },
    {
      // Where the role may ask for any database, "permission denied" and "does not exist" tell which there are.
      test: "existence_hidden",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          const nobody = `tenant_${newTrace().replaceAll("-", "")}`;
          for (const at of c.nodes) {
            const answer = await c.connect(nobody, at).then(closeSession, sqlState);
            if (answer === "28000") continue;
            throw new Mismatch(
              `a database that does not exist is answered with ${answer ?? "no SQLSTATE"}, not rejected by pg_hba.conf` +
                `${at.standby ? ` of ${at.name}` : ""}: a line there lets the role ask for any`,
            );
          }
        }),
    },
    {
      test: "other_activity",
      expected: "DENIED",
      run: (c) => {
        const read = async (what: string, at: PostgresqlNode): Promise<void> => {
          const client = await c.connect(c.names.database, at);
          await client.query(`SELECT FROM pg_catalog.${what} LIMIT 1`).finally(() => closeSession(client));
        };
        const everybodys = ["pg_stat_activity", "pg_locks", "pg_stat_get_activity(NULL)", "pg_control_checkpoint()"];
        return refused(
          dialect,
          everybodys.flatMap((what) => onEach(c, what, (at) => read(what, at))),
        );
      },
    },
    {
      test: "role_limited",
      expected: "OK",
      run: (c) =>
        noProblems(
          c,
          `SELECT format('%s has no connection limit', rolname) AS problem FROM pg_roles
             WHERE rolname = $1 AND rolconnlimit < 0
           UNION ALL SELECT format('%s has no limit of temporary files', rolname) FROM pg_roles
             WHERE rolname = $1 AND NOT EXISTS (SELECT FROM unnest(rolconfig) AS setting
               WHERE setting LIKE 'temp\\_file\\_limit=%' AND setting <> 'temp_file_limit=-1')
           UNION ALL SELECT format('there is no role %s', $1::text) WHERE $1 NOT IN (SELECT rolname FROM pg_roles)`,
          [c.names.role],
        ),
    },
    {
      // A superuser that finds the tenant's functions by unqualified names makes the tenant one.
      test: "superusers_protected",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          const lacking = await c.unprotected();
          if (lacking.length === 0) return;
          throw new Mismatch(
            lacking.map(({ role, name }) => `superuser ${role} has no ${name} of ours there`).join("; "),
          );
        }),
    },
    {
      // What the connections above could not try: every other database, and rights that cross databases.
      test: "role_confined",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          const look = () => c.ask<Crossing>(crossings, [c.names.role, c.names.database]);
          let found = await look();
          // A database in the making is everybody's until it is closed, a moment later; pg_hba.conf lets nobody else into it.
          for (const end = Date.now() + patience; found.some(({ made }) => made) && Date.now() < end;) {
            await setTimeout(300);
            const still = (await look()).map(({ problem }) => problem);
            found = found.filter(({ problem }) => still.includes(problem));
          }
          if (found.length > 0) throw new Mismatch(found.map(({ problem }) => problem).join("; "));
        }),
    },
    {
      test: "database_private",
      expected: "OK",
      run: (c) =>
        noProblems(
          c,
          `SELECT format('PUBLIC has %s on %s', privilege_type, datname) AS problem
             FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl
             WHERE datname = $2 AND acl.grantee = 0
           -- Only other tenants' roles count: an administrator's or a backup's may connect.
           UNION ALL SELECT format('%s other tenants may connect to %s', count(*), $2::text)
             FROM pg_roles WHERE rolname ~ '^tenant_[a-z0-9]+_user$' AND rolname <> $1
               AND has_database_privilege(rolname, (SELECT oid FROM pg_database WHERE datname = $2), 'CONNECT')
             HAVING count(*) > 0
           UNION ALL SELECT format('%s owns %s and could open it to others', $1::text, datname) FROM pg_database
             WHERE datname = $2 AND datdba = (SELECT oid FROM pg_roles WHERE rolname = $1)
           UNION ALL SELECT format('there is no database %s', $2::text) WHERE $2 NOT IN (SELECT datname FROM pg_database)`,
          [c.names.role, c.names.database],
        ),
    },
  ],
};
