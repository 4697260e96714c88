// Whom to kill, and when: everybody in turn, at moments that a seed decides.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { storeNames, type StoreName } from "../../local/settings.ts";
import { childrenOf, named } from "../support/processes.ts";
import { storeFolder, type Running } from "./world.ts";

/** The command, its pulumi, what pulumi runs (plugins, language host, the program), or a store. */
export type Victim = "command" | "pulumi" | "plugin" | StoreName;

/** Mulberry32: the same seed, the same numbers in [0, 1). */
export function random(state: number): () => number {
  let at = state;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let t = Math.imul(at ^ (at >>> 15), 1 | at);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Six for a life: every kind of process, one of them twice, and two stores. Five lives have killed every store twice. */
export function victimsOf(life: number, next: () => number): Victim[] {
  const kinds = ["command", "pulumi", "plugin"] as const;
  const again = kinds[life % kinds.length] ?? "command";
  const stores = [0, 1].map((one) => storeNames[(2 * life + one) % storeNames.length] ?? "redis");
  return [...kinds, again, ...stores]
    .map((victim): [number, Victim] => [next(), victim])
    .sort(([one], [other]) => one - other)
    .map(([, victim]) => victim);
}

/** The process to kill now; undefined when there is none of the kind at this moment. */
function processOf(victim: Victim, { pid: command }: Running, next: () => number): number | undefined {
  if (victim === "command") return command;
  if (victim !== "pulumi" && victim !== "plugin") {
    const record = join(storeFolder(victim), "..", "run", `${victim}.json`);
    return (JSON.parse(readFileSync(record, "utf8")) as { pid: number }).pid;
  }
  const pulumi = childrenOf(command).find((pid) => named(pid) === "pulumi");
  if (pulumi === undefined || victim === "pulumi") return pulumi;
  const { stdout } = spawnSync("ps", ["-o", "pid=", "-s", String(pulumi)], { encoding: "utf8" });
  const plugins = stdout
    .split("\n")
    .map(Number)
    .filter((pid) => pid > 0 && pid !== pulumi);
  return plugins[Math.floor(next() * plugins.length)];
}

/** Kills it after so many milliseconds, or as soon as there is one. Returns its name; undefined when the command ended first. */
export async function killAfter(
  milliseconds: number,
  victim: Victim,
  running: Running,
  next: () => number,
): Promise<string | undefined> {
  let ended = false;
  const end = running.ended.then(() => (ended = true));
  await Promise.race([sleep(milliseconds), end]);
  while (!ended) {
    const pid = processOf(victim, running, next);
    const name = pid === undefined ? "" : named(pid);
    if (pid !== undefined && name !== "") {
      process.kill(pid, "SIGKILL");
      return name;
    }
    await Promise.race([sleep(10), end]);
  }
  return undefined;
}
