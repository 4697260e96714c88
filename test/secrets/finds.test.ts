// The scan can fail: a secret that is planted in each kind of place is found there, by name and never by value.
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { checkout } from "../support/pulumi.ts";
import { observe } from "../support/observer.ts";
import { SecretScan } from "../support/secret-scan.ts";
import { redisMemory, tablesOf, watchStatements } from "../support/server-traces.ts";

// Made anew by each run: in no file of this repository, so that only what is planted is found.
const value = createHash("sha256").update(`planted ${Date.now()}`).digest("base64url");
const name = "password of planted";
const scan = new SecretScan([{ name, value }]);
const found = (form = "as it is") => expect.objectContaining({ secret: name, form }) as unknown;

let folder = "";
beforeEach(() => (folder = mkdtempSync(join(checkout(), "..", "planted-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));
const plant = (file: string, content: string | Buffer) => {
  writeFileSync(join(folder, file), content);
  return join(folder, file);
};

describe("in a file", () => {
  it.each<[form: string, content: string]>([
    ["as it is", `password=${value}`],
    ["base64", Buffer.from(value).toString("base64")],
    ["base64 inside something", Buffer.from(`user:${value}!`).toString("base64").slice(2)],
    ["base64 inside something else", Buffer.from(`admin:${value}`).toString("base64url")],
    ["hex", Buffer.from(value).toString("hex")],
    ["HEX", Buffer.from(value).toString("hex").toUpperCase()],
    ["SHA-256", createHash("sha256").update(value).digest("hex")],
    ["UTF-16", Buffer.from(value, "utf16le").toString("latin1")],
  ])("%s", (form, content) => {
    const file = plant("log", Buffer.from(`before ${content} after`, "latin1"));
    const [first, ...others] = scan.inFile(file);
    expect({ ...first, form: first?.form.replace(/ inside.*/, "") }).toEqual({
      place: file,
      secret: name,
      form: form.replace(/ inside.*/, ""),
    });
    expect(others).toEqual([]);
    expect(JSON.stringify(first)).not.toContain(value.slice(0, 12));
  });

  it("in the forms of a URL and of JSON, where they differ", () => {
    const awkward = { name, value: 'a"b\\c/d e?f&g=h+i"j' };
    const one = new SecretScan([awkward]);
    expect(one.in("a log", `password=${encodeURIComponent(awkward.value)}&x`)).toEqual([found("URL-encoded")]);
    expect(one.in("a log", JSON.stringify({ x: awkward.value }))).toEqual([found("in JSON")]);
  });

  it("that was cut off, at any place of a large file, in a file's name, in a compressed one and one that was cut off too", () => {
    expect(scan.in("a log", `…${value.slice(0, 16)}`)).toEqual([found()]);
    for (const before of [0, 1, (1 << 20) - 20, (1 << 20) - 1, 1 << 20, (3 << 20) + 7]) {
      expect(scan.inFile(plant("large", `${" ".repeat(before)}${value}`)), String(before)).toEqual([found()]);
    }
    expect(scan.inFile(plant(`session-${value}`, ""))).toEqual([found()]);
    const packed = gzipSync(`before ${value} ${"x".repeat(100)}`);
    expect(scan.inFile(plant("log.gz", packed))).toEqual([found()]);
    expect(scan.inFile(plant("log.gz", packed.subarray(0, -12)))).toEqual([found()]);
    expect(scan.inFile(plant("no.gz", Buffer.from("1f8b0000", "hex")))).toEqual([]);
  });

  it("at any depth, and not where it is skipped or a link", () => {
    mkdirSync(join(folder, "one/two"), { recursive: true });
    plant("one/two/log", value);
    symlinkSync(join(folder, "one"), join(folder, "link"));
    expect(scan.inFolder(folder).map(({ place }) => place)).toEqual([join(folder, "one/two/log")]);
    expect(scan.inFolder(folder, (path) => path.endsWith("two"))).toEqual([]);
    expect(scan.inFolder(join(folder, "nothing"))).toEqual([]);
  });
});

it("several secrets at once are told apart, and nothing else is found", () => {
  const secrets = Array.from({ length: 50 }, (_, index) => ({
    name: `secret ${index}`,
    value: createHash("sha256").update(`${index}${value}`).digest("base64url"),
  }));
  const many = new SecretScan(secrets);
  for (const secret of secrets) {
    expect(many.in("a log", `${value}${secret.value}${value}`)).toEqual([
      { place: "a log", secret: secret.name, form: "as it is" },
    ]);
  }
  expect(many.in("a log", value.repeat(1000))).toEqual([]);
  expect(() => new SecretScan([{ name: "pin", value: "123456" }])).toThrow("pin is too short to look for");
});

describe("in what is gone when a command has ended", () => {
  it("its arguments, its environment, and the temporary file it removed", async () => {
    const [temporary, keep] = [join(folder, "temporary"), join(folder, "keep")];
    const observer = await observe(temporary, keep);
    // It goes on until the file has its second name, as a command that does some work.
    mkdirSync(join(temporary, "inside"));
    const code = `const { rmSync, writeFileSync } = require("node:fs");
      writeFileSync(process.env.FILE, process.env.PASSWORD);
      process.stdin.once("data", () => { rmSync(process.env.FILE); process.exit(); });`;
    const child = spawn(process.execPath, ["-e", code, "--", `--password=${value}`], {
      env: { FILE: join(temporary, "inside", "note"), PASSWORD: value },
      stdio: ["pipe", "ignore", "inherit"],
    });
    while (readdirSync(keep).length === 0 && child.exitCode === null) await setTimeout(5);
    await observer.look();
    child.stdin.write("enough\n");
    await once(child, "exit");
    expect(readdirSync(join(temporary, "inside"))).toEqual([]);
    const { commandLines, environments } = await observer.end();
    expect(scan.in("arguments", commandLines.join("\n"))).toEqual([found()]);
    expect(scan.in("environments", environments.join("\n"))).toEqual([found()]);
    expect(scan.inFolder(keep)).toEqual([found()]);
  });
});

describe("in what a server tells", () => {
  it("a row of a table, and a statement", async () => {
    const database = `planted_${Date.now().toString(36)}`;
    const watch = await watchStatements();
    await withAdmin((client) => client.query(`CREATE DATABASE ${database} TEMPLATE template0`));
    try {
      await withAdmin(async (client) => {
        await client.query("CREATE TABLE public.notes (id int, note jsonb)");
        await client.query("INSERT INTO public.notes VALUES (1, $1)", [JSON.stringify({ inside: [value] })]);
        await client.query(`SELECT '${value}', pg_sleep(0.2)`);
      }, database);
      expect([...(await tablesOf(database))].flatMap(([table, rows]) => scan.in(table, rows))).toEqual([
        { place: `${database} public.notes`, secret: name, form: "as it is" },
      ]);
    } finally {
      await withAdmin((client) => client.query(`DROP DATABASE ${database}`));
    }
    expect(scan.in("statements", await watch.end())).toEqual([found()]);
  });

  it("a client's name in Redis", async () => {
    await withRedis(servers(), async (client) => {
      await client.call("CLIENT", "SETNAME", value);
      expect(scan.in("redis", await redisMemory())).toEqual([found()]);
    });
    expect(scan.in("redis", await redisMemory())).toEqual([]);
  });
});
