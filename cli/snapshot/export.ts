// Exporting a tenant: store after store, part after part, encrypted on the way; the manifest last.
import { access, constants, writeFile } from "node:fs/promises";
import { tenantNames } from "../../components/names.ts";
import { withLock } from "../../local/lock.ts";
import { newEventId } from "../../providers/clients/audit.ts";
import { emitOrKeep } from "../../providers/clients/outbox.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { Problem } from "../errors.ts";
import { configuredRecipients } from "../recipients.ts";
import { journalOf, type Journal } from "./journal.ts";
import { ownKey, type KeyPair } from "./keys-at-hand.ts";
import {
  manifestName,
  noCounts,
  sha256,
  sum,
  type About,
  type Counts,
  type Manifest,
  type Part,
  type StoreName,
} from "./manifest.ts";
import { minioExporter } from "./minio.ts";
import { placeAt, type Place } from "./place.ts";
import { postgresqlExporter } from "./postgresql.ts";
import { qdrantExporter } from "./qdrant.ts";
import { redisExporter } from "./redis.ts";
import type { Exporter, Original } from "./store.ts";
import { encrypted, measured, type Measured } from "./streams.ts";

/** What refers to something is read before what it refers to: no restored row then misses its object. */
const exporters: readonly Exporter[] = [redisExporter, qdrantExporter, postgresqlExporter, minioExporter];

/** Where the work is. */
export interface SnapshotProgress {
  /** What is worked on now. */
  readonly news: (text: string) => void;
  /** How much of it is done: changes all the time. */
  readonly amount: (text: string) => void;
}

export interface ExportOptions {
  /** A new file for a copy of the tenant's private key, which then opens the export after a `destroy` too. */
  readonly keyCopy?: string;
  /** Refuse an export that nothing opens once the tenant's own key is shredded. */
  readonly mustOutlive?: boolean;
  /** Bytes of a part before encryption, about: an interrupted export repeats less than one. @default 268435456 */
  readonly partSize?: number;
}

/** A finished export. */
export interface Exported {
  readonly tenant: string;
  /** As it was named: a folder's absolute path, or `s3://…`. */
  readonly place: string;
  /** Of the manifest, in hex: with it, nobody can pass another export off as this one. */
  readonly checksum: string;
  readonly counts: Counts;
  /** Of all encrypted files. */
  readonly bytes: number;
  /** age public keys that open it; the tenant's own is the first. */
  readonly recipients: readonly string[];
  /** UUIDv7 of TENANT_EXPORTED. */
  readonly eventId: string;
}

/** How far it has come. */
interface State {
  readonly started: string;
  readonly eventId: string;
  readonly recipients: readonly string[];
  readonly parts: readonly Part[];
  readonly counts: Readonly<Partial<Record<StoreName, Counts>>>;
  readonly about: Readonly<Partial<Record<StoreName, About>>>;
  /** Where a store's next part begins. */
  readonly next: Readonly<Partial<Record<StoreName, string>>>;
  readonly done: readonly StoreName[];
  /** The manifest's text, once everything else is written. */
  readonly manifest?: string;
}

/**
 * Exports a tenant to a folder or a bucket, and records TENANT_EXPORTED. Goes on where an interrupted export to the same place
 * stopped. Never overwrites.
 * @param to `FOLDER` or `s3://BUCKET/PREFIX`
 * @throws Problem before anything is written when the place is in use, or `mustOutlive` is not met.
 */
export async function exportTenant(
  id: string,
  to: string,
  progress: SnapshotProgress,
  options: ExportOptions = {},
): Promise<Exported> {
  const place = await placeAt(to);
  const key = await ownKey(id);
  if (key === undefined)
    throw new Problem("export-key", `${secretFiles(id).key} is not here: export where the tenant's key is`);
  const recipients = [...new Set([key.recipient, ...configuredRecipients(id)])];
  if (options.mustOutlive === true && recipients.length === 1 && options.keyCopy === undefined)
    throw nothingOutlives(id);
  const journal = journalOf<State>(["export", id, place.name], key);
  return withLock(
    journal.file,
    () => progress.news(`waiting for another export of ${id} to the same place`),
    async () => {
      const begun = await begin(place, journal, recipients);
      if (options.keyCopy !== undefined) await copyKey(options.keyCopy, key);
      const { partSize = 256 * 1024 * 1024 } = options;
      const subject = { names: tenantNames(id), servers: servers(), amount: progress.amount, partSize };
      const state = await everyStore(subject, place, journal, begun, progress);
      return finish(id, place, journal, state);
    },
  );
}

/** The refusal, for those who are about to shred the tenant's key. */
export function nothingOutlives(id: string): Problem {
  return new Problem(
    "export-key",
    `An export of ${id} would open with the tenant's own key only, which goes with the tenant. Name a recovery key ` +
      `(pulumi config set --stack ${id} --path 'recipients[0]' age1…, then pulumi up), or keep a copy of the key: --key-copy FILE`,
  );
}

