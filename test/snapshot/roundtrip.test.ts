// Everything a tenant has comes back as it was: into another tenant, and into the same one after it was gone.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { stackFile } from "../../cli/environment.ts";
import { exportTenant, type Exported } from "../../cli/snapshot/export.ts";
import { restoreTenant } from "../../cli/snapshot/restore.ts";
import { events } from "../../providers/clients/audit.ts";
import { pipeThrough } from "../../providers/clients/credentials.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { makeTenant, removeTenant } from "../support/hand-made-tenant.ts";
import { platformUp } from "../support/platform.ts";
import { contents, fill } from "../support/rich-tenant.ts";

const [source, copy] = ["snapfrom", "snapto"];
const quiet = { news: () => undefined, amount: () => undefined };
const folder = mkdtempSync(join(tmpdir(), "snapshot-"));
const place = join(folder, "export");
/** The recovery key's private half. */
const identity = join(folder, "recovery.age");
let before: Awaited<ReturnType<typeof contents>>;
let exported: Exported;

beforeAll(async () => {
  await platformUp();
  await Promise.all([makeTenant(source), makeTenant(copy)]);
  writeFileSync(identity, await pipeThrough("age-keygen", [], ""), { mode: 0o600 });
  const recovery = (await pipeThrough("age-keygen", ["-y", identity], "")).trim();
  writeFileSync(stackFile(source), `config:\n  tenant-storage:recipients: [${recovery}]\n`);
  await fill(source);
  before = await contents(source);
  exported = await exportTenant(source, place, quiet);
});
afterAll(async () => {
  for (const id of [source, copy]) await removeTenant(id);
  rmSync(stackFile(source), { force: true });
  rmSync(folder, { recursive: true });
});

describe("an export", () => {
  it("counts what the tenant has, and is recorded with its checksum", async () => {
    expect(exported.counts).toMatchObject({ objects: 13, points: 302, tables: 4, rows: 2061, keys: 16 });
    const [event] = await withPlatform((client) => events(client, source, 1));
    expect(event).toMatchObject({
      event_id: exported.eventId,
      event_type: "TENANT_EXPORTED",
      details: { checksum: exported.checksum, objects: 13, keys: 16 },
    });
  });

  it("is encrypted files and a manifest that names them", () => {
    const { parts } = JSON.parse(readFileSync(join(place, "manifest.json"), "utf8")) as { parts: { name: string }[] };
    expect(readdirSync(place).sort()).toEqual([...parts.map(({ name }) => name), "manifest.json"].sort());
    for (const { name } of parts)
      expect(readFileSync(join(place, name)).subarray(0, 21).toString()).toBe("age-encryption.org/v1");
  });
});

it("restored into another tenant, everything is as it was, under the other one's names", async () => {
  await restoreTenant(source, place, quiet, { as: copy });
  const after = await contents(copy);
  expect(after.redis).toEqual(before.redis);
  expect(after.qdrant).toEqual(before.qdrant);
  expect(after.minio).toEqual(before.minio);
  expect(after.postgresql).toEqual(before.postgresql);
});

it("restored into the same tenant after it was gone, with the recovery key, everything is as it was", async () => {
  await removeTenant(source);
  await makeTenant(source);
  await expect(restoreTenant(source, place, quiet)).rejects.toThrow(/snapfrom has another key by now.*--identity FILE/);
  await restoreTenant(source, place, quiet, { identity });
  expect(await contents(source)).toEqual(before);
});
