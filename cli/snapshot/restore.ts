// Restoring an export into a tenant that holds no data: the reverse of the export, store after store, and each counted at its end.
import { tenantNames } from "../../components/names.ts";
import { withLock } from "../../local/lock.ts";
import { newEventId } from "../../providers/clients/audit.ts";
import { readCredentials } from "../../providers/clients/credentials.ts";
import { emitOrKeep } from "../../providers/clients/outbox.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { countData, describeCounts } from "../../providers/clients/traces.ts";
import { Problem } from "../errors.ts";
import { checkParts, findExport, recordedAt, type Found } from "./check.ts";
import type { SnapshotProgress } from "./export.ts";
import { journalOf, type Journal } from "./journal.ts";
import { keysInFile, ownKey, type KeyPair } from "./keys-at-hand.ts";
import { describeExport, noCounts, sum, type Counts, type Manifest, type Part, type StoreName } from "./manifest.ts";
import { minioImporter } from "./minio.ts";
import { placeAt, type Place } from "./place.ts";
import { postgresqlImporter } from "./postgresql.ts";
import { qdrantImporter } from "./qdrant.ts";
import { redisImporter } from "./redis.ts";
import type { Importer, Subject, Target } from "./store.ts";
import { decrypted, proven } from "./streams.ts";

/** What is referred to before what refers to it: an application that looks finds nothing that is not there. */
const importers: readonly Importer[] = [minioImporter, postgresqlImporter, qdrantImporter, redisImporter];

export interface RestoreOptions {
  /** The tenant to restore into. @default the tenant that was exported */
  readonly as?: string;
  /** An age identity file. @default the exported tenant's own key, where it still is */
  readonly identity?: string;
  /** The manifest's checksum as it was printed, where the platform's audit log does not know it. */
  readonly checksum?: string;
}

/** A finished restore. */
export interface Restored {
  /** Who was restored into. */
  readonly tenant: string;
  /** Who was exported. */
  readonly source: string;
  readonly place: string;
  readonly checksum: string;
  /** When the export began: ISO 8601, UTC. */
  readonly exported: string;
  /** What the export held. */
  readonly counts: Counts;
  /** Redis keys whose time was over. */
  readonly expired: number;
  /** UUIDv7 of TENANT_RESTORED. */
  readonly eventId: string;
}

interface State {
  readonly eventId: string;
  /** The part that is being written. */
  readonly at?: string;
  /** Parts that are written. */
  readonly parts: readonly string[];
  /** Stores that are written and counted. */
  readonly done: readonly StoreName[];
  readonly leftOut: Counts;
}

interface Work {
  readonly place: Place;
  readonly found: Found;
  readonly keys: readonly KeyPair[];
  readonly journal: Journal<State>;
  readonly target: Target;
  readonly progress: SnapshotProgress;
}

/**
 * Restores an export of tenant `id`, and records TENANT_RESTORED. Goes on where an interrupted restore of the same export stopped.
 * @param from `FOLDER` or `s3://BUCKET/PREFIX`
 * @throws Problem, before anything is touched, when the export is not proven to be ours and whole, when no key opens it, or when the
 * tenant cannot take it: everything at once.
 */
export async function restoreTenant(
  id: string,
  from: string,
  progress: SnapshotProgress,
  options: RestoreOptions = {},
): Promise<Restored> {
  const into = options.as ?? id;
  const place = await placeAt(from);
  const found = await findExport(place);
  const { manifest, checksum } = found;
  if (manifest.tenant !== id) {
    const help = `npm run tenant -- restore ${manifest.tenant} --from ${from} --as ${into}`;
    throw new Problem(
      "export-unknown",
      `${place.name} is an export of tenant ${manifest.tenant}, not of ${id}. To restore it into ${into}: ${help}`,
    );
  }
  await requireOurs(place, found, options.checksum);
  const keys = await keysFor(manifest, options.identity);
  const own = await ownKey(into);
  if (own === undefined) {
    const help = `npm run tenant -- provision ${into} --network CIDR`;
    throw new Problem(
      "tenant-unknown",
      `There is no tenant ${into} to restore into (no ${secretFiles(into).key}). Make it first: ${help}`,
    );
  }
  const journal = journalOf<State>(["restore", into, checksum], own);
  const waiting = () => progress.news(`waiting for another restore of the same export into ${into}`);
  return withLock(journal.file, waiting, async () => {
    const subject: Subject = { names: tenantNames(into), servers: servers(), amount: progress.amount };
    const state = (await journal.read()) ?? (await begin(subject, manifest));
    progress.news("checking the export");
    await checkParts(place, manifest, progress.amount);
    await journal.write(state);
    const target = { ...subject, credentials: await readCredentials(into) };
    const done = await everyStore({ place, found, keys, journal, target, progress }, state);
    const expired = done.leftOut.keys;
    const { counts, started: exported } = manifest;
    const { eventId } = done;
    const details = { place: place.name, checksum, source: id, exported, expired, ...counts };
    await emitOrKeep({ tenant: into, type: "TENANT_RESTORED", eventId, details });
    await journal.remove();
    return { tenant: into, source: id, place: place.name, checksum, exported, counts, expired, eventId };
  });
}

