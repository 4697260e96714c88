// Events that wait on disk for the platform database.
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { emitEvent, events, type NewEvent } from "../providers/clients/audit.ts";
import { deliverOutbox, emitOrKeep } from "../providers/clients/outbox.ts";
import { withPlatform } from "../providers/clients/platform-db.ts";
import { servers } from "../providers/clients/servers.ts";
import { platformUp } from "./support/platform.ts";

beforeAll(platformUp);

const tenant = `outbox${process.pid}`;
const down = { postgresql: { ...servers().postgresql, port: 1 } };
let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "outbox-"));
  process.env["TENANT_OUTBOX_DIR"] = join(folder, "kept");
});
afterEach(async () => {
  delete process.env["TENANT_OUTBOX_DIR"];
  await rm(folder, { recursive: true });
});

const event = (step: number) => ({ tenant, type: "TENANT_PROVISION_FAILED", details: { step } }) as const;
const steps = async () =>
  (await withPlatform((client) => events(client, tenant))).map(({ details }) => details["step"]);

it("keeps events while the database is down, then delivers them in order, once", async () => {
  const first = await emitOrKeep(event(1), down);
  const second = await emitOrKeep(event(2), down);
  if (first.recorded || second.recorded) throw new Error("recorded on a server that is down");
  expect(first.reason).toContain("npm run stores -- status");
  expect((await stat(first.file)).mode & 0o777).toBe(0o600);
  expect(await deliverOutbox(down)).toMatchObject({ delivered: 0, kept: 2 });
  // Killed between insert and removal: the file is there again.
  const text = await readFile(first.file, "utf8");
  await withPlatform((client) => emitEvent(client, JSON.parse(text) as NewEvent));
  // The next event is not put before them.
  expect(await emitOrKeep(event(3))).toMatchObject({ recorded: true });
  expect(await steps()).toEqual([3, 2, 1]);
  await writeFile(first.file, text);
  expect(await deliverOutbox()).toEqual({ delivered: 1, kept: 0, problems: [] });
  expect(await steps()).toEqual([3, 2, 1]);
  expect(await readdir(join(folder, "kept"))).toEqual([]);
});

it("a file it cannot read stays and is reported; the others go", async () => {
  const kept = await emitOrKeep(event(4), down);
  if (kept.recorded) throw new Error("recorded on a server that is down");
  await writeFile(join(folder, "kept", "00000000-bad.json"), "{");
  const delivery = await deliverOutbox();
  expect(delivery).toMatchObject({ delivered: 1, kept: 1 });
  expect(delivery.problems[0]).toContain("00000000-bad.json could not be delivered");
  expect((await steps())[0]).toBe(4);
});

it("says so when an event can neither be recorded nor kept", async () => {
  await writeFile(join(folder, "kept"), "a file, not a folder");
  await expect(emitOrKeep(event(5), down)).rejects.toThrow(
    /could neither be recorded .* nor kept .* set TENANT_OUTBOX_DIR/,
  );
});

it("costs nothing when it is empty", async () => {
  expect(await deliverOutbox(down)).toEqual({ delivered: 0, kept: 0, problems: [] });
});
