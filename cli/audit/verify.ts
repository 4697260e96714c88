// Proves the audit log from its rows alone: every event's place, link, content and signature, in one pass that keeps one page.
import type { Client } from "pg";
import {
  contentHash,
  isSignature,
  isSignatureAsync,
  noHash,
  publicKeyBytes,
  type SignedContent,
} from "../../providers/clients/audit-chain.ts";
import {
  keepSeen,
  knownLogs,
  publicKeysIn,
  readSeen,
  readTrustedKeys,
  type SeenEvent,
  type TrustedKeys,
} from "../../providers/clients/audit-key.ts";
import { holdingLog, logOf, sealOf, unsignedColumns } from "../../providers/clients/audit-log.ts";
import { breakLimit, type AuditVerdict, type Break } from "./verdict.ts";

const page = 2000;

type Row = SignedContent & { readonly hash: string; readonly signature: Buffer };

/**
 * Verifies the platform's log.
 * @param publicKeys trusted in place of those of this machine: PEM, one after the other
 * @param progress is told how many events were read
 */
export async function verifyAudit(
  client: Client,
  publicKeys?: { readonly file: string; readonly text: string },
  progress: (events: number) => void = () => undefined,
): Promise<AuditVerdict> {
  const log = await logOf(client);
  const verifier = new Verifier(publicKeys ? publicKeysIn(publicKeys.file, publicKeys.text) : await trustedHere(log));
  // Before the events are read: what was seen by then must be among them.
  const seen = log === undefined ? undefined : await readSeen(log);
  if (seen !== undefined) verifier.expect(seen);
  const seal = await sealOf(client);
  const sealed = { events: seal.events, digest: seal.digest() };
  let next = readPage(client, 0);
  let first = true;
  for (;;) {
    const rows = await next;
    const last = rows.at(-1);
    if (first) verifier.begin(rows[0], sealed);
    first = false;
    if (last === undefined) break;
    // The server reads the next page while this one is verified.
    next = readPage(client, last.sequence);
    await verifier.add(rows);
    progress(verifier.events);
  }
  verifier.end();
  const verdict = { log: log ?? null, sealed: sealed.events, compared: seen !== undefined, ...verifier.verdict() };
  if (verdict.unbroken && log !== undefined && publicKeys === undefined) await remember(client, log, verifier.newest);
  return verdict;
}

async function readPage(client: Client, after: number): Promise<Row[]> {
  const { rows } = await client.query<Row>(
    `SELECT ${unsignedColumns}, sequence::float8, encode(previous_hash, 'hex') AS previous_hash,
       encode(hash, 'hex') AS hash, signature, key_id
     FROM public.audit_events WHERE sequence > $1 ORDER BY audit_events.sequence LIMIT ${page}`,
    [after],
  );
  return rows;
}

/** Without the first event nobody knows which log it is: then any of ours. */
async function trustedHere(log: string | undefined): Promise<TrustedKeys> {
  const logs = log === undefined ? await knownLogs() : [log];
  const keys = await Promise.all(logs.map(readTrustedKeys));
  return new Map(keys.flatMap((one) => [...one]));
}

/** The next look, and the next writer, expect at least this event. */
async function remember(client: Client, log: string, newest: SeenEvent | undefined): Promise<void> {
  if (newest === undefined || (await readTrustedKeys(log)).size === 0) return;
  await holdingLog(client, async () => {
    const seen = await readSeen(log);
    if (seen === undefined || seen.sequence < newest.sequence) await keepSeen(log, newest);
  });
}

class Verifier {
  readonly #trusted: TrustedKeys;
  readonly #keys = new Set<string>();
  /** Stolen later, a key must not sign any more. */
  readonly #retired = new Set<string>();
  readonly #breaks: Break[] = [];
  #broken = 0;
  #last: Row | undefined;
  #seen: SeenEvent | undefined;
  events = 0;

  constructor(trusted: TrustedKeys) {
    this.#trusted = new Map(trusted);
  }

  get newest(): SeenEvent | undefined {
    return this.#last;
  }

  expect(seen: SeenEvent | undefined): void {
    this.#seen = seen;
  }

  /** @param sealed the events of before the chain that are there now, and their digest */
  begin(first: Row | undefined, sealed: { readonly events: number; readonly digest: string }): void {
    const nowhere = { event_id: null, tenant_id: null };
    if (first?.sequence !== 1) {
      // What follows says which events are missing.
      if (first === undefined) this.#break({ ...nowhere, sequence: 1, problem: "there is no signed event" });
      return;
    }
    const { sealed_events: events, sealed_digest: digest } = first.details;
    if (sealed.events === events && sealed.digest === digest) return;
    const now = sealed.events === events ? "" : `: now there are ${sealed.events}`;
    const problem = `the ${String(events)} events of before the signed log are not what was sealed${now}`;
    this.#break({ ...nowhere, sequence: null, problem });
  }

