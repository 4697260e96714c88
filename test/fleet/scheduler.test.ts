// Who runs when, and whom a failure stops.
import { expect, it } from "vitest";
import { schedule, type Order, type SchedulerOptions } from "../../cli/fleet/scheduler.ts";

/** Runs that end when they are told to. */
function fleet(order: Order, over: Partial<SchedulerOptions<string>> = {}) {
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const work = async (id: string): Promise<string> => {
    begun.push(id);
    return new Promise((done, fail) => ends.set(id, (error) => (error ? fail(error) : done(`${id} done`))));
  };
  const outcomes = schedule(order, work, {
    parallel: 2,
    failFast: false,
    stopped: () => false,
    failed: () => false,
    ...over,
  });
  const end = async (id: string, error?: Error): Promise<void> => {
    ends.get(id)?.(error);
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  const statuses = async () => Object.fromEntries((await outcomes).map(({ id, result }) => [id, result.status]));
  return { begun, end, outcomes, statuses };
}
const boom = new Error("boom");

it("so many at a time, and the next when one is free", async () => {
  const { begun, end, outcomes } = fleet({ first: [], rest: ["a", "b", "c", "d"] });
  expect(begun).toEqual(["a", "b"]);
  await end("b");
  expect(begun).toEqual(["a", "b", "c"]);
  for (const id of ["c", "d", "a"]) await end(id);
  expect((await outcomes).map(({ id }) => id)).toEqual(["a", "b", "c", "d"]);
});

it("a failure stops nobody else", async () => {
  const { begun, end, statuses } = fleet({ first: [], rest: ["a", "b", "c"] });
  await end("a", boom);
  for (const id of ["b", "c"]) await end(id);
  expect(begun).toEqual(["a", "b", "c"]);
  expect(await statuses()).toEqual({ a: "failed", b: "done", c: "done" });
});

it("with fail-fast nothing more is begun, and what runs comes to its end", async () => {
  const { begun, end, outcomes } = fleet({ first: [], rest: ["a", "b", "c"] }, { failFast: true });
  await end("a", boom);
  await end("b");
  expect(begun).toEqual(["a", "b"]);
  expect((await outcomes).map(({ result }) => result)).toEqual([
    { status: "failed", error: boom },
    { status: "done", value: "b done" },
    { status: "not begun", why: "a failed" },
  ]);
});

it("the first ones go alone and in order, and when one fails nobody else is begun", async () => {
  const well = fleet({ first: ["platform", "canary"], rest: ["a", "b"] });
  expect(well.begun).toEqual(["platform"]);
  await well.end("platform");
  expect(well.begun).toEqual(["platform", "canary"]);
  await well.end("canary");
  expect(well.begun).toEqual(["platform", "canary", "a", "b"]);
  await well.end("a");
  await well.end("b");

  const badly = fleet({ first: ["platform", "canary"], rest: ["a"] });
  await badly.end("platform", boom);
  expect(badly.begun).toEqual(["platform"]);
  expect(await badly.statuses()).toEqual({ platform: "failed", canary: "not begun", a: "not begun" });
});

it("who waits for another is begun when that one has succeeded, and not at all when it failed", async () => {
  const order = {
    first: [],
    rest: ["platform-eu", "a", "b", "c"],
    after: new Map([
      ["a", "platform-eu"],
      ["b", "platform-us"], // Not among them.
      ["c", "platform-eu"],
    ]),
  };
  const well = fleet(order, { parallel: 3 });
  expect(well.begun).toEqual(["platform-eu", "b"]);
  await well.end("platform-eu");
  await well.end("b");
  expect(well.begun).toEqual(["platform-eu", "b", "a", "c"]);
  for (const id of ["a", "c"]) await well.end(id);

  const badly = fleet(order, { parallel: 3 });
  await badly.end("platform-eu", boom);
  await badly.end("b");
  expect((await badly.outcomes).map(({ result }) => result).slice(1)).toEqual([
    { status: "not begun", why: "platform-eu failed" },
    { status: "done", value: "b done" },
    { status: "not begun", why: "platform-eu failed" },
  ]);
});

it("a run that came to its end may be a failure nevertheless", async () => {
  const { end, statuses, begun } = fleet(
    { first: ["canary"], rest: ["a"] },
    { failed: (value) => value === "canary done" },
  );
  await end("canary");
  expect(begun).toEqual(["canary"]);
  expect(await statuses()).toEqual({ canary: "done", a: "not begun" });
});

it("after an interruption nothing more is begun", async () => {
  let stopped = false;
  const { begun, end, outcomes } = fleet({ first: [], rest: ["a", "b", "c"] }, { stopped: () => stopped });
  stopped = true;
  await end("a");
  await end("b");
  expect(begun).toEqual(["a", "b"]);
  expect((await outcomes)[2]).toEqual({ id: "c", result: { status: "not begun", why: "interrupted" } });
});
