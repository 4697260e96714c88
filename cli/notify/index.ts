// Telling a webhook that something failed. Whoever is told or not, the command goes on as it would have.
import { setTimeout } from "node:timers/promises";
import { newEventId } from "../../providers/clients/audit.ts";
import { withoutSecrets } from "../errors.ts";
import { complain, note } from "../output.ts";
import { forget, keep, keptFiles, readKept } from "./kept.ts";
import { send, target, wanted, type Notification, type NotificationType, type Sent } from "./webhook.ts";

/** What happened. */
export interface Happening {
  readonly type: NotificationType;
  readonly tenant: string;
  readonly details: Readonly<Record<string, unknown>>;
  /** UUIDv7: the audit event's, where there is one. @default a new one */
  readonly id?: string;
}

/** Milliseconds for one request, and between the attempts: about 12 s at worst. */
const patience = 3_000;
const pauses = [500, 2_000];
/** Kept ones that one command delivers: the next goes on. */
const atOnce = 20;

/**
 * Tells the webhook, if there is one; what cannot be delivered now is kept for the next command. Never throws, and takes
 * seconds at most.
 */
export async function notify(happening: Happening): Promise<void> {
  if (!wanted()) return;
  const notification = made(happening);
  try {
    const result = await attempts(notification);
    if (result.delivered) return;
    const file = await keep(notification);
    complain(`The webhook was not told: ${result.why}. It is kept in ${file}; the next tenant command delivers it.`);
  } catch (error) {
    complain(`The webhook was not told: ${withoutSecrets((error as Error).message)}`);
  }
}

/** Delivers what is kept, oldest first; stops at the first that cannot be delivered. Never throws. */
export async function deliverKept(): Promise<void> {
  if (!wanted()) return;
  try {
    const files = await keptFiles();
    const to = target();
    let delivered = 0;
    for (const file of files.slice(0, atOnce)) {
      const notification = await readKept(file);
      if (notification !== undefined) {
        const result = await send(to, notification, patience);
        if (!result.delivered) {
          complain(`${files.length - delivered} notifications are still kept, for the next command: ${result.why}`);
          break;
        }
      }
      await forget(file);
      delivered += 1;
    }
    if (delivered > 0) note(`Delivered ${delivered} notifications that were kept while the webhook did not answer.`);
  } catch (error) {
    complain(`Kept notifications could not be delivered: ${withoutSecrets((error as Error).message)}`);
  }
}

function made({ type, tenant, details, id = newEventId() }: Happening): Notification {
  const all: Notification = { id, type, timestamp: new Date().toISOString(), tenant, details };
  return JSON.parse(JSON.stringify(all), (_, value: unknown) =>
    typeof value === "string" ? withoutSecrets(value).slice(0, 2000) : value,
  ) as Notification;
}

async function attempts(notification: Notification): Promise<Sent> {
  let to;
  try {
    to = target();
  } catch (error) {
    return { delivered: false, again: false, why: (error as Error).message };
  }
  let result = await send(to, notification, patience);
  for (const pause of pauses) {
    if (result.delivered || !result.again) break;
    await setTimeout(pause);
    result = await send(to, notification, patience);
  }
  return result;
}
