// Joins the local Redis nodes: three masters, and a replica of each.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "../errors/problem.ts";
import { writePrivate } from "./files.ts";
import { asked } from "./redis.ts";
import { nodePorts } from "./settings.ts";
import type { Site } from "./store.ts";

const numbers = [1, 2, 3, 4, 5, 6] as const;
/** The hash slots of each master. */
const slots = { 1: [0, 5460], 2: [5461, 10_922], 3: [10_923, 16_383] } as const;
const patience = 60_000;

/** There when the nodes are a cluster: from then on it is theirs, with whatever failovers made of it. */
const joinedFile = (dir: string): string => join(dir, "redis", "joined");

export const areRedisNodesJoined = (dir: string): boolean => existsSync(joinedFile(dir));

type Call = (...words: readonly (string | number)[]) => Promise<string>;

/** One command to each node. */
function callsOf(site: Site): Readonly<Record<(typeof numbers)[number], Call>> {
  const call =
    (number: number): Call =>
    async (first, ...words) => {
      const ports = { ...site.ports, redis: nodePorts.redis(site.ports, number).clients };
      let answer: unknown;
      await asked({ ...site, ports }, async (client) => {
        answer = await client.call(String(first), ...words);
      });
      return String(answer);
    };
  return { 1: call(1), 2: call(2), 3: call(3), 4: call(4), 5: call(5), 6: call(6) };
}

/**
 * Makes the cluster of nodes that answer, once. An interrupted attempt is finished.
 * @throws Problem when the nodes do not agree in time
 */
export async function joinRedisNodes(site: Site): Promise<void> {
  if (areRedisNodesJoined(site.dir)) return;
  const calls = callsOf(site);
  const whole = async (): Promise<boolean> => {
    const found = await Promise.all(numbers.map((number) => calls[number]("CLUSTER", "INFO")));
    return found.every((text) => text.includes("cluster_state:ok") && text.includes("cluster_known_nodes:6"));
  };
  for (const number of [1, 2, 3] as const) {
    if (await hasSlots(calls[number])) continue;
    // Refused where an interrupted attempt has done it.
    await calls[number]("CLUSTER", "SET-CONFIG-EPOCH", number).catch(() => undefined);
    await calls[number]("CLUSTER", "ADDSLOTSRANGE", ...slots[number]);
  }
  for (const number of numbers.slice(1)) {
    const { clients, bus } = nodePorts.redis(site.ports, number);
    await calls[1]("CLUSTER", "MEET", "127.0.0.1", clients, bus);
  }
  await until("know each other", whole);
  for (const number of [4, 5, 6] as const) {
    const master = await calls[(number - 3) as 1 | 2 | 3]("CLUSTER", "MYID");
    await until("know their masters", async () => (await calls[number]("CLUSTER", "NODES")).includes(master));
    await calls[number]("CLUSTER", "REPLICATE", master);
  }
  const follows = async (number: 4 | 5 | 6): Promise<boolean> => (await calls[number]("ROLE")).includes("connected");
  await until("follow their masters", async () =>
    (await Promise.all(([4, 5, 6] as const).map(follows))).every(Boolean),
  );
  writePrivate(joinedFile(site.dir), "");
}

/** Whether the node answers for keys. */
async function hasSlots(call: Call): Promise<boolean> {
  const line = (await call("CLUSTER", "NODES")).split("\n").find((text) => text.includes("myself")) ?? "";
  return line.split(" ").length > 8;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + patience; Date.now() < deadline; await sleep(50)) if (await holds()) return;
  throw new Problem(
    "setup-failed",
    `the Redis nodes do not ${what} within ${patience / 1000} s: look at their logs, or begin anew: npm run stores -- reset --cluster`,
  );
}
