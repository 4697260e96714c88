// What is kept on this machine until it can be delivered.
import { readdir } from "node:fs/promises";
import { outboxDir } from "../../providers/clients/outbox.ts";
import type { Waiting } from "./metrics.ts";

export async function waiting(): Promise<Waiting> {
  return { events: await files(outboxDir()), notifications: 0 };
}

async function files(folder: string): Promise<number> {
  try {
    return (await readdir(folder)).filter((name) => name.endsWith(".json")).length;
  } catch {
    return 0; // No folder: nothing was ever kept.
  }
}
