// Sessions on the PostgreSQL server: the administrator's, and any other role's on the same server.
import type { Client, ClientConfig } from "pg";
import { Problem } from "../../errors/problem.ts";
import {
  postgresqlAddress,
  primaryOf,
  type PostgresqlAddress,
  type PostgresqlState,
  type Silent,
} from "./postgresql-list.ts";
import { servers, type Servers } from "./servers.ts";
import { tlsProblems } from "./tls-problems.ts";
import { sslModes, trusting } from "./tls.ts";

/** How the shared server is reached; without the administrator's name and password. */
export type PostgresqlServer = Pick<Servers["postgresql"], "host" | "port" | "sslMode" | "ca">;

/** Who connects to which database. */
export interface Session {
  readonly user: string;
  readonly password: string;
  readonly database: string;
  /** Settings of the session, sent with the connection: no round trip. Values hold no space. */
  readonly settings?: Readonly<Record<string, string>>;
}

/** Milliseconds until a server that does not answer counts as down; a busy one takes seconds. */
export const connectTimeout = 15_000;

/**
 * libpq's `sslmode` as the `pg` package says it.
 * @throws Error when the mode is none of the four.
 */
export function sslOptions({ sslMode, ca }: Pick<PostgresqlServer, "sslMode" | "ca">): ClientConfig["ssl"] {
  if (sslMode === "disable") return false;
  // libpq: `require` checks the authority too when one is given.
  if (sslMode === "require" && ca === undefined) return { rejectUnauthorized: false };
  if (!sslModes.includes(sslMode)) {
    throw new Problem(
      "servers-invalid",
      `PGSSLMODE is ${JSON.stringify(sslMode)}: use disable, require, verify-ca or verify-full`,
    );
  }
  // Everything but verify-full accepts any name in a certificate that the authority signed.
  const anyName = sslMode === "verify-full" ? {} : { checkServerIdentity: () => undefined };
  return { rejectUnauthorized: true, ...trusting(ca), ...anyName };
}

/**
 * An open connection. The caller ends it.
 * @throws the `pg` package's own error, with the server's SQLSTATE in `code`: verification has to tell them apart.
 */
export async function openSession(server: PostgresqlServer, session: Session): Promise<Client> {
  const { default: pg } = await import("pg");
  const settings = Object.entries(session.settings ?? {}).map(([name, value]) => `-c ${name}=${value}`);
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: session.user,
    password: session.password,
    database: session.database,
    ssl: sslOptions(server),
    connectionTimeoutMillis: connectTimeout,
    application_name: "tenant-storage",
    ...(settings.length === 0 ? {} : { options: settings.join(" ") }),
  });
  // A connection that breaks while nobody waits for it must not end the process; the next query reports it.
  client.on("error", () => undefined);
  await client.connect();
  return client;
}

/** Ends a connection; one that is broken already counts as ended. */
export async function closeSession(client: Client): Promise<void> {
  await client.end().catch(() => undefined);
}

/** The SQLSTATE of an error, such as `42501`, or Node's code, such as `ECONNREFUSED`; undefined when it has none. */
export function sqlState(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | undefined)?.code;
  return typeof code === "string" ? code : undefined;
}

/** Why a connection failed, for a person: never the password. */
async function connectError(cause: unknown, server: Servers["postgresql"], session: Session): Promise<Error> {
  const state = sqlState(cause);
  // Not the server's own answer, or one that is about encryption.
  const unencrypted = state === "28000" && (cause as Error).message.includes("no encryption");
  const [tls] = unencrypted || !/^[0-9A-Z]{5}$/.test(state ?? "") ? await tlsProblems({ postgresql: server }) : [];
  if (tls !== undefined) return Object.assign(new Problem("tls-refused", tls, { cause }), { code: state });
  const problem = (cause as Error).message || state || "no answer";
  const where = `PostgreSQL at ${postgresqlAddress(server)} (user ${session.user}, database ${session.database})`;
  const help =
    state === "3D000" && session.database === "platform"
      ? "Prepare the platform: pulumi up --stack platform"
      : "Check PGHOST, PGPORT, PGUSER, PGPASSWORD and PGSSLMODE; for the local stores: npm run stores -- status";
  // The SQLSTATE stays readable: callers branch on it.
  return Object.assign(new Error(`${where} cannot be used: ${problem}. ${help}`, { cause }), { code: state });
}

/** Asks whether the server follows another one, and has it refuse to expand a tenant's views where it knows how (15.8, 16.4, 17). */
const introduction = `
  SELECT pg_is_in_recovery() AS standby,
    (SELECT set_config(name, 'view,foreign-table', false) FROM pg_settings WHERE name = 'restrict_nonsystem_relation_kind')`;

/** A connection of the administrator to one server. The caller ends it. */
export interface NodeConnection {
  readonly client: Client;
  /** The server follows another one, and accepts no writes. */
  readonly standby: boolean;
}

