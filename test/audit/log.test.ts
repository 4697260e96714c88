// The signed audit log on a real PostgreSQL server, against its superuser: whatever he changes is named, with its place.
import { createHash } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { formatVerdict, type AuditVerdict } from "../../cli/audit/verdict.ts";
import { verifyAudit } from "../../cli/audit/verify.ts";
import { emitEvent, events, newEventId, newestEvents } from "../../providers/clients/audit.ts";
import { contentHash, signBytes, type SignedContent } from "../../providers/clients/audit-chain.ts";
import { auditFiles, generateSigner, publicPem, readSeen, type Signer } from "../../providers/clients/audit-key.ts";
import { beginKey, beginLog, unsignedColumns } from "../../providers/clients/audit-log.ts";
import { ensurePlatformSchema, writerRole } from "../../providers/clients/platform-db.ts";
import { adminClient, closeSession, withAdmin } from "../../providers/clients/postgresql.ts";
import { servers } from "../../providers/clients/servers.ts";
import { ownAuditLog, type OwnAuditLog } from "../support/audit-log.ts";
import { runNode } from "../support/node-child.ts";

const database = `audit_test_${process.pid}`;
let admin: Client;
let writer: Client;
let own: OwnAuditLog;
/** By sequence: the id of each event. */
const ids: string[] = [];

/** As a checkout of before the signed log wrote them. */
const unsigned = ["one", "two", "one"] as const;

beforeAll(async () => {
  await withAdmin((client) => client.query(`CREATE DATABASE ${database} TEMPLATE template0`));
  await withAdmin(ensurePlatformSchema, database);
  admin = await adminClient(servers(), database);
  writer = await adminClient(servers(), database, { role: writerRole });
  await admin.query("ALTER TABLE public.audit_events DISABLE TRIGGER link");
  for (const [index, tenant] of unsigned.entries()) {
    await admin.query(
      `INSERT INTO public.audit_events (event_id, tenant_id, position, event_type, resource_type, resource_id, details, previous_event_id)
       VALUES ($1, $2::text, $3::int, 'TENANT_PROVISIONED', 'tenant', $2::text, '{"old": true}',
         (SELECT event_id FROM public.audit_events WHERE tenant_id = $2::text AND $3::int = 2))`,
      [newEventId(), tenant, index === 2 ? 2 : 1],
    );
  }
  await admin.query("ALTER TABLE public.audit_events ENABLE ALWAYS TRIGGER link");
  own = await ownAuditLog(writer);
  ids.push("", own.log);
  for (const [index, tenant] of ["one", "two", "one", "two", "one"].entries()) {
    const details = { index, text: "ünïcode \ud800 and \0", list: ["a", "b"], number: 1e21, none: null };
    ids.push(await emitEvent(writer, { tenant, type: "TENANT_UPDATED", details }));
  }
});

