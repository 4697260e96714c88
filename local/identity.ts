// Which process is meant: a process id alone is reused sooner or later, with its start time and the boot it never is.
import { readdirSync, readFileSync, readlinkSync, realpathSync } from "node:fs";

export interface Identity {
  readonly pid: number;
  /** Clock ticks since boot, as in /proc/PID/stat. */
  readonly startTime: number;
  readonly bootId: string;
}

let bootId: string | undefined;

/** The process of that id, now; undefined when there is none, or when it has ended and only waits to be collected. */
export function identify(pid: number): Identity | undefined {
  const fields = statFields(pid);
  if (fields === undefined || fields[0] === "Z" || fields[0] === "X") return undefined;
  bootId ??= readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return { pid, startTime: Number(fields[19]), bootId };
}

/** True while that very process runs. */
export function isAlive(identity: Identity): boolean {
  const now = identify(identity.pid);
  return now !== undefined && now.startTime === identity.startTime && now.bootId === identity.bootId;
}

/**
 * The server of that program working in that folder, though no record of it was kept: the command that started it was
 * killed before it could write one. Children (PostgreSQL's workers) are not it. Undefined when there is none.
 */
export function serverIn(folder: string, program: string): Identity | undefined {
  let real: string;
  try {
    real = realpathSync(folder);
  } catch {
    return undefined;
  }
  const found = processIds().filter((pid) => link(pid, "cwd") === real && nameOf(pid) === program);
  const parent = found.find((pid) => !found.includes(Number(statFields(pid)?.[1])));
  return parent === undefined ? undefined : identify(parent);
}

/** Everything that runs. */
export function processIds(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** The program's name as it was started (Debian's redis-server is a link to another file), 15 bytes at most. */
export function nameOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return undefined;
  }
}

/** What /proc/PID/NAME points to; undefined when it is gone or not ours to see. */
export function link(pid: number, name: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/${name}`);
  } catch {
    return undefined;
  }
}

// The fields after the name, which may itself hold spaces and brackets: state, parent, …, [19] start time.
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}
