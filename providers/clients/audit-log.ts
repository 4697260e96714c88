// Writing to the audit log: one chain over the whole platform, one writer at a time, every event signed. A writer looks before it
// adds: on a log that was changed it would bury what is missing.
import type { Client } from "pg";
import {
  contentHash,
  isSignature,
  noHash,
  publicKeyBytes,
  Seal,
  signBytes,
  storable,
  type EventDetails,
  type SignedContent,
  type UnsignedEvent,
} from "./audit-chain.ts";
import {
  auditFiles,
  generateSigner,
  keepSeen,
  keepSigner,
  publicPem,
  readSeen,
  readSigner,
  type SeenEvent,
  type Signer,
} from "./audit-key.ts";
import { Problem } from "../../errors/problem.ts";
import { sqlState } from "./postgresql.ts";

/** An event without its place in the log. */
export interface Entry {
  readonly event_id: string;
  readonly tenant_id: string;
  readonly event_type: string;
  readonly resource_type: string;
  readonly resource_id: string;
  readonly details: EventDetails;
}

/** The newest event. */
export interface Head extends SeenEvent {
  readonly event_id: string;
  readonly key_id: string;
  readonly signature: Buffer;
}

const seeIt = "See what: npm run tenant -- audit --verify; how to go on: docs/operations.md, Audit";

/** The columns of an event as they are signed. */
export const unsignedColumns = `event_id, tenant_id, position::float8, event_type, resource_type, resource_id, details,
  previous_event_id, to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at`;

/** The id of the platform's log, that of its first event; undefined when none was begun. `client` may be an administrator's. */
export async function logOf(client: Client): Promise<string | undefined> {
  try {
    const { rows } = await client.query<{ event_id: string }>(
      "SELECT event_id FROM public.audit_events WHERE sequence = 1",
    );
    return rows[0]?.event_id;
  } catch (error) {
    // No table yet, or one of before the chain.
    if (["42P01", "42703"].includes(sqlState(error) ?? "")) return undefined;
    throw error;
  }
}

/**
 * Runs `work` while nobody else adds to the log. The lock is the session's, so that what is written outside the database is
 * written in the log's order too; the trigger takes the same one.
 */
export async function holdingLog<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query("SELECT pg_advisory_lock(hashtextextended('audit_events', 0))");
  try {
    return await work();
  } finally {
    // A connection that broke has given it back.
    await client.query("SELECT pg_advisory_unlock(hashtextextended('audit_events', 0))").catch(() => undefined);
  }
}

/** The newest event; undefined when the log was not begun. */
export async function headOf(client: Client): Promise<Head | undefined> {
  const { rows } = await client.query<Head>(
    `SELECT sequence::float8, encode(hash, 'hex') AS hash, event_id, key_id, signature FROM public.audit_events
     WHERE sequence IS NOT NULL ORDER BY audit_events.sequence DESC LIMIT 1`,
  );
  return rows[0];
}

/**
 * Adds an event. Not inside a transaction of the caller's: what is kept of it on this machine must not be rolled back.
 * @throws Error when the key is not here, or the log is not the one this machine knows. Nothing was recorded then.
 */
export async function appendEvent(client: Client, entry: Entry): Promise<void> {
  await holdingLog(client, async () => {
    const { rowCount } = await client.query("SELECT FROM public.audit_events WHERE event_id = $1", [entry.event_id]);
    if (rowCount === 1) return;
    const log = await logOf(client);
    const head = await headOf(client);
    if (log === undefined || head === undefined) throw notBegun(head);
    const signer = await readSigner(log);
    if (signer === undefined) throw noKey(log);
    await requireKnown(client, log, head, signer);
    await insert(client, log, head, entry, signer);
  });
}

/** Begins the log: its first event seals those of before. Nothing is done when it was begun already. */
export async function beginLog(client: Client, log: string, details: EventDetails): Promise<void> {
  await holdingLog(client, async () => {
    if ((await logOf(client)) === log) return;
    const head = await headOf(client);
    const seen = await readSeen(log);
    if (head !== undefined || seen !== undefined) {
      throw new Problem(
        "audit-log-changed",
        `The audit log ${log} had ${seen?.sequence ?? "some"} events and is not in the platform database. Nothing was begun. ` +
          `Restore the database from a backup; or accept the loss: pulumi refresh --stack platform, then pulumi up --stack platform`,
      );
    }
    const signer = await readSigner(log);
    if (signer === undefined) throw noKey(log);
    const seal = await sealOf(client);
    const entry: Entry = {
      event_id: log,
      tenant_id: "platform",
      event_type: "AUDIT_STARTED",
      resource_type: "audit_log",
      resource_id: log,
      details: {
        ...details,
        public_key: publicPem(signer.publicKey),
        sealed_events: seal.events,
        sealed_digest: seal.digest(),
      },
    };
    await insert(client, log, undefined, entry, signer);
  });
}

/**
 * Begins a new key, and accepts the log as it is now: for a lost key, and a database that was restored from a backup. The
 * event says what was lost.
 * @returns the ids of both
 */