afterAll(async () => {
  await Promise.all([closeSession(admin), closeSession(writer), own.end()]);
  await withAdmin((client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`));
});

/** Does something to the log as a superuser who stops at nothing, verifies it, and takes it back. */
async function tampered(work: (client: Client) => Promise<unknown>): Promise<AuditVerdict> {
  await admin.query("BEGIN");
  try {
    await admin.query("ALTER TABLE public.audit_events DISABLE TRIGGER ALL");
    await admin.query(`DO $$ DECLARE found record; BEGIN
      FOR found IN SELECT conname FROM pg_constraint WHERE conrelid = 'public.audit_events'::regclass AND contype IN ('u', 'f') ORDER BY contype
      LOOP EXECUTE format('ALTER TABLE public.audit_events DROP CONSTRAINT %I', found.conname); END LOOP; END $$`);
    await work(admin);
    return await verifyAudit(admin);
  } finally {
    await admin.query("ROLLBACK");
  }
}

const sql =
  (text: string, values: unknown[] = []) =>
  (client: Client) =>
    client.query(text, values);
const update = (sequence: number, set: string) =>
  sql(`UPDATE public.audit_events SET ${set} WHERE sequence = ${sequence}`);
const remove = (where: string) => sql(`DELETE FROM public.audit_events WHERE ${where}`);

/** Signs events from `first` on as they are now, with hashes and links that agree. */
async function signAnew(client: Client, signer: Signer, first: number, keyId = signer.id): Promise<void> {
  const { rows } = await client.query<SignedContent & { hash: string }>(
    `SELECT ${unsignedColumns}, sequence::float8, encode(previous_hash, 'hex') AS previous_hash, key_id, encode(hash, 'hex') AS hash
     FROM public.audit_events WHERE sequence IS NOT NULL ORDER BY sequence`,
  );
  let previous = "0".repeat(64);
  for (const { hash: _, ...row } of rows) {
    const content = { ...row, previous_hash: previous, key_id: row.sequence < first ? row.key_id : keyId };
    const hash = contentHash(content);
    previous = hash.toString("hex");
    if (row.sequence < first) continue;
    await client.query(
      "UPDATE public.audit_events SET previous_hash = $2, hash = $3, signature = $4, key_id = $5 WHERE sequence = $1",
      [row.sequence, Buffer.from(content.previous_hash, "hex"), hash, signBytes(hash, signer.privateKey), keyId],
    );
  }
}

const stranger = generateSigner();
const content = "its content is not what was written";
const link = "it was not written after the event before it";
const signature = "its signature is wrong";
const untrusted = `it is signed with key ${stranger.id}, which is not trusted here`;
const notSeen = "it is not the event that was seen here";

type Expected = readonly [sequence: number | null, problem: string];
const cases: readonly [name: string, work: (client: Client) => Promise<unknown>, breaks: readonly Expected[]][] = [
  ["changes a detail", update(3, `details = details || '{"index": 7}'`), [[3, content]]],
  ["changes the type", update(3, "event_type = 'TENANT_DEPROVISIONED'"), [[3, content]]],
  ["changes the time", update(3, "created_at = created_at + interval '1 microsecond'"), [[3, content]]],
  ["changes the place within the tenant", update(3, "position = position + 1"), [[3, content]]],
  [
    "swaps the tenants of two events",
    sql(
      "UPDATE public.audit_events SET tenant_id = CASE tenant_id WHEN 'one' THEN 'two' ELSE 'one' END WHERE sequence IN (3, 4)",
    ),
    [
      [3, content],
      [4, content],
    ],
  ],
  ["deletes one in the middle", remove("sequence = 3"), [[4, "event 3 is missing before it"]]],
  ["deletes two in the middle", remove("sequence IN (3, 4)"), [[5, "events 3 to 4 are missing before it"]]],
  [
    "deletes one and closes the gap",
    async (client) => {
      await remove("sequence = 5")(client);
      await update(6, "sequence = 5")(client);
    },
    [
      [5, `${link}; ${content}`],
      [6, "event 6, the last one, is missing, which was seen here before"],
    ],
  ],
  ["deletes the last", remove("sequence = 6"), [[6, "event 6, the last one, is missing, which was seen here before"]]],
  [
    "deletes the last two",
    remove("sequence >= 5"),
    [[5, "the last events, 5 to 6, are missing, which was seen here before"]],
  ],
  ["deletes the first", remove("sequence = 1"), [[2, "event 1 is missing before it"]]],
  ["deletes all", remove("true"), [[1, "there is no signed event"]]],
  [
    "inserts one, signed with a key of his own, and moves the others",
    async (client) => {
      await sql("UPDATE public.audit_events SET sequence = sequence + 1 WHERE sequence >= 6")(client);
      await client.query(
        `INSERT INTO public.audit_events (event_id, tenant_id, position, event_type, resource_type, resource_id, details,
           sequence, previous_hash, hash, signature, key_id)
         SELECT $1, 'one', 99, 'TENANT_UPDATED', 'tenant', 'one', '{}', 6, hash, hash, signature, key_id
         FROM public.audit_events WHERE sequence = 5`,
        [newEventId()],
      );
      await signAnew(client, stranger, 6);
    },
    [
      [6, `it is signed with key ${stranger.id}, which no event began; ${notSeen}; ${untrusted}`],
      [7, untrusted],
    ],
  ],
  [
    "adds one at the end, in the name of our key",
    async (client) => {
      await client.query(
        `INSERT INTO public.audit_events (event_id, tenant_id, position, event_type, resource_type, resource_id, details,
           sequence, previous_hash, hash, signature, key_id)
         SELECT $1, 'one', 99, 'TENANT_UPDATED', 'tenant', 'one', '{}', 7, hash, hash, signature, key_id
         FROM public.audit_events WHERE sequence = 6`,
        [newEventId()],
      );
      await signAnew(client, stranger, 7, own.signer.id);
    },
    [[7, signature]],
  ],
  [
    "changes the order of two",
    sql("UPDATE public.audit_events SET sequence = 7 - sequence WHERE sequence IN (3, 4)"),
    [
      [3, `${link}; ${content}`],
      [4, `${link}; ${content}`],
      [5, link],
    ],
  ],
  [
    "changes a detail and makes all hashes agree",
    async (client) => {
      await update(5, "details = '{}'")(client);
      await signAnew(client, stranger, 5, own.signer.id);
    },
    [
      [5, signature],
      [6, `${notSeen}; ${signature}`],
    ],
  ],
  [
    "signs everything with another key",
    async (client) => signAnew(client, stranger, 1),
    [
      [1, untrusted],
      [2, untrusted],
      [3, untrusted],
      [4, untrusted],
      [5, untrusted],
      [6, `${notSeen}; ${untrusted}`],
    ],
  ],
  [
    "changes a sealed event",
    sql(`UPDATE public.audit_events SET details = '{}' WHERE sequence IS NULL AND tenant_id = 'two'`),
    [[null, "the 3 events of before the signed log are not what was sealed"]],
  ],
  [
    "deletes a sealed event",
    remove("sequence IS NULL AND tenant_id = 'two'"),
    [[null, "the 3 events of before the signed log are not what was sealed: now there are 2"]],
  ],
];

describe("a superuser who", () => {
  it.each(cases)("%s", async (_, work, breaks) => {
    const verdict = await tampered(work);
    expect(verdict.unbroken).toBe(false);
    expect(verdict.breaks.map(({ sequence, problem }) => [sequence, problem])).toEqual(breaks);
    expect(verdict.broken_places).toBe(breaks.length);
    const text = formatVerdict(verdict);
    for (const [, problem] of breaks) expect(text).toContain(problem);
  });

  it("is named the event's id and tenant", async () => {
    const verdict = await tampered(update(3, "details = '{}'"));
    expect(verdict.breaks).toEqual([{ sequence: 3, event_id: ids[3], tenant_id: "two", problem: content }]);
    expect(formatVerdict(verdict)).toContain(`BROKEN, first at:\n  - event 3 (${ids[3]}, two): ${content}`);
  });
});

it("what nobody changed is unbroken, with the public key alone too", async () => {
  const verdict = await verifyAudit(admin);
  expect(verdict).toMatchObject({
    log: own.log,
    unbroken: true,
    events: 6,
    sealed: 3,
    compared: true,
    keys: [own.signer.id],
  });
  expect(verdict.last).toMatchObject({ sequence: 6, event_id: ids[6] });
  const pem = publicPem(own.signer.publicKey);
  expect((await verifyAudit(admin, { file: "auditor.pem", text: pem })).unbroken).toBe(true);
  const other = { file: "other.pem", text: publicPem(stranger.publicKey) };
  expect((await verifyAudit(admin, other)).breaks[0]?.problem).toContain("which is not trusted here");
});

it("the hash of an event is what an auditor computes from its row", async () => {
  const { rows } = await admin.query<{ form: string; hash: string }>(
    `SELECT encode(hash, 'hex') AS hash,
       format('{"created_at":"%s","details":{"public_key":%s,"sealed_digest":%s,"sealed_events":3},"event_id":"%s",'
         '"event_type":"AUDIT_STARTED","format":1,"key_id":"%s","position":1,"previous_event_id":null,"previous_hash":"%s",'
         '"resource_id":"%s","resource_type":"audit_log","sequence":1,"tenant_id":"platform"}',
         to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), details->'public_key', details->'sealed_digest',
         event_id, key_id, repeat('0', 64), event_id) AS form
     FROM public.audit_events WHERE sequence = 1`,
  );
  expect(
    createHash("sha256")
      .update(rows[0]?.form ?? "")
      .digest("hex"),
  ).toBe(rows[0]?.hash);
});

describe("a writer", () => {
  const emit = () => emitEvent(writer, { tenant: "one", type: "TENANT_UPDATED", details: {} });
  const here = () => auditFiles(own.log);

  it("adds nothing to a log whose newest events are missing, until somebody accepts that", async () => {
    await emit();
    const seen = await readSeen(own.log);
    await admin.query("ALTER TABLE public.audit_events DISABLE TRIGGER append_only");
    await admin.query("DELETE FROM public.audit_events WHERE sequence = 7");
    await admin.query("ALTER TABLE public.audit_events ENABLE ALWAYS TRIGGER append_only");
    await expect(emit()).rejects.toThrow(
      "it had 7 events when it was last seen here, and now has 6. Nothing was recorded",
    );
    await expect(beginLog(writer, newEventId(), {})).rejects.toThrow("is not in the platform database");
    expect(await readSeen(own.log)).toEqual(seen);

    const { key } = await beginKey(writer, newEventId(), "restored from last night's backup");
    const [started] = await events(writer, "platform");
    expect(started).toMatchObject({
      event_type: "AUDIT_KEY_STARTED",
      sequence: 7,
      details: {
        reason: "restored from last night's backup",
        old_key: own.signer.id,
        last_seen: 7,
        last_seen_hash: seen?.hash,
        last_found: 6,
      },
    });
    await emit();
    expect(await verifyAudit(admin)).toMatchObject({ unbroken: true, keys: [own.signer.id, key] });
    // Who has only the old public key trusts its successor, which it endorsed.
    expect((await verifyAudit(admin, { file: "old.pem", text: publicPem(own.signer.publicKey) })).unbroken).toBe(true);
  });

  it("adds nothing after an event that it cannot trust", async () => {
    await admin.query("BEGIN");
    await admin.query("ALTER TABLE public.audit_events DISABLE TRIGGER ALL");
    await admin.query(
      "UPDATE public.audit_events SET signature = sha512('x') WHERE sequence = (SELECT max(sequence) FROM public.audit_events)",
    );
    await expect(emitEvent(admin, { tenant: "one", type: "TENANT_UPDATED", details: {} })).rejects.toThrow(
      "the signature of its last event (8) is wrong",
    );
    await admin.query("ROLLBACK");
  });

  it("without the key says where it belongs; a new one is begun with a reason, and the old public key stays", async () => {
    const old = await readFile(here().publicKeys, "utf8");
    await rm(here().key);
    await expect(emit()).rejects.toThrow(`The key of the audit log is not here: ${here().key}`);
    await beginKey(writer, newEventId(), "the disk died");
    expect(await readFile(here().publicKeys, "utf8")).toContain(old);
    const [started] = await events(writer, "platform");
    expect(started?.details).toMatchObject({ reason: "the disk died", endorsement: null });
    expect((await verifyAudit(admin)).unbroken).toBe(true);
    // Nobody endorsed it.
    const verdict = await verifyAudit(admin, { file: "old.pem", text: old });
    expect(verdict.breaks.map(({ sequence }) => sequence)).toEqual([9]);
  });

  it("with a colleague's older key is told to copy the new one", async () => {
    const [key, publicKeys] = [await readFile(here().key, "utf8"), await readFile(here().publicKeys, "utf8")];
    await rename(here().key, `${here().key}.new-one`);
    await writeFile(here().key, own.signer.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    await expect(emit()).rejects.toThrow(
      /is signed with key \w+, and .* is key \w+\. Where a colleague has begun a new key, copy that folder/,
    );
    await writeFile(here().key, key, { mode: 0o600 });
    await rm(`${here().key}.new-one`);
    expect(await readFile(here().publicKeys, "utf8")).toBe(publicKeys);
    await emit();
  });

  it("with a key that was replaced is noticed: it may have been stolen", async () => {
    const verdict = await tampered((client) => signAnew(client, own.signer, 10));
    const stolen = `it is signed with key ${own.signer.id}, which`;
    expect(verdict.breaks.map(({ sequence, problem }) => [sequence, problem])).toEqual([
      [10, `${stolen} no event began; ${stolen} had been replaced; ${notSeen}`],
    ]);
  });

  it("takes its turn: many in several processes make one chain", async () => {
    const before = (await verifyAudit(admin)).events;
    const code = (process: number) => `
      const { emitEvent } = await import("./providers/clients/audit.ts");
      const { adminClient, closeSession } = await import("./providers/clients/postgresql.ts");
      const clients = await Promise.all([1, 2, 3].map(() => adminClient(undefined, "${database}", { role: "${writerRole}" })));
      await Promise.all(clients.map(async (client, index) => {
        for (let round = 0; round < 10; round += 1)
          await emitEvent(client, { tenant: "crowd" + (round + index) % 2, type: "TENANT_UPDATED", details: { process: ${process}, index, round } });
      }));
      await Promise.all(clients.map(closeSession));`;
    const ended = await Promise.all([1, 2, 3, 4].map((process) => runNode(code(process))));
    for (const { code: exit, all } of ended) expect(exit, all).toBe(0);
    expect(await verifyAudit(admin)).toMatchObject({ unbroken: true, events: before + 120, compared: true });
    for (const tenant of ["crowd0", "crowd1"]) {
      const found = await newestEvents(writer, { tenant, limit: 100 });
      expect(found.map(({ position }) => position)).toEqual(Array.from({ length: 60 }, (_, index) => index + 1));
    }
    expect((await readSeen(own.log))?.sequence).toBe(before + 120);
  });
});
