// How the command line behaves, whatever it is asked for. No server is needed: none of this comes so far.
import { spawn } from "node:child_process";
import { describe, expect, it } from "vitest";
import { root } from "../../toolchain/paths.ts";

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ran> {
  return new Promise((done, fail) => {
    const { PATH } = process.env;
    const all = { PATH, TERM: "xterm-256color", TENANT_STORES_DIR: "/nowhere", ...env };
    const child = spawn(program, args, { cwd: root, env: all, stdio: ["ignore", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", fail).on("close", (code) => done({ code, stdout, stderr }));
  });
}

const node = (...args: string[]): string[] => ["--disable-warning=ExperimentalWarning", ...args];
const tenant = (...args: string[]): Promise<Ran> => run(process.execPath, node("cli/tenant.ts", ...args));
const lines = (code: string, env?: NodeJS.ProcessEnv): Promise<Ran> =>
  run(process.execPath, node("--input-type=module", "--eval", code), env);

describe("a mistyped command line", () => {
  it.each([
    ["a command", ["provison", "acme"], "(Did you mean provision?)"],
    ["an option", ["list", "--jsno"], "(Did you mean --json?)"],
    ["a choice", ["verify", "acme", "--expect", "gone"], "Allowed choices are active, suspended."],
    ["quiet and verbose at once", ["list", "--quiet", "--verbose"], "cannot be used with option"],
  ])("gets a suggestion: %s", async (_, args, help) => {
    const { code, stdout, stderr } = await tenant(...args);
    expect(code).toBe(1);
    expect(stdout).toBe("");
    expect(stderr).toContain(help);
    expect(stderr).toMatch(/\nCode: usage \(docs\/errors\.md\)\n$/);
  });

  it("is told to programs too", async () => {
    const { code, stdout } = await tenant("list", "--json", "--al");
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: "usage" } });
  });
});

it("--version prints the version and nothing else", async () => {
  expect(await tenant("--version")).toMatchObject({ code: 0, stderr: "" });
  expect((await tenant("--version")).stdout).toMatch(/^tenant-storage \d+\.\d+\.\d+\n$/);
});

it("an error that nothing catches has no stack trace", async () => {
  const code = `const { catchTheRest } = await import("./cli/manners.ts"); catchTheRest("tenant"); setTimeout(() => { throw new Error("late") });`;
  const { code: exit, stderr } = await lines(code);
  expect(exit).toBe(1);
  expect(stderr).toBe("tenant: late\nCode: internal (docs/errors.md)\n");
});

describe("--quiet", () => {
  const begin = (verbosity: string) => `
    const { setVerbosity, note, say } = await import("./cli/output.ts"); setVerbosity("${verbosity}");
    const { beginProgress } = await import("./cli/progress.ts"); const { showError } = await import("./cli/errors.ts");
    const progress = await beginProgress("Working"); progress.news("step"); progress.end();
    note("for your information"); say("data"); showError("tenant", new Error("wrong"), { debug: false });`;

  it("leaves data and errors", async () => {
    const { stdout, stderr } = await lines(begin("quiet"));
    expect(stdout).toBe("data\n");
    expect(stderr).toBe("tenant: wrong\nCode: internal (docs/errors.md)\n");
  });

  it("without it, the rest is said too", async () => {
    const { stderr } = await lines(begin("normal"));
    expect(stderr).toMatch(/^Working\n {2}step\nfor your information\ntenant: wrong\n/);
  });

  it("--verbose says how long it took", async () => {
    const { stderr } = await lines(begin("verbose"));
    expect(stderr).toMatch(/^Working\n {2}step \(at \d+\.\d s\)\nWorking: ended after \d+\.\d s\n/);
  });

  it("is an option of every command", async () => {
    const { code, stderr } = await tenant("list", "--quiet");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^tenant: /);
  });
});

describe("--verbose", () => {
  it("names the servers, without credentials", async () => {
    const { stderr } = await run(process.execPath, node("cli/tenant.ts", "list", "--verbose"), {
      PGHOST: "db.invalid",
      PGPASSWORD: "not-for-your-eyes",
      REDIS_URL: "redis://admin:not-for-your-eyes@cache.invalid:6379",
    });
    expect(stderr).toContain("+ PostgreSQL: db.invalid:5432\n");
    expect(stderr).toContain("+ Redis: redis://admin:[secret]@cache.invalid:6379\n");
    expect(stderr).not.toContain("not-for-your-eyes");
  });

  it("names every program that is run and how long it took, without secrets", async () => {
    const password = "Aa1".repeat(14) + "Aa";
    const { stderr } = await lines(`
      const { showPrograms } = await import("./cli/verbose.ts"); showPrograms();
      const { execFileSync, execFile } = await import("node:child_process");
      execFile("sh", ["-c", "exit 3", "${password}"]);`);
    expect(stderr).toMatch(/^\+ sh -c "exit 3" \[secret\]\n\+ sh ended with 3 after \d+\.\d s\n$/);
  });
});

describe("NO_COLOR", () => {
  // On a terminal: elsewhere nothing has colours anyway.
  const drawn = (env: NodeJS.ProcessEnv) => {
    const code = `
      const { beginProgress } = await import("./cli/progress.ts"); const { runSteps } = await import("./toolchain/steps.ts");
      const progress = await beginProgress("Working"); await new Promise((done) => setTimeout(done, 300)); progress.end();
      await runSteps([{ title: "Step", done: () => false, run: async () => {} }]);
      await runSteps([{ title: "Step", done: () => false, run: async () => { throw 1; } }]).catch(() => {});`;
    const command = [process.execPath, ...node("--input-type=module", "--eval", code)].map(
      (word) => `'${word.replaceAll("'", "'\\''")}'`,
    );
    return run("script", ["-qec", `stty cols 100; ${command.join(" ")}`, "/dev/null"], env);
  };
  const colour = /\x1b\[(?:3|9)\dm/;

  it("is honoured by everything that draws", async () => {
    const { stdout } = await drawn({ NO_COLOR: "1" });
    expect(stdout).toContain("Working");
    expect(stdout).toContain("✔ Step");
    expect(stdout).toContain("✖ Step");
    expect(stdout).not.toMatch(colour);
  });

  it("without it, there are colours", async () => {
    expect((await drawn({})).stdout).toMatch(colour);
  });
});
