// What the benchmarks make of what they measure: processor time and memory of whole commands, ratios, the picture.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { measure, medianCost } from "../../bench/measure.ts";
import { drawResults } from "../../bench/plot.ts";
import { newResults, readResults, row, writeResults, type GrowthPoint, type Results } from "../../bench/results.ts";
import { amount, slope } from "../../bench/scale-table.ts";

const folder = mkdtempSync(join(tmpdir(), "bench-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Keeps a core busy for that much processor time, with 100 MB in memory, then does `then`. */
const busy = (seconds: number, then = ""): string =>
  `const held = Buffer.alloc(1e8, 1); while (process.cpuUsage().user < ${seconds * 1e6}); ${then} setTimeout(() => held, 1000)`;

describe("a command's cost", () => {
  it("has the processor time and memory of its children", async () => {
    const program = `require("child_process").execFileSync(process.execPath, ["-e", ${JSON.stringify(busy(0.4))}])`;
    const cost = await measure({ program: process.execPath, args: ["-e", program], cwd: folder });
    expect(cost.seconds).toBeGreaterThan(1);
    expect(cost.cpu).toBeGreaterThan(0.38);
    expect(cost.memory).toBeGreaterThan(1e8);
    expect(cost.ownMemory).toBeLessThan(cost.memory ?? 0);
  });

  it("has that of processes that outlive it", async () => {
    const child = busy(0.4, `require("fs").writeFileSync("done", "");`);
    writeFileSync(join(folder, "child.js"), child);
    const script = `"${process.execPath}" child.js & until [ -e done ]; do sleep 0.2; done; sleep 0.3`;
    const { cpu } = await measure({ program: "bash", args: ["-c", script], cwd: folder });
    expect(cpu).toBeGreaterThan(0.38);
  });

  it("is an error with what the command said, when that fails", async () => {
    const failing = measure({ program: "bash", args: ["-c", "echo why >&2; exit 3"], cwd: folder });
    await expect(failing).rejects.toThrow(/failed:\n\s*why/);
  });
});

it("medians are those of each part", () => {
  const costs = [{ seconds: 3, cpu: 1 }, { seconds: 1, cpu: 9 }, { seconds: 2 }];
  expect(medianCost(costs)).toEqual({ seconds: 2, cpu: 9 });
});

const point = (present: number, seconds: number): GrowthPoint => ({
  ...{ present, provision: { seconds, cpu: 2 * seconds }, unchanged: { seconds } },
  ...{ verify: { seconds }, list: { seconds } },
});

const results: Results = {
  ...newResults(1, 2),
  parts: {
    one: {
      rows: [row("a new <tenant>", { seconds: 3, cpu: 4 }, "the runbook", { seconds: 2, cpu: 1 }, { target: 2 })],
    },
    growth: { rows: [], growth: [point(10, 1), point(500, 2)] },
  },
};

it("rows say how many times as long, and as much processor time", () => {
  expect(results.parts.one?.rows[0]).toMatchObject({ ratio: 1.5, cpuRatio: 4, target: 2, of: "seconds" });
  const memory = row(
    "memory",
    { seconds: 1, ownMemory: 30 },
    "less",
    { seconds: 9, ownMemory: 20 },
    { of: "ownMemory" },
  );
  expect(memory).toMatchObject({ ratio: 1.5 });
  expect(memory).not.toHaveProperty("target");
});

it("results come back from their file; another file is refused by name", () => {
  const file = join(folder, "results.json");
  writeResults(file, results);
  expect(readResults(file)).toEqual(results);
  writeFileSync(file, "{}");
  expect(() => readResults(file)).toThrow(/results\.json is not what npm run bench -- --json FILE writes/);
});

it("the picture has a bar with its target and a curve, and escapes texts", () => {
  const svg = drawResults(results);
  expect(svg).toContain("a new &lt;tenant&gt;");
  expect(svg).toContain("1.50 (at most 2)");
  expect(svg.match(/<polyline/g)).toHaveLength(3);
  expect(drawResults({ ...results, parts: {} })).not.toContain("<polyline");
});

it("the stores' figures say what one more tenant adds", () => {
  const figure = (value: number) => ({ of: "qdrant", what: "memory", unit: "bytes" as const, value });
  const scale = [
    { present: 1, figures: [figure(1000)] },
    { present: 101, figures: [figure(6000)] },
  ];
  expect(slope(scale, "qdrant", "memory")).toBe(50);
  expect(slope(scale.slice(1), "qdrant", "memory")).toBeUndefined();
  expect([amount(50, "bytes"), amount(3 * 2 ** 20, "bytes"), amount(0.0123, "seconds"), amount(302, "number")]).toEqual(
    [...["50 B", "3 MB", "12.3 ms", "302"]],
  );
});
