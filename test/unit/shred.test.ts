// A file that was shredded: its name is gone, and so is what stood in its blocks.
import { link, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { shred } from "../../providers/clients/shred.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "shred-"));
});
afterAll(() => rm(folder, { recursive: true }));

it("is overwritten before it is unlinked", async () => {
  const [file, same] = [join(folder, "key.age"), join(folder, "the same blocks")];
  const text = "AGE-SECRET-KEY-".repeat(10);
  await writeFile(file, text, { mode: 0o600 });
  await link(file, same);
  await shred(file);
  await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
  const left = await readFile(same);
  expect(left.length).toBe(text.length);
  expect(left.toString("latin1")).not.toContain("AGE-SECRET");
  await shred(file); // Absent is done.
});

it("is not what a link points to", async () => {
  const [file, to] = [join(folder, "link"), join(folder, "somebody's")];
  await writeFile(to, "kept");
  await symlink(to, file);
  await shred(file);
  await expect(readFile(file)).rejects.toMatchObject({ code: "ENOENT" });
  expect(await readFile(to, "utf8")).toBe("kept");
});