  async add(rows: readonly Row[]): Promise<void> {
    for (const row of rows) this.#trustSuccessor(row);
    const signatures = await this.#signatureProblems(rows);
    for (const row of rows) {
      const problems = [...this.#problems(row), signatures.get(row)].filter((one) => one !== undefined);
      const { sequence, event_id, tenant_id } = row;
      if (problems.length > 0) this.#break({ sequence, event_id, tenant_id, problem: problems.join("; ") });
      this.#last = row;
      this.#keys.add(row.key_id);
      this.events += 1;
    }
  }

  /**
   * A signature vouches for every event before it: it covers their hashes, and no writer signs after an event whose signature is
   * wrong. So the last one of a page and of each key is enough; where that one is wrong, each is asked.
   */
  async #signatureProblems(rows: readonly Row[]): Promise<ReadonlyMap<Row, string>> {
    const last = rows.filter((row, index) => rows[index + 1]?.key_id !== row.key_id);
    const found = await this.#signaturesOf(last);
    return found.size === 0 ? found : this.#signaturesOf(rows);
  }

  async #signaturesOf(rows: readonly Row[]): Promise<ReadonlyMap<Row, string>> {
    const problems = await Promise.all(rows.map(async (row) => [row, await this.#signatureProblem(row)] as const));
    return new Map(problems.filter((one): one is [Row, string] => one[1] !== undefined));
  }

  *#problems(row: Row): Generator<string> {
    const { hash, signature: _, ...content } = row;
    const expected = (this.#last?.sequence ?? 0) + 1;
    if (row.sequence !== expected) {
      const gone =
        row.sequence - 1 === expected ? `event ${expected} is` : `events ${expected} to ${row.sequence - 1} are`;
      yield `${gone} missing before it`;
    } else if (row.previous_hash !== (this.#last?.hash ?? noHash)) {
      yield "it was not written after the event before it";
    }
    if (this.#last !== undefined && this.#last.key_id !== row.key_id) {
      this.#retired.add(this.#last.key_id);
      if (row.event_type !== "AUDIT_KEY_STARTED") yield `it is signed with key ${row.key_id}, which no event began`;
    }
    if (this.#retired.has(row.key_id)) yield `it is signed with key ${row.key_id}, which had been replaced`;
    if (contentHash(content).toString("hex") !== hash) yield "its content is not what was written";
    if (this.#seen?.sequence === row.sequence && this.#seen.hash !== hash)
      yield "it is not the event that was seen here";
  }

  async #signatureProblem(row: Row): Promise<string | undefined> {
    const key = this.#trusted.get(row.key_id);
    if (key === undefined) return `it is signed with key ${row.key_id}, which is not trusted here`;
    const valid = await isSignatureAsync(Buffer.from(row.hash, "hex"), key, row.signature);
    return valid ? undefined : "its signature is wrong";
  }

  /** Whoever trusts a key trusts the one it endorsed. */
  #trustSuccessor({ event_type, key_id, details }: Row): void {
    if (event_type !== "AUDIT_KEY_STARTED" || this.#trusted.has(key_id)) return;
    const { endorsement, old_key, public_key } = details;
    const old = this.#trusted.get(String(old_key));
    if (old === undefined || typeof endorsement !== "string" || typeof public_key !== "string") return;
    for (const [id, key] of publicKeysIn("its event", public_key)) {
      const signature = Buffer.from(endorsement, "base64");
      if (id === key_id && isSignature(publicKeyBytes(key), old, signature)) this.#trusted.set(id, key);
    }
  }

  /** After the last event. */
  end(): void {
    const last = this.#last?.sequence ?? 0;
    const seen = this.#seen?.sequence ?? 0;
    if (seen <= last) return;
    const gone = seen === last + 1 ? `event ${seen}, the last one, is` : `the last events, ${last + 1} to ${seen}, are`;
    const problem = `${gone} missing, which was seen here before`;
    this.#break({ sequence: last + 1, event_id: null, tenant_id: null, problem });
  }

  #break(one: Break): void {
    this.#broken += 1;
    if (this.#breaks.length < breakLimit) this.#breaks.push(one);
  }

  verdict(): Omit<AuditVerdict, "log" | "sealed" | "compared"> {
    const last = this.#last;
    return {
      unbroken: this.#broken === 0,
      events: this.events,
      last: last ? { sequence: last.sequence, event_id: last.event_id, created_at: last.created_at } : null,
      keys: [...this.#keys],
      breaks: this.#breaks,
      broken_places: this.#broken,
    };
  }
}
