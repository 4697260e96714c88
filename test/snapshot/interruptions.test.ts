// Exports and restores that were interrupted go on; and neither ever overwrites anything.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { exportTenant } from "../../cli/snapshot/export.ts";
import { restoreTenant } from "../../cli/snapshot/restore.ts";
import { localDir } from "../../toolchain/paths.ts";
import { makeTenant, removeTenant } from "../support/hand-made-tenant.ts";
import { platformUp } from "../support/platform.ts";
import { contents, fill } from "../support/rich-tenant.ts";

const [source, copy] = ["snapbroken", "snapmended"];
const quiet = { news: () => undefined, amount: () => undefined };
const folder = mkdtempSync(join(tmpdir(), "snapshot-"));
const place = join(folder, "export");
/** So that the bucket takes several parts. */
const small = { partSize: 1024 };

/** Breaks off when the store says for the first time how far it is, or at a later one. */
function breaking(store: string, last = 1) {
  let [now, times] = ["", 0];
  return {
    news: (text: string) => void (now = text),
    amount: () => {
      if (now === store && ++times === last) throw new Error(`broken off in ${store}`);
    },
  };
}
const journals = () => readdirSync(join(localDir, "snapshots")).filter((name) => /snapbroken|snapmended/.test(name));
const files = () => new Map(readdirSync(place).map((name) => [name, statSync(join(place, name)).ino]));

beforeAll(async () => {
  await platformUp();
  await Promise.all([makeTenant(source), makeTenant(copy)]);
  await fill(source);
});
afterAll(async () => {
  for (const id of [source, copy]) await removeTenant(id);
  rmSync(folder, { recursive: true });
});

describe("an export", () => {
  it("that was interrupted in one store after the other goes on, and keeps the parts that were whole", async () => {
    for (const store of ["redis", "postgresql"]) {
      await expect(exportTenant(source, place, breaking(store), small)).rejects.toThrow(`broken off in ${store}`);
      expect(existsSync(join(place, "manifest.json"))).toBe(false);
    }
    await expect(exportTenant(source, place, breaking("minio", 2), small)).rejects.toThrow("broken off in minio");
    // Another part was whole; of the next one there is a half.
    const kept = files();
    expect([...kept.keys()].filter((name) => name.startsWith("minio-"))).toEqual(["minio-00001.tar.age"]);
    const { counts } = await exportTenant(source, place, quiet, small);
    expect(counts).toMatchObject({ objects: 13, points: 302, tables: 4, keys: 16 });
    for (const name of ["redis-00001.ndjson.gz.age", "qdrant-00001.ndjson.gz.age", "postgresql-00001.dump.age"]) {
      expect([name, files().get(name)]).toEqual([name, kept.get(name)]);
    }
    expect([...files().keys()].filter((name) => name.startsWith("minio-")).length).toBeGreaterThan(3);
    expect(journals()).toEqual([]);
  });

  it("is not written where there is one, nor where there is anything else", async () => {
    const before = files();
    await expect(exportTenant(source, place, quiet)).rejects.toThrow(
      /holds a finished export\. Nothing was overwritten/,
    );
    expect(files()).toEqual(before);
    const used = join(folder, "used");
    mkdirSync(used, { mode: 0o700 });
    writeFileSync(join(used, "mine.txt"), "");
    await expect(exportTenant(source, used, quiet)).rejects.toThrow(
      /is not empty \(mine\.txt\)\. Nothing was overwritten/,
    );
    expect(readdirSync(used)).toEqual(["mine.txt"]);
  });

  it("whose unfinished parts somebody removed is not gone on with", async () => {
    const other = join(folder, "other");
    await expect(exportTenant(source, other, breaking("postgresql"), small)).rejects.toThrow("broken off");
    rmSync(join(other, "redis-00001.ndjson.gz.age"));
    await expect(exportTenant(source, other, quiet, small)).rejects.toThrow(
      /no longer holds what an interrupted export wrote there \(redis-00001.*remove .*export-snapbroken-\w+\.age/,
    );
    for (const name of journals()) rmSync(join(localDir, "snapshots", name));
  });
});

describe("a restore", () => {
  it("that was interrupted in one store after the other goes on, and all is there once", async () => {
    for (const store of ["minio", "redis"]) {
      await expect(restoreTenant(source, place, breaking(store, 3), { as: copy })).rejects.toThrow(
        `broken off in ${store}`,
      );
    }
    await restoreTenant(source, place, quiet, { as: copy });
    expect(await contents(copy)).toEqual(await contents(source));
    expect(journals()).toEqual([]);
  });

  it("into a tenant that holds data touches nothing", async () => {
    const before = await contents(copy);
    await expect(restoreTenant(source, place, quiet, { as: copy })).rejects.toThrow(
      /snapmended cannot take the export, and nothing was touched:\n.*it holds data \(13 objects, 6 tables, 302 points, 16 keys\)/,
    );
    expect(await contents(copy)).toEqual(before);
  });
});