/** Whoever may write to the place could put another export there: encrypting to the tenant's key takes no secret. */
async function requireOurs(place: Place, found: Found, given: string | undefined): Promise<void> {
  const { manifest, checksum } = found;
  if (given !== undefined) {
    if (given === checksum) return;
    throw new Problem(
      "export-unknown",
      `${place.name} is not the export of --checksum ${given}: its own is ${checksum}. Nothing was touched`,
    );
  }
  if ((await recordedAt(found)) !== undefined) return;
  throw new Problem(
    "export-unknown",
    `The platform's audit log knows no export of tenant ${manifest.tenant} with checksum ${checksum}: it was made by another ` +
      `platform, or made up by somebody who can write to ${place.name}. Nothing was touched. If it is the checksum that was printed ` +
      `when the export was made: --checksum CHECKSUM`,
  );
}

/** @throws Problem when no key at hand opens the export. */
async function keysFor({ tenant, recipients }: Manifest, identity: string | undefined): Promise<KeyPair[]> {
  const own = identity === undefined ? await ownKey(tenant) : undefined;
  const keys = identity === undefined ? [own ?? []].flat() : await keysInFile(identity);
  const fitting = keys.filter(({ recipient }) => recipients.includes(recipient));
  if (fitting.length > 0) return fitting;
  const wrong =
    identity === undefined
      ? own === undefined
        ? `the own key of tenant ${tenant} is gone`
        : `tenant ${tenant} has another key by now`
      : `${identity} is none of them`;
  throw new Problem(
    "export-key",
    `The export opens with the private keys of ${recipients.join(", ")}, and ${wrong}. Nothing was touched. Name the file of ` +
      `one of these keys: --identity FILE`,
  );
}

async function begin(subject: Subject, { stores, counts }: Manifest): Promise<State> {
  const there = await countData(subject.names, subject.servers);
  const asked = importers.map((one) => one.problems(subject, stores[one.store] ?? {}, counts));
  const problems = (await Promise.all(asked)).flat();
  if (Object.values(there).some((count: number) => count > 0)) {
    problems.unshift(
      `it holds data (${describeCounts(there)}), and nothing is ever overwritten: restore into a new tenant, with --as`,
    );
  }
  if (problems.length === 0) return { eventId: newEventId(), parts: [], done: [], leftOut: noCounts };
  const { id } = subject.names;
  throw new Problem(
    "restore-refused",
    `Tenant ${id} cannot take the export, and nothing was touched:\n${problems.map((one) => `  - ${one}`).join("\n")}`,
  );
}

async function everyStore(work: Work, begun: State): Promise<State> {
  let state = begun;
  for (const importer of importers.filter(({ store }) => !state.done.includes(store))) {
    work.progress.news(importer.store);
    state = await oneStore(work, importer, state);
    await work.journal.write(state);
  }
  return state;
}

async function oneStore(work: Work, importer: Importer, begun: State): Promise<State> {
  const { target, found, journal } = work;
  const all = found.manifest.parts.filter(({ store }) => store === importer.store);
  let state = begun;
  if (importer.clear !== undefined && all.some(({ name }) => name === state.at || state.parts.includes(name))) {
    await importer.clear(target);
    const names = all.map(({ name }) => name);
    state = {
      ...state,
      parts: state.parts.filter((name) => !names.includes(name)),
      leftOut: { ...state.leftOut, keys: 0 },
    };
  }
  const gone: (() => number)[] = [];
  for (const part of all.filter(({ name }) => !state.parts.includes(name))) {
    const again = state.at === part.name;
    await journal.write({ ...state, at: part.name });
    const written = await importer.write(target, open(work, part), again);
    if (written.gone !== undefined) gone.push(written.gone);
    state = {
      ...state,
      at: part.name,
      parts: [...state.parts, part.name],
      leftOut: sum(state.leftOut, written.leftOut),
    };
    await journal.write(state);
  }
  await requireAll(target, importer, found.manifest.counts, state.leftOut, gone);
  return { ...state, done: [...state.done, importer.store] };
}

/** The plaintext of a part; its end only when the whole part is proven to be what the manifest says. */
function open({ place, keys }: Work, part: Part): AsyncIterable<Uint8Array> {
  async function* read() {
    yield* proven(await place.read(part.name), part, part.name);
  }
  return decrypted(
    read(),
    keys.map(({ identity }) => identity),
  );
}

/** @throws Problem when the store does not hold what the manifest says. */
async function requireAll(
  target: Target,
  { store, count }: Importer,
  counts: Counts,
  leftOut: Counts,
  gone: readonly (() => number)[],
): Promise<void> {
  const held = await count(target);
  const ended = gone.reduce((all, one) => all + one(), 0);
  const differing = Object.entries(held).flatMap(([name, found]) => {
    const wanted = counts[name as keyof Counts] - leftOut[name as keyof Counts];
    return found <= wanted && found >= wanted - (name === "keys" ? ended : 0)
      ? []
      : [`${found} ${name} instead of ${wanted}`];
  });
  if (differing.length === 0) return;
  throw new Problem(
    "export-changed",
    `Tenant ${target.names.id} does not hold in ${store} what the export says: ${differing.join(", ")}. Something was written or ` +
      `deleted meanwhile: keep the tenant's applications away until it is restored. The export holds ${describeExport(counts)}`,
  );
}
