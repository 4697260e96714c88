// What goes wrong with servers on a person's machine.
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { identify } from "../../local/identity.ts";
import { startStores, statusStores, stopStores } from "../../local/lifecycle.ts";
import { whoListens } from "../../local/listeners.ts";
import { root } from "../../toolchain/paths.ts";
import { command, temporaryStores, type TemporaryStores } from "./support.ts";

// Real servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let stores: TemporaryStores | undefined;

function fresh(offset: number, mode?: 0o700): TemporaryStores {
  stores = temporaryStores(offset, mode);
  return stores;
}

afterEach(async () => {
  await stores?.remove();
  stores = undefined;
});

test("a port in use is named, with who holds it and what to do", async () => {
  const set = fresh(3200);
  const server = await new Promise<Server>((resolve) => {
    const made = createServer();
    made.listen(set.ports.redis, "127.0.0.1", () => resolve(made));
  });
  onTestFinished(() => void server.close());
  expect(whoListens(set.ports.redis)).toContain(`process ${process.pid}`);
  expect(whoListens(set.ports.minio)).toBeUndefined();
  const { code, stderr } = await command("stores", ["start", "redis"], set);
  expect(code).toBe(1);
  expect(stderr).toContain(`port ${set.ports.redis}, which Redis needs, is in use by`);
  expect(stderr).toContain(`process ${process.pid}`);
  expect(stderr).toMatch(
    /TENANT_STORES_PORT_OFFSET=\d+ npm run stores -- start\nCode: setup-failed \(docs\/errors\.md\)\n$/,
  );
});

test("one store that fails does not stop the others, and is the only one started next", async () => {
  const set = fresh(3300);
  const server = createServer();
  await new Promise<void>((resolve) => void server.listen(set.ports.redis, "127.0.0.1", resolve));
  const options = { dir: set.dir, ports: set.ports, only: ["qdrant", "redis"] as const };
  await expect(startStores(options)).rejects.toThrow(/which Redis needs/);
  const [qdrant] = await statusStores(options);
  expect(qdrant?.ready).toBe(true);
  await new Promise((resolve) => server.close(resolve));
  expect((await startStores(options)).map(({ pid, ready }) => [ready, pid === qdrant?.pid])).toEqual([
    [true, true],
    [true, false],
  ]);
});

describe("a stale record", () => {
  test("of a process id that another program has now never ends that program", async () => {
    const set = fresh(3400);
    const bystander = spawn("sleep", ["60"], { stdio: "ignore" });
    onTestFinished(() => void bystander.kill());
    const identity = identify(bystander.pid ?? 0);
    mkdirSync(join(set.dir, "run"), { recursive: true });
    const record = {
      ...identity,
      startTime: (identity?.startTime ?? 0) - 1,
      listensOn: [set.ports.redis],
      version: "7",
    };
    writeFileSync(join(set.dir, "run/redis.json"), JSON.stringify(record));
    const options = { dir: set.dir, ports: set.ports, only: ["redis"] as const };
    expect((await statusStores(options))[0]?.running).toBe(false);
    expect(await stopStores(options)).toEqual([{ name: "redis", title: "Redis" }]);
    expect(identify(bystander.pid ?? 0)).toEqual(identity);
    expect((await startStores(options))[0]).toMatchObject({ ready: true });
    expect(identify(bystander.pid ?? 0)).toEqual(identity);
  });

  test("that is lost or damaged does not lose the server", async () => {
    const set = fresh(3500);
    const options = { dir: set.dir, ports: set.ports, only: ["redis"] as const };
    const [before] = await startStores(options);
    rmSync(join(set.dir, "run/redis.json"));
    expect((await statusStores(options))[0]).toMatchObject({ running: true, ready: false, pid: before?.pid });
    expect((await startStores(options))[0]).toMatchObject({ ready: true, pid: before?.pid });
    writeFileSync(join(set.dir, "run/redis.json"), "{");
    expect(await stopStores(options)).toEqual([{ name: "redis", title: "Redis", by: "SIGTERM" }]);
  });

  test("postmaster.pid with the id of another program does not keep PostgreSQL from starting", async () => {
    const set = fresh(3600);
    const options = { dir: set.dir, ports: set.ports, only: ["postgresql"] as const };
    const [first] = await startStores(options);
    process.kill(first?.pid ?? 0, "SIGKILL");
    while (identify(first?.pid ?? 0) !== undefined) await sleep(10);
    const file = join(set.dir, "postgresql/data/postmaster.pid");
    writeFileSync(file, readFileSync(file, "utf8").replace(/^\d+/, String(process.ppid)));
    expect((await startStores(options))[0]).toMatchObject({ ready: true });
  }, 30_000);
});

test("a server that dies at the start is shown with the last lines of its log", async () => {
  const set = fresh(3700);
  const options = { dir: set.dir, ports: set.ports, only: ["redis"] as const };
  await startStores(options);
  await stopStores(options);
  writeFileSync(join(set.dir, "redis/appendonlydir/appendonly.aof.manifest"), "nonsense");
  const { code, stderr } = await command("stores", ["start", "redis"], set);
  expect(code).toBe(1);
  expect(stderr).toMatch(/Redis ended/);
  expect(stderr).toContain("AOF");
  expect(stderr).toContain(join(set.dir, "logs/redis.log"));
});

test("data without their credentials are not overwritten", async () => {
  const set = fresh(3800);
  const options = { dir: set.dir, ports: set.ports, only: ["redis"] as const };
  await startStores(options);
  await stopStores(options);
  rmSync(join(set.dir, "credentials.json"));
  await expect(startStores(options)).rejects.toThrow(/credentials\.json is gone.*npm run stores -- reset$/);
});

test.each([250, 700])(
  "killed %i ms into the first start, the next start converges",
  async (milliseconds) => {
    const set = fresh(3900);
    const child = spawn(process.execPath, [join(root, "local/stores.ts"), "start"], {
      env: { ...process.env, TENANT_STORES_DIR: set.dir, TENANT_STORES_PORT_OFFSET: String(set.offset) },
      stdio: "ignore",
    });
    await sleep(milliseconds);
    child.kill("SIGKILL");
    await new Promise((resolve) => child.once("close", resolve));
    const states = await startStores({ dir: set.dir, ports: set.ports });
    expect(states.every(({ ready }) => ready)).toBe(true);
  },
  30_000,
);

test("a paused server is stopped all the same", async () => {
  const set = fresh(4000);
  const options = { dir: set.dir, ports: set.ports, only: ["redis"] as const };
  const [redis] = await startStores(options);
  process.kill(redis?.pid ?? 0, "SIGSTOP");
  expect((await stopStores(options))[0]?.by).toBe("SIGTERM");
});

test.runIf(process.getuid?.() === 0)(
  "a checkout that only root may enter",
  async () => {
    const set = fresh(4100, 0o700);
    const options = { dir: set.dir, ports: set.ports, only: ["postgresql", "redis"] as const };
    const states = await startStores(options);
    for (const { pid } of states) {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      expect(status).not.toMatch(/^Uid:\s+0\s/m);
      // One capability, to pass the folder: nothing else.
      expect(status).toMatch(/^CapEff:\s+000000000000000[24]$/m);
    }
    await stopStores(options);
    expect((await startStores(options)).every(({ ready }) => ready)).toBe(true);
    expect(existsSync(join(set.dir, "postgresql/data/PG_VERSION"))).toBe(true);
  },
  30_000,
);