/** Connects the administrator to one of the servers, whether it accepts writes or not. */
export async function connectNode(
  all: Pick<Servers, "postgresql">,
  address: PostgresqlAddress,
  database = "postgres",
  settings: Readonly<Record<string, string>> = {},
): Promise<NodeConnection> {
  const { nodes: _, ...one } = { ...all.postgresql, ...address };
  const { user, password, ...server } = one;
  const session = {
    user,
    password,
    database,
    settings: { search_path: "pg_catalog,pg_temp", lock_timeout: "30s", ...settings },
  };
  let client: Client;
  try {
    client = await openSession(server, session);
  } catch (cause) {
    throw await connectError(cause, one, session);
  }
  try {
    const { rows } = await client.query<{ standby: boolean }>(introduction);
    return { client, standby: rows[0]?.standby === true };
  } catch (error) {
    await closeSession(client);
    throw error;
  }
}

/** Every server that PGHOST names. */
export function nodesOf({
  postgresql: { host, port, nodes },
}: Pick<Servers, "postgresql">): readonly PostgresqlAddress[] {
  return nodes ?? [{ host, port }];
}

/** Which one accepted writes when it was asked last, by the list it is in. */
const known = new Map<string, PostgresqlAddress>();
const listOf = (all: Pick<Servers, "postgresql">): string => nodesOf(all).map(postgresqlAddress).join();

/** What tells servers that belong together from others. */
const introductionToOthers = `
  SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only')::bool AS "readOnly",
    system_identifier::text AS system, pg_postmaster_start_time()::text AS since FROM pg_control_system()`;

/** What the server says of itself. */
export async function stateOf(client: Client, address: PostgresqlAddress): Promise<PostgresqlState> {
  const { rows } = await client.query<Omit<PostgresqlState, "address">>(introductionToOthers);
  return { ...(rows[0] as Omit<PostgresqlState, "address">), address };
}

/** @throws Problem unless exactly one of the servers accepts writes */
export function requirePrimary(asked: readonly (PostgresqlState | Silent)[]): PostgresqlAddress {
  const found = primaryOf(asked);
  if ("primary" in found) return found.primary;
  throw new Problem(found.code, found.problem);
}

/**
 * The server that accepts writes now: every one that is named is asked.
 * @throws Problem when none does, when two do, or when they do not belong together; the only server's own error when it fails
 */
export async function findPrimary(all: Pick<Servers, "postgresql"> = servers()): Promise<PostgresqlAddress> {
  const addresses = nodesOf(all);
  const asked = await Promise.allSettled(
    addresses.map(async (address) => {
      const { client } = await connectNode(all, address);
      return stateOf(client, address).finally(() => closeSession(client));
    }),
  );
  const [only] = asked;
  if (addresses.length === 1 && only?.status === "rejected") throw only.reason;
  const primary = requirePrimary(
    asked.map((one, index) =>
      one.status === "fulfilled"
        ? one.value
        : { address: addresses[index] as PostgresqlAddress, reason: `cannot be used (${reasonOf(one.reason)})` },
    ),
  );
  known.set(listOf(all), primary);
  return primary;
}

/** What the server, or the network, said, or what is wrong with TLS, without what `connectError` says around it. */
export function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  return error instanceof Problem ? message : (cause as Error | undefined)?.message || sqlState(error) || message;
}

/**
 * An open connection of the administrator, to the server that accepts writes. The caller ends it with `closeSession`.
 *
 * A superuser must never run a tenant's code (isolation.md): nothing but `pg_catalog` is searched, so name every other
 * object with its schema, and the server refuses to expand the tenant's views.
 * @throws Error naming server, user, database and the command that helps.
 */
export async function adminClient(
  all: Pick<Servers, "postgresql"> = servers(),
  database = "postgres",
  settings: Readonly<Record<string, string>> = {},
): Promise<Client> {
  const several = all.postgresql.nodes !== undefined;
  const expected = several ? known.get(listOf(all)) : nodesOf(all)[0];
  if (expected !== undefined) {
    try {
      const { client, standby } = await connectNode(all, expected, database, settings);
      if (!standby) return client;
      await closeSession(client);
    } catch (error) {
      if (!several || answered(error)) throw error;
    }
  }
  // Another one may have taken over since.
  return (await connectNode(all, await findPrimary(all), database, settings)).client;
}

/** True for an error that a server which is up and ready has sent: such as that there is no such database. */
const answered = (error: unknown): boolean =>
  // 57P…: it starts, stops or recovers. 08…: the connection broke. EPIPE is Node's.
  /^(?!E|57P|08)[0-9A-Z]{5}$/.test(sqlState(error) ?? "");

/** Runs `fn` with a connection of the administrator to `database` and ends it. */
export async function withAdmin<T>(
  fn: (client: Client) => Promise<T>,
  database = "postgres",
  all: Pick<Servers, "postgresql"> = servers(),
): Promise<T> {
  const client = await adminClient(all, database);
  try {
    return await fn(client);
  } finally {
    await closeSession(client);
  }
}

/** Runs `fn` in one transaction: committed when it returns, rolled back when it throws. */
export async function inTransaction<T>(client: Client, fn: () => Promise<T>): Promise<T> {
  await client.query("BEGIN");
  try {
    const result = await fn();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined); // A broken connection has rolled back already.
    throw error;
  }
}
