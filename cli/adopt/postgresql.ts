// A tenant's database, role and lines of pg_hba.conf, as somebody else made them.
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { databaseOwner } from "../../components/shared.ts";
import { networkProblem } from "../../components/networks.ts";
import { readEveryHba } from "../../providers/clients/hba-file.ts";
import { networksIn } from "../../providers/clients/pg-hba.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { scramVerifier } from "../../providers/clients/scram.ts";
import { plural } from "../output.ts";
import type { LookAt, StoreLook } from "./look.ts";

/** What the server says of both. */
interface Row {
  readonly owner: string | null;
  /** The owner is the administrator, or another superuser. */
  readonly owner_is_ours: boolean;
  readonly allows_connections: boolean | null;
  readonly verifier: string | null;
  readonly superuser: boolean;
  /** Other databases the role owns. */
  readonly owns: string[];
  /** Roles it is a member of. */
  readonly member_of: string[];
  /** Roles that are members of it. */
  readonly members: string[];
}

const question = `
  SELECT o.rolname AS owner, coalesce(o.rolsuper OR o.rolname = current_user, false) AS owner_is_ours,
    d.datallowconn AS allows_connections, a.rolpassword AS verifier, coalesce(a.rolsuper, false) AS superuser,
    ARRAY(SELECT datname::text FROM pg_database WHERE datdba = a.oid AND datname <> $1 ORDER BY 1) AS owns,
    ARRAY(SELECT roleid::regrole::text FROM pg_auth_members WHERE member = a.oid ORDER BY 1) AS member_of,
    ARRAY(SELECT member::regrole::text FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
          WHERE m.roleid = a.oid AND NOT r.rolsuper ORDER BY 1) AS members
  FROM (SELECT 1) AS one
    LEFT JOIN pg_database d ON d.datname = $1 LEFT JOIN pg_roles o ON o.oid = d.datdba
    LEFT JOIN pg_authid a ON a.rolname = $2`;

export async function lookAtPostgresql({
  names,
  servers,
  existing,
  credentials,
}: LookAt): Promise<StoreLook & { networks: readonly string[] }> {
  const { database, role } = names;
  const row = await withAdmin(
    async (client) => (await client.query<Row>(question, [database, role])).rows[0] as Row,
    "postgres",
    servers,
  );
  const [{ text: hba }, ...others] = await readEveryHba(servers);
  const found: string[] = [];
  const missing: string[] = [];
  const problems: string[] = [];
  const notes: string[] = [];
  if (existing.database && row.allows_connections === false) {
    problems.push(`database ${database} lets nobody in: ALTER DATABASE ${database} ALLOW_CONNECTIONS true`);
  } else if (existing.database) {
    found.push(`database ${database}, owner ${row.owner}, ${plural(await tablesIn(database, servers), "table")}`);
    if (!row.owner_is_ours && row.owner !== role && row.owner !== databaseOwner) {
      problems.push(
        `database ${database} belongs to role ${row.owner}, which is neither an administrator nor the tenant's. If nobody ` +
          `else needs that: ALTER DATABASE ${database} OWNER TO ${servers.postgresql.user}`,
      );
    }
  } else missing.push(`database ${database}`);

  if (existing.role) {
    found.push(`role ${role}`);
    if (row.superuser)
      problems.push(
        `role ${role} is a superuser: whatever it has read or changed elsewhere is done. Find out, then: ALTER ROLE ${role} NOSUPERUSER`,
      );
    if (row.owns.length > 0)
      problems.push(`role ${role} owns other databases: ${row.owns.join(", ")}. Give them to another role`);
    if (row.member_of.length > 0)
      problems.push(
        `role ${role} is a member of ${row.member_of.join(", ")}: REVOKE ${row.member_of.join(", ")} FROM ${role}`,
      );
    if (row.members.length > 0)
      problems.push(`role ${row.members.join(", ")} may act as ${role}: REVOKE ${role} FROM ${row.members.join(", ")}`);
    if (credentials !== undefined)
      problems.push(...passwordProblems(role, credentials.postgres_password, row.verifier));
  } else missing.push(`role ${role}`);

  const lines = networksIn(hba, { database, role });
  const networks = lines.filter((line) => networkProblem(line) === undefined);
  if (lines.length > 0) found.push(`pg_hba.conf lets it in from: ${lines.join(", ")}`);
  const odd = lines.filter((line) => !networks.includes(line));
  if (odd.length > 0) notes.push(`the first update replaces these lines of pg_hba.conf: ${odd.join("; ")}`);
  for (const { where, text } of others) {
    const there = networksIn(text, { database, role });
    if (isDeepStrictEqual(there, lines)) continue;
    notes.push(
      `pg_hba.conf${where} lets it in from: ${there.join(", ") || "nowhere"}. The first update writes the same lines there`,
    );
  }
  return { found, missing, problems, notes, settings: {}, networks };
}

async function tablesIn(database: string, servers: LookAt["servers"]): Promise<number> {
  return withAdmin(
    async (client) => {
      // The catalog only: nothing of the tenant's is run.
      const { rows } = await client.query<{ count: number }>(
        `SELECT count(*)::int AS count FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE c.relkind IN ('r', 'p', 'm', 'f') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')`,
      );
      return rows[0]?.count ?? 0;
    },
    database,
    servers,
  );
}

/** Compared with what the server stores: a login from here may be refused for other reasons. */
function passwordProblems(role: string, password: string, verifier: string | null): string[] {
  if (!/^[\x20-\x7e]+$/.test(password)) {
    return ["postgres_password of the secrets file has other characters than printable ASCII: it cannot be kept"];
  }
  const [, iterations, salt = ""] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$/.exec(verifier ?? "") ?? [];
  const md5 = `md5${createHash("md5").update(`${password}${role}`).digest("hex")}`;
  const same =
    iterations === undefined
      ? verifier === md5
      : scramVerifier(role, password, Buffer.from(salt, "base64"), Number(iterations)) === verifier;
  return same ? [] : ["postgres_password of the secrets file is not the one that PostgreSQL knows"];
}
