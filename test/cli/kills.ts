// kill -9 at random moments: of the command, of pulumi, of one of its plugins, of a store. The next command has to converge.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { storeNames } from "../../local/settings.ts";
import { editStackFile, pulumi, remains, startAll, startTenant, storeFolder, tenant, type Running } from "./world.ts";

/** Every life has four of them. `TENANT_KILLS=40 npm test -- cli/tenant -t "at random"` for more. */
const lives = Math.ceil(Number(process.env["TENANT_KILLS"] ?? 4) / 4);
/** Printed, so that a failure can be repeated; the moment within a run is never quite the same. */
const seed = Number(process.env["TENANT_KILLS_SEED"] ?? Date.now() % 100_000);

const victims = ["command", "pulumi", "plugin", "store"] as const;
type Victim = (typeof victims)[number];

/** Mulberry32: the same seed, the same moments. */
function random(state: number): () => number {
  let at = state;
  return () => {
    at = (at + 0x6d2b79f5) | 0;
    let t = Math.imul(at ^ (at >>> 15), 1 | at);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const childrenOf = (pid: number): number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return []; // It has ended.
  }
};
const named = (pid: number): string => {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "";
  }
};

/** Whom to kill now; undefined when there is nobody of the kind at this moment. */
function processOf(victim: Victim, running: Running, pick: <T>(of: readonly T[]) => T | undefined): number | undefined {
  if (victim === "command") return running.pid;
  if (victim === "store") {
    const record = join(storeFolder(pick(storeNames) ?? "redis"), "..", "run");
    const file = join(record, `${pick(storeNames) ?? "redis"}.json`);
    return (JSON.parse(readFileSync(file, "utf8")) as { pid: number }).pid;
  }
  const pulumi = childrenOf(running.pid).find((pid) => named(pid) === "pulumi");
  if (pulumi === undefined || victim === "pulumi") return pulumi;
  const { stdout } = spawnSync("ps", ["-o", "pid=", "-s", String(pulumi)], { encoding: "utf8" });
  return pick(
    stdout
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 0 && pid !== pulumi),
  );
}

/** What the state says was begun and not ended. */
async function pendingOf(id: string): Promise<unknown[]> {
  const { stdout } = await pulumi(["stack", "export", "--stack", id]);
  const { deployment } = JSON.parse(stdout) as { deployment: { pending_operations?: unknown[] } };
  return deployment.pending_operations ?? [];
}

export function killsTests(): void {
  describe("killed", () => {
    it.each(Array.from({ length: lives }, (_, index) => seed + index))(
      "at random moments of its life, seed %i: the next command converges",
      async (one) => {
        const next = random(one);
        const pick = <T>(of: readonly T[]): T | undefined => of[Math.floor(next() * of.length)];
        const order = victims.toSorted(() => next() - 0.5);
        const id = `killed${one}`;
        let turn = 0;

        /** Runs the command, kills somebody in the middle of it, and lets it end. */
        const killedIn = async (args: readonly string[]): Promise<string> => {
          const victim = order[turn++ % order.length] ?? "command";
          const moment = 200 + next() * 6000;
          const running = startTenant(args);
          await Promise.race([sleep(moment), running.ended]);
          const pid = processOf(victim, running, pick);
          const what = pid === undefined ? "" : named(pid);
          if (pid !== undefined && what !== "") process.kill(pid, "SIGKILL");
          const { code, stderr } = await running.ended;
          if (victim === "store") await startAll();
          return `${args[0]}, ${victim} (${what}) killed after ${Math.round(moment)} ms, ended with ${code}:\n${stderr}`;
        };
        const works = async (args: readonly string[], story: string): Promise<void> => {
          const { code, stderr } = await tenant(args);
          expect(code, `${story}\n--- the next command:\n${stderr}`).toBe(0);
          expect(await pendingOf(id), story).toEqual([]);
        };
        const verified = (story: string) => works(["verify", id], story);

        const provision = ["provision", id, "--network", `10.98.${one % 256}.0/24`];
        const made = await killedIn(provision);
        await works(provision, made);
        await verified(made);

        editStackFile(id, (text) => text.replace("config:", "config:\n  tenant-storage:postgresqlConnectionLimit: 33"));
        const updated = await killedIn(["provision", id]);
        await works(["provision", id], updated);
        await verified(updated);

        const removed = await killedIn(["deprovision", id]);
        const again = await tenant(["deprovision", id]);
        // It may have been gone already.
        if (again.code !== 0) expect(again.stderr, removed).toContain(`There is no tenant ${id}`);
        expect(await remains(id), `${removed}\n${again.stderr}`).toEqual([]);
      },
      600_000,
    );
  });
}
