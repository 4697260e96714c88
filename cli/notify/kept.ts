// Notifications that could not be delivered: kept on disk, beside the audit events that wait, for the next command.
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeAtomically } from "../../providers/clients/files.ts";
import { outboxDir } from "../../providers/clients/outbox.ts";
import { checkPrivate, makePrivate } from "../../providers/clients/private-folder.ts";
import type { Notification } from "./webhook.ts";

/** More are not kept: the oldest make room. Nobody reads ten thousand alarms. */
const most = 1000;

const folder = (): string => join(outboxDir(), "notifications");

/** Keeps it. Returns the file. */
export async function keep(notification: Notification): Promise<string> {
  await makePrivate(outboxDir());
  await makePrivate(folder());
  const file = join(folder(), `${notification.id}.json`);
  await writeAtomically(file, `${JSON.stringify(notification)}\n`, 0o600);
  const all = await keptFiles();
  for (const old of all.slice(0, Math.max(0, all.length - most))) await rm(old, { force: true });
  return file;
}

/** The files, oldest first: their names are UUIDv7. */
export async function keptFiles(): Promise<string[]> {
  try {
    const names = (await readdir(folder())).filter((name) => name.endsWith(".json"));
    // They are signed in our name.
    if (names.length > 0) await checkPrivate(folder());
    return names.sort().map((name) => join(folder(), name));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}

/** What the file holds; undefined when somebody else has delivered it meanwhile. */
export async function readKept(file: string): Promise<Notification | undefined> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as Notification;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** It is delivered. */
export async function forget(file: string): Promise<void> {
  await rm(file, { force: true });
}
