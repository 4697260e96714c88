// Rights that somebody gave in a server: each in words, with the statement that takes it back.
import type { Client } from "pg";

/** Something that nobody asked for. */
export interface Foreign {
  /** `role mallory may CONNECT`. */
  readonly what: string;
  /** The statement that undoes it. */
  readonly undo: string;
}

/** Undoes all of them. */
export async function undoAll(client: Client, found: readonly Foreign[]): Promise<void> {
  for (const { undo } of found) await client.query(undo);
}

/** Their words. */
export const words = (found: readonly Foreign[]): string[] => found.map(({ what }) => what);
