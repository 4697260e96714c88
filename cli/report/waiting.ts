// What is kept on this machine until it can be delivered.
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { outboxDir } from "../../providers/clients/outbox.ts";
import type { Waiting } from "./metrics.ts";

export async function waiting(): Promise<Waiting> {
  const [events, notifications] = await Promise.all([files(outboxDir()), files(join(outboxDir(), "notifications"))]);
  return { events, notifications };
}

async function files(folder: string): Promise<number> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith(".json")).length;
  } catch {
    return 0; // No folder: nothing was ever kept.
  }
}
