// The traces a verification leaves while it runs: recognisable, dated, and swept away later when it was killed.
import { v7 as uuidv7 } from "uuid";

/** How long a trace may belong to a verification that still runs, in milliseconds. */
export const traceLifetime = 60_000;

/** A new trace's name: a UUIDv7, which says when it was made. */
export function newTrace(): string {
  return uuidv7();
}

/** True when `name` is a trace that no running verification can own any more. */
export function isLeftover(name: string, now = Date.now()): boolean {
  const time = /^([0-9a-f]{8})-([0-9a-f]{4})-7[0-9a-f]{3}-/.exec(name);
  return time !== null && now - Number.parseInt(`${time[1]}${time[2]}`, 16) > traceLifetime;
}