async function begin(place: Place, journal: Journal<State>, recipients: readonly string[]): Promise<State> {
  const [found, interrupted] = await Promise.all([place.list(), journal.read()]);
  if (interrupted === undefined) {
    if (found.size > 0) throw inUse(place, found);
    const nothing = { parts: [], counts: {}, about: {}, next: {}, done: [] };
    const state = { started: new Date().toISOString(), eventId: newEventId(), recipients, ...nothing };
    // Before the first file: what lies there after an interruption is known to be ours.
    await journal.write(state);
    return state;
  }
  const changed = interrupted.parts.filter(({ name, bytes }) => found.get(name) !== bytes);
  if (changed.length > 0) {
    throw new Problem(
      "export-not-resumable",
      `${place.name} no longer holds what an interrupted export wrote there (${changed.map(({ name }) => name).join(", ")}): it ` +
        `cannot be gone on with. Empty that place, remove ${journal.file}, and run it again`,
    );
  }
  const known = [...interrupted.recipients].sort().join();
  if (known !== [...recipients].sort().join()) {
    throw new Problem(
      "export-not-resumable",
      `The recipients have changed since the export to ${place.name} was interrupted: what is there is encrypted to ` +
        `${interrupted.recipients.join(", ")}. Empty that place, remove ${journal.file}, and run it again`,
    );
  }
  return interrupted;
}

function inUse(place: Place, found: ReadonlyMap<string, number>): Problem {
  const what = found.has(manifestName)
    ? "holds a finished export"
    : `is not empty (${[...found.keys()].slice(0, 3).join(", ")})`;
  return new Problem("export-place", `${place.name} ${what}. Nothing was overwritten: name another place`);
}

async function copyKey(file: string, { identity }: KeyPair): Promise<void> {
  try {
    await writeFile(file, `${identity}\n`, { flag: "wx", mode: 0o600 });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    await access(file, constants.R_OK);
    const { keysInFile } = await import("./keys-at-hand.ts");
    if ((await keysInFile(file)).some((one) => one.identity === identity)) return; // An interrupted run's.
    throw new Problem(
      "export-place",
      `--key-copy ${file}: there is such a file, with something else in it. Name another`,
      { cause },
    );
  }
}

async function everyStore(
  subject: Original,
  place: Place,
  journal: Journal<State>,
  begun: State,
  progress: SnapshotProgress,
): Promise<State> {
  let state = begun;
  for (const exporter of exporters.filter(({ store }) => !state.done.includes(store))) {
    progress.news(exporter.store);
    if (!exporter.resumable) state = await fromTheBeginning(exporter.store, place, state);
    while (!state.done.includes(exporter.store)) {
      state = await nextPart(exporter, subject, place, state);
      await journal.write(state);
    }
  }
  return state;
}

/** Forgets what an interrupted run read of the store. */
async function fromTheBeginning(store: StoreName, place: Place, state: State): Promise<State> {
  for (const { name } of state.parts.filter((part) => part.store === store)) await place.remove(name);
  const { [store]: _, ...next } = state.next;
  const { [store]: __, ...counts } = state.counts;
  return { ...state, parts: state.parts.filter((part) => part.store !== store), next, counts };
}

async function nextPart(exporter: Exporter, subject: Original, place: Place, state: State): Promise<State> {
  const { store, kind } = exporter;
  const number = state.parts.filter((part) => part.store === store).length + 1;
  const name = `${store}-${String(number).padStart(5, "0")}.${kind}.age`;
  // What a killed run left of it: the place was empty when this export began.
  if ((await place.list()).has(name)) await place.remove(name);
  const about = await exporter.about(subject);
  const source = measured(encrypted(exporter.part(subject, state.next[store]), state.recipients));
  const ends: { end: { next?: string; counts: Partial<Counts> }; measure: Measured }[] = [];
  async function* content() {
    ends.push(yield* source);
  }
  await place.write(name, content());
  const [ended] = ends;
  if (ended === undefined) throw new Error(`${name} was not written to its end`);
  const { end, measure } = ended;
  const { [store]: _, ...next } = state.next;
  return {
    ...state,
    parts: [...state.parts, { name, store, ...measure }],
    about: { ...state.about, [store]: about },
    counts: { ...state.counts, [store]: sum(state.counts[store] ?? noCounts, end.counts) },
    ...(end.next === undefined ? { next, done: [...state.done, store] } : { next: { ...next, [store]: end.next } }),
  };
}

async function finish(id: string, place: Place, journal: Journal<State>, state: State): Promise<Exported> {
  const { started, recipients, parts, about, eventId } = state;
  const counts = Object.values(state.counts).reduce(sum, noCounts);
  const manifest: Manifest = {
    format: "tenant-storage-export/1",
    tenant: id,
    started,
    finished: new Date().toISOString(),
    recipients: [...recipients],
    counts,
    stores: about,
    parts: [...parts],
  };
  // The same text after an interruption: its checksum is what is recorded.
  const text = state.manifest ?? `${JSON.stringify(manifest, null, 2)}\n`;
  await journal.write({ ...state, manifest: text });
  if ((await place.list()).has(manifestName)) await place.remove(manifestName);
  await place.write(manifestName, [Buffer.from(text)].values() as unknown as AsyncIterable<Uint8Array>);
  const bytes = parts.reduce((all, part) => all + part.bytes, 0);
  const checksum = sha256(text);
  await emitOrKeep({
    tenant: id,
    type: "TENANT_EXPORTED",
    eventId,
    details: { place: place.name, checksum, bytes, started, recipients, ...counts },
  });
  await journal.remove();
  return { tenant: id, place: place.name, checksum, counts, bytes, recipients, eventId };
}
