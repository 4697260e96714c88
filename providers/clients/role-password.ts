// The password of a tenant's role. PostgreSQL knows one, lets open sessions live when it changes, and a role may set its own: a
// session of somebody who is to be locked out would set the old one back.
import type { Client } from "pg";
import { sqlState } from "./postgresql.ts";
import { replayed, type PostgresqlNodes } from "./postgresql-nodes.ts";
import { alterRole, endIdleSessions, endSessions, momentsOf, shutOut } from "./role-sessions.ts";

/** What the server stores of a role. */
export interface StoredLogin {
  /** `SCRAM-SHA-256$…`; null: no password. */
  readonly verifier: string | null;
  readonly login: boolean;
}

/** What it should store. */
export interface WantedLogin {
  readonly role: string;
  readonly verifier: string;
  /** Whether the role may log in at all. */
  readonly login: boolean;
}

/** What is stored of a role; undefined when there is none. */
export async function storedLogin(client: Client, role: string): Promise<StoredLogin | undefined> {
  const { rows } = await client.query<StoredLogin>(
    "SELECT rolpassword AS verifier, rolcanlogin AS login FROM pg_authid WHERE rolname = $1",
    [role],
  );
  return rows[0];
}

/** `publish` is called at the moment at which the password changes: after everything that may fail, before nothing but COMMIT. */
async function change(client: Client, { role, verifier, login }: WantedLogin, publish: () => void): Promise<void> {
  const wanted = `PASSWORD ${client.escapeLiteral(verifier)} ${login ? "LOGIN" : "NOLOGIN"}`;
  try {
    await alterRole(client, `ROLLBACK; BEGIN; ALTER ROLE ${client.escapeIdentifier(role)} ${wanted}`);
    publish();
    await client.query("COMMIT");
  } catch (error) {
    await client.query("ROLLBACK").catch(() => undefined); // A broken connection has rolled back already.
    throw error;
  }
}

/** Milliseconds that a session of the role may hold the change up before it counts as in the way. */
const patience = 2_000;

/**
 * Changes the password. Sessions of the old one end as soon as they are idle, the last after a time of grace.
 * @returns false when a session of the role was in the way, or has set another password: only `forcePassword` helps then
 */
export async function changePassword(
  nodes: PostgresqlNodes,
  wanted: WantedLogin,
  publish: () => void,
): Promise<boolean> {
  const [{ client }] = nodes;
  await client.query(`SET lock_timeout = ${patience}`);
  try {
    await change(client, wanted, publish);
  } catch (error) {
    // 55P03: the lock was not to be had. XX000: changed at the same moment, again and again.
    if (!["55P03", "XX000"].includes(sqlState(error) ?? "")) throw error;
    return false;
  } finally {
    await client.query("RESET lock_timeout");
  }
  return endFormerSessions(nodes, wanted);
}

/** Ends the sessions that are open now, gently. False when one of them has set another password. */
export async function endFormerSessions(nodes: PostgresqlNodes, { role, verifier }: WantedLogin): Promise<boolean> {
  await replayed(nodes);
  await endIdleSessions(nodes, role, await momentsOf(nodes));
  return (await storedLogin(nodes[0].client, role))?.verifier === verifier;
}

/**
 * Shuts the role out, ends its sessions at once, sets the password, lets it in.
 * @throws Error when a session of the role changed the password again
 */
export async function forcePassword(nodes: PostgresqlNodes, wanted: WantedLogin, publish: () => void): Promise<void> {
  const { role, verifier } = wanted;
  const [primary, ...standbys] = nodes;
  const before = await momentsOf([primary]);
  await shutOut(nodes, role);
  const moments = [...before, ...(await momentsOf(standbys))];
  await change(primary.client, wanted, publish);
  // A session that was about to open when the role was shut out shows up only now.
  await endSessions(nodes, role, moments);
  if ((await storedLogin(primary.client, role))?.verifier !== verifier) {
    throw new Error("a session of the role changed the password meanwhile. Run it again");
  }
}
