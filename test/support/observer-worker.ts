// The thread behind observer.ts: it must look often, whatever the test's own thread does.
import { linkSync, lstatSync, readdirSync, readFileSync, watch } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";

const { folder, keep } = workerData as { folder: string; keep: string };

const kept = new Set<string>();
/** Keeps what appears in the folder, at any depth, under a second name: it stays when the first one is removed. */
function follow(inside: string): void {
  const take = (name: string) => {
    try {
      const path = join(inside, name);
      const status = lstatSync(path);
      if (status.isDirectory()) follow(path);
      const file = `${status.ino}-${status.birthtimeMs}-${name}`;
      if (!status.isFile() || kept.has(file)) return;
      linkSync(path, join(keep, file));
      kept.add(file);
    } catch {
      // It was gone already.
    }
  };
  watch(inside, (_event, name) => name !== null && take(name)).on("error", () => undefined);
  for (const name of readdirSync(inside)) take(name);
}

const commandLines = new Set<string>();
const environments = new Set<string>();
/** How often each process was looked at. */
const looks = new Map<string, number>();

/** Looks at the processes: at new ones every time (a program replaces itself soon after it was started), at old ones now and then. */
function look(round: number): void {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const times = looks.get(pid) ?? 0;
    if (times > 10 && round % 50 !== 0) continue;
    looks.set(pid, times + 1);
    try {
      commandLines.add(readFileSync(`/proc/${pid}/cmdline`, "latin1").replaceAll("\0", " "));
      environments.add(readFileSync(`/proc/${pid}/environ`, "latin1"));
    } catch {
      // It ended, or is somebody else's.
    }
  }
  const alive = new Set(pids);
  for (const pid of looks.keys()) if (!alive.has(pid)) looks.delete(pid);
}

follow(folder);
const asked: ("look" | "end")[] = [];
parentPort?.on("message", (what: "look" | "end") => asked.push(what));
parentPort?.postMessage("ready");
for (let round = 0; ; round += 1) {
  const wanted = asked.shift();
  look(round);
  if (wanted === "look") parentPort?.postMessage("looked");
  if (wanted === "end") break;
  await setTimeout(2);
}
parentPort?.postMessage({ commandLines: [...commandLines], environments: [...environments] });
process.exit();