export async function beginKey(
  client: Client,
  eventId: string,
  reason: string,
): Promise<{ readonly log: string; readonly key: string }> {
  return holdingLog(client, async () => {
    const log = await logOf(client);
    const head = await headOf(client);
    if (log === undefined || head === undefined) throw notBegun(head);
    const old = await readSigner(log);
    const seen = await readSeen(log);
    const signer = generateSigner();
    await keepSigner(log, signer);
    const entry: Entry = {
      event_id: eventId,
      tenant_id: "platform",
      event_type: "AUDIT_KEY_STARTED",
      resource_type: "audit_log",
      resource_id: log,
      details: {
        reason,
        public_key: publicPem(signer.publicKey),
        old_key: head.key_id,
        // Who trusts the old key may trust this one then.
        endorsement: old === undefined ? null : endorsementBy(old, signer),
        last_seen: seen?.sequence ?? null,
        last_seen_hash: seen?.hash ?? null,
        last_found: head.sequence,
      },
    };
    await insert(client, log, head, entry, signer);
    return { log, key: signer.id };
  });
}

function endorsementBy(old: Signer, signer: Signer): string {
  return signBytes(publicKeyBytes(signer.publicKey), old.privateKey).toString("base64");
}

/** The seal over the events of before the chain. */
export async function sealOf(client: Client): Promise<Seal> {
  const seal = new Seal();
  for (let last = "00000000-0000-0000-0000-000000000000"; ;) {
    const { rows } = await client.query<UnsignedEvent>(
      `SELECT ${unsignedColumns} FROM public.audit_events WHERE sequence IS NULL AND event_id > $1
       ORDER BY event_id LIMIT 1000`,
      [last],
    );
    for (const event of rows) seal.add(event);
    const newest = rows.at(-1);
    if (newest === undefined) return seal;
    last = newest.event_id;
  }
}

/** The log must end as it did when somebody last looked at it from here, and with an event signed by the key in use. */
async function requireKnown(client: Client, log: string, head: Head, signer: Signer): Promise<void> {
  const seen = await readSeen(log);
  if (seen !== undefined && seen.sequence > head.sequence) {
    throw changed(`it had ${seen.sequence} events when it was last seen here, and now has ${head.sequence}`);
  }
  if (seen !== undefined && (await hashAt(client, head, seen.sequence)) !== seen.hash) {
    throw changed(`event ${seen.sequence} is not the one that was seen here`);
  }
  if (head.key_id !== signer.id) {
    throw changed(
      `its last event (${head.sequence}) is signed with key ${head.key_id}, and ${auditFiles(log).key} is key ${signer.id}. Where ` +
        `a colleague has begun a new key, copy that folder; where --new-key was interrupted, run it again`,
    );
  }
  if (!isSignature(Buffer.from(head.hash, "hex"), signer.publicKey, head.signature)) {
    throw changed(`the signature of its last event (${head.sequence}) is wrong`);
  }
}

async function hashAt(client: Client, head: Head, sequence: number): Promise<string | undefined> {
  if (sequence === head.sequence) return head.hash;
  const { rows } = await client.query<{ hash: string }>(
    "SELECT encode(hash, 'hex') AS hash FROM public.audit_events WHERE sequence = $1",
    [sequence],
  );
  return rows[0]?.hash;
}

async function insert(
  client: Client,
  log: string,
  head: Head | undefined,
  entry: Entry,
  signer: Signer,
): Promise<void> {
  const { rows } = await client.query<Pick<SignedContent, "position" | "previous_event_id" | "created_at">>(
    `SELECT coalesce(last.position, 0)::float8 + 1 AS position, last.event_id AS previous_event_id,
       to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS created_at
     FROM (VALUES (1)) AS one LEFT JOIN (SELECT position, event_id FROM public.audit_events WHERE tenant_id = $1
       ORDER BY audit_events.position DESC LIMIT 1) AS last ON true`,
    [entry.tenant_id],
  );
  const place = rows[0];
  if (place === undefined) throw new Error("the platform database gave no time");
  const content: SignedContent = {
    ...entry,
    details: storable(entry.details),
    ...place,
    sequence: (head?.sequence ?? 0) + 1,
    previous_hash: head?.hash ?? noHash,
    key_id: signer.id,
  };
  const hash = contentHash(content);
  await client.query(
    `INSERT INTO public.audit_events (event_id, tenant_id, event_type, resource_type, resource_id, details, created_at,
       previous_hash, hash, signature, key_id)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
    [
      content.event_id,
      content.tenant_id,
      content.event_type,
      content.resource_type,
      content.resource_id,
      JSON.stringify(content.details),
      content.created_at,
      Buffer.from(content.previous_hash, "hex"),
      hash,
      signBytes(hash, signer.privateKey),
      content.key_id,
    ],
  );
  await keepSeen(log, { sequence: content.sequence, hash: hash.toString("hex") });
}

function changed(what: string): Error {
  return new Problem(
    "audit-log-changed",
    `The audit log is not the one this machine knows: ${what}. Nothing was recorded. ${seeIt}`,
  );
}

function notBegun(head: Head | undefined): Error {
  return head === undefined
    ? new Problem("platform-missing", "The audit log was not begun. Begin it: pulumi up --stack platform")
    : changed("its first event is missing");
}

function noKey(log: string): Error {
  return new Problem(
    "audit-key-missing",
    `The key of the audit log is not here: ${auditFiles(log).key}. Copy that folder from a colleague or a backup; when the key is ` +
      `lost, begin a new one: npm run tenant -- audit --new-key --reason TEXT`,
  );
}
