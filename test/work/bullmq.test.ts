// BullMQ with a tenant's credentials: its queues lie under the tenant's prefix, its Lua scripts run as the tenant.
import { FlowProducer, Queue, QueueEvents, Worker, type Job, type QueueOptions } from "bullmq";
import { afterAll, afterEach, beforeAll, expect, it } from "vitest";
import { redisOptions } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployed, type Deployed } from "../support/deployed.ts";
import { asAdmin } from "../support/redis-tenant.ts";

let tenant: Deployed;
let options: QueueOptions;
const open: { close: () => Promise<unknown> }[] = [];
const opened = <T extends { close: () => Promise<unknown> }>(one: T): T => {
  open.push(one);
  return one;
};

beforeAll(async () => {
  tenant = await deployed("attacker");
  const all = servers();
  const as = { user: tenant.names.redisUser, password: tenant.credentials.redis_password };
  const { commandTimeout: _, ...connection } = redisOptions(all, as);
  options = {
    connection: { ...all.redis.addresses[0], ...connection, maxRetriesPerRequest: null },
    prefix: `${tenant.names.keyPrefix}bull`,
    skipVersionCheck: true, // It asks INFO otherwise, which no tenant may.
  };
});
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
afterAll(async () => {
  const left = await asAdmin((admin) => admin.keys(`${tenant.names.keyPrefix}bull:*`));
  if (left.length > 0) await asAdmin((admin) => admin.del(left));
});

/** A queue, its events, and a worker that does `work`. */
async function queue(name: string, work: (job: Job) => Promise<unknown>, more: object = {}) {
  const jobs = opened(new Queue(name, options));
  const events = opened(new QueueEvents(name, options));
  const worker = opened(new Worker(name, work, { ...options, ...more }));
  await Promise.all([jobs.waitUntilReady(), events.waitUntilReady(), worker.waitUntilReady()]);
  return { jobs, events, worker };
}

it("jobs: added, worked on, finished with progress and a result", async () => {
  const { jobs, events } = await queue("plain", async (job) => {
    await job.updateProgress(50);
    await job.log("halfway");
    return (job.data as { value: number }).value * 2;
  });
  const added = await jobs.addBulk([1, 2, 3].map((value) => ({ name: "double", data: { value } })));
  expect(await Promise.all(added.map((job) => job.waitUntilFinished(events)))).toEqual([2, 4, 6]);
  expect(await jobs.getJobCounts("completed", "waiting", "failed")).toEqual({ completed: 3, waiting: 0, failed: 0 });
  expect((await jobs.getJobLogs(added[0]?.id ?? "")).logs).toEqual(["halfway"]);
});

it("priorities, a delay, and attempts until it works", async () => {
  let attempts = 0;
  const { jobs, events } = await queue("retried", async () => {
    attempts += 1;
    if (attempts < 3) throw new Error("not yet");
    return attempts;
  });
  const backoff = { type: "fixed", delay: 10 } as const;
  const job = await jobs.add("flaky", {}, { attempts: 3, backoff, delay: 20, priority: 2 });
  expect(await job.waitUntilFinished(events)).toBe(3);
});

it("a scheduler makes jobs again and again until it is removed", async () => {
  const { jobs, worker } = await queue("scheduled", async () => undefined);
  const twice = new Promise<void>((done) => {
    let count = 0;
    worker.on("completed", () => ++count === 2 && done());
  });
  await jobs.upsertJobScheduler("tick", { every: 100 });
  await twice;
  expect(await jobs.removeJobScheduler("tick")).toBe(true);
  expect(await jobs.getJobSchedulers()).toEqual([]);
});

it("a rate limit holds jobs back, and all are done", async () => {
  const { jobs, events } = await queue("limited", async () => "done", { limiter: { max: 1, duration: 50 } });
  const added = await jobs.addBulk([1, 2, 3].map((value) => ({ name: "slow", data: { value } })));
  expect(await Promise.all(added.map((job) => job.waitUntilFinished(events)))).toEqual(["done", "done", "done"]);
});

it("a parent waits for its children", async () => {
  const { events } = await queue("family", async (job) => {
    if (job.name === "child") return 1;
    const values = Object.values(await job.getChildrenValues<number>());
    return values.reduce((sum, value) => sum + value, 0);
  });
  const child = { name: "child", queueName: "family" };
  const flow = await opened(new FlowProducer(options)).add({
    name: "parent",
    queueName: "family",
    children: [child, child],
  });
  expect(await flow.job.waitUntilFinished(events)).toBe(2);
});

it("paused, drained, cleaned, obliterated: nothing is left", async () => {
  const { jobs, worker, events } = await queue("cleaned", async () => undefined);
  await (await jobs.add("first", {})).waitUntilFinished(events);
  await worker.close();
  await jobs.pause();
  expect(await jobs.isPaused()).toBe(true);
  await jobs.add("never", {}, { delay: 60_000 });
  await jobs.drain(true);
  expect(await jobs.getDelayedCount()).toBe(0);
  expect(await jobs.clean(0, 10, "completed")).toHaveLength(1);
  await jobs.obliterate({ force: true });
  expect(await asAdmin((admin) => admin.keys(`${tenant.names.keyPrefix}bull:cleaned:*`))).toEqual([]);
});
