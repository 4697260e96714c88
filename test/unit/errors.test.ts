// Every error has a code, every code is explained, and both are in docs/errors.md.
import { execFile } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { generated, textOf } from "../../cli/generated.ts";
import { codeOf, errorOutput, Problem } from "../../cli/errors.ts";
import { errorCodes } from "../../errors/codes.ts";
import { root } from "../../toolchain/paths.ts";

const node = process.execPath;

async function run(file: string, ...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    const env = { PATH: process.env["PATH"], TENANT_STORES_DIR: "/nowhere" };
    execFile(
      node,
      ["--disable-warning=ExperimentalWarning", file, ...args],
      { cwd: root, env },
      (error, stdout, stderr) => done({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });
}

it.each(generated)("$file is what npm run docs writes", ({ file, text }) => {
  expect(textOf(file)).toBe(text(textOf(file)));
});

it("codes are short words, and every one of them is used", () => {
  const folders = ["cli", "errors", "gateway", "local", "policy", "providers", "stacks", "toolchain"];
  const sources = folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((file) => join(folder, file)),
    )
    .filter((file) => file.endsWith(".ts") && file !== "errors/codes.ts");
  const text = sources.map((file) => readFileSync(join(root, file), "utf8")).join("\n");
  const codes = Object.keys(errorCodes);
  expect(codes.filter((code) => !/^[a-z]+(-[a-z]+){0,2}$/.test(code))).toEqual([]);
  expect(codes.filter((code) => !text.includes(`"${code}"`))).toEqual([]);
});

describe("an error's code is", () => {
  const system = (code: string) => Object.assign(new Error("said by the system"), { code });
  it.each([
    ["its own", new Problem("lock-held", "text", { cause: system("ENOSPC") }), "lock-held"],
    ["that of its cause", new Error("text", { cause: new Problem("holds-data", "text") }), "holds-data"],
    [
      "that of one of several causes",
      new AggregateError([new Error("one"), system("ENOTFOUND")]),
      "server-unreachable",
    ],
    ["the system's, translated", new Error("text", { cause: system("ECONNREFUSED") }), "server-unreachable"],
    ["a server's, translated", system("28P01"), "server-refused"],
    ["a full disk's", system("ENOSPC"), "disk-full"],
    ["internal, of what nobody expects", new TypeError("x is not a function"), "internal"],
    ["internal, of what is no error", "text", "internal"],
  ])("%s", (_, error, code) => {
    expect(codeOf(error)).toBe(code);
  });

  it("found in a circle of causes", () => {
    const error = new Error("text");
    error.cause = error;
    expect(codeOf(error)).toBe("internal");
  });
});

it("options behind -- are another program's", () => {
  expect(errorOutput(["exec", "acme", "--", "psql", "--json", "--debug"])).toEqual({ debug: false, json: false });
  expect(errorOutput(["list", "--json"])).toEqual({ debug: false, json: true });
});

describe("on the command line", () => {
  it("the code is the last line, and no stack trace is shown", async () => {
    const { code, stdout, stderr } = await run("cli/tenant.ts", "provision", "Acme");
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toMatch(
      /^tenant: The tenant cannot be provisioned.*\nCode: settings-invalid \(docs\/errors\.md\)\n$/s,
    );
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it("--json has it for programs", async () => {
    const { code, stdout, stderr } = await run("cli/tenant.ts", "provision", "Acme", "--json");
    expect(code).toBe(1);
    const { error } = JSON.parse(stdout) as { error: { code: string; message: string } };
    expect(error.code).toBe("settings-invalid");
    expect(stderr).toBe(`tenant: ${error.message}\nCode: settings-invalid (docs/errors.md)\n`);
  });

  it("--debug shows where it came from", async () => {
    expect((await run("cli/tenant.ts", "provision", "Acme", "--debug")).stderr).toMatch(/\n\s+at /);
  });

  it.each([
    ["cli/tenant.ts", ["preview", "nosuchstack"], "tenant-unknown"],
    ["local/env.ts", [], "setup-failed"],
    ["gateway/print.ts", ["--qdrant", "a:1", "--qdrant-grpc", "a:2", "--key", "/k"], "usage"],
  ])("%s has codes too", async (file, args, code) => {
    const ran = await run(file, ...args);
    expect(ran.code).toBe(1);
    expect(ran.stderr.trimEnd().split("\n").at(-1)).toBe(`Code: ${code} (docs/errors.md)`);
  });
});
