// Events that the platform database could not take: kept on disk, delivered later, in order, once.
import { readdir, readFile, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { Problem } from "../../errors/problem.ts";
import { emitEvent, newEventId, type NewEvent } from "./audit.ts";
import { writeAtomically } from "./files.ts";
import { withPlatform } from "./platform-db.ts";
import { checkPrivate, makePrivate } from "./private-folder.ts";
import { platformServers, type Servers } from "./servers.ts";
import { projectFolder } from "./place.ts";

type PlatformServer = Pick<Servers, "postgresql">;

/** What became of an event. */
export type Emitted =
  | { readonly eventId: string; readonly recorded: true }
  | { readonly eventId: string; readonly recorded: false; readonly file: string; readonly reason: string };

/** What became of the kept events. */
export interface Delivery {
  readonly delivered: number;
  /** Events still on disk. */
  readonly kept: number;
  /** Why, a line each, for a warning; empty when nothing is kept. */
  readonly problems: readonly string[];
}

/** TENANT_OUTBOX_DIR, relative to the checkout; default `.local/outbox`. */
export function outboxDir(env: NodeJS.ProcessEnv = process.env): string {
  return resolve(projectFolder(), env["TENANT_OUTBOX_DIR"] || ".local/outbox");
}

/**
 * Records an event, after the ones kept before it. When that is impossible for whatever reason, it is kept on disk and
 * the result says so: a caller that already fails must not lose the event, nor fail for another reason.
 * @throws Error only when the event could not be kept either.
 */
export async function emitOrKeep(event: NewEvent, all?: PlatformServer): Promise<Emitted> {
  const fixed = { ...event, eventId: event.eventId ?? newEventId() };
  try {
    await withPlatform(async (client) => {
      await deliver(await waiting(), (kept) => emitEvent(client, kept));
      await emitEvent(client, fixed);
    }, all ?? platformServers());
    return { eventId: fixed.eventId, recorded: true };
  } catch (cause) {
    const file = await keep(fixed, cause as Error);
    return { eventId: fixed.eventId, recorded: false, file, reason: (cause as Error).message };
  }
}

/**
 * Delivers the kept events, oldest first. Free when there are none. Safe to be killed at any point and to run twice at
 * the same time: an event is removed after the database has it, and the database takes each id once.
 * Never throws because of the database or of a bad file: `problems` says what is left.
 */
export async function deliverOutbox(all?: PlatformServer): Promise<Delivery> {
  let files: string[] = [];
  try {
    files = await waiting();
    if (files.length === 0) return { delivered: 0, kept: 0, problems: [] };
    const problems = await withPlatform(
      (client) => deliver(files, (event) => emitEvent(client, event)),
      all ?? platformServers(),
    );
    return { delivered: files.length - problems.length, kept: problems.length, problems };
  } catch (cause) {
    return { delivered: 0, kept: files.length, problems: [(cause as Error).message] };
  }
}

async function keep(event: NewEvent & { eventId: string }, why: Error): Promise<string> {
  const folder = outboxDir();
  const file = join(folder, `${event.eventId}.json`);
  try {
    await makePrivate(folder);
    await writeAtomically(file, `${JSON.stringify(event)}\n`, 0o600);
    return file;
  } catch (cause) {
    throw new Problem(
      "audit-not-recorded",
      `Event ${event.type} of tenant ${event.tenant} could neither be recorded (${why.message}) nor kept in ${folder} ` +
        `(${(cause as Error).message}): make that folder writable, or set TENANT_OUTBOX_DIR`,
      { cause },
    );
  }
}

/** The kept events' files, oldest first: their names are UUIDv7. */
async function waiting(): Promise<string[]> {
  const folder = outboxDir();
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith(".json"));
    // Events go into an audit log that nobody can correct: only ours.
    if (names.length > 0) await checkPrivate(folder);
    return names.sort().map((name) => join(folder, name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** Delivers what can be delivered; returns a line for each event that stays. */
async function deliver(files: readonly string[], emit: (event: NewEvent) => Promise<unknown>): Promise<string[]> {
  const problems: string[] = [];
  // A tenant's later events wait for its earlier ones.
  const held = new Set<string>();
  for (const file of files) {
    let tenant: string | undefined;
    try {
      const event = JSON.parse(await readFile(file, "utf8")) as NewEvent;
      tenant = event.tenant;
      if (held.has(tenant)) throw new Error(`it waits for an earlier event of tenant ${tenant}`);
      await emit(event);
      await rm(file, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") continue; // Another process delivered it.
      if (tenant !== undefined) held.add(tenant);
      problems.push(`The kept event ${file} could not be delivered: ${(error as Error).message}`);
    }
  }
  return problems;
}
