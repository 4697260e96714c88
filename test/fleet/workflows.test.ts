// The workflows are what GitHub understands, run nobody's credentials for a stranger, and call commands that are there.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, it } from "vitest";
import { parse } from "yaml";
import { workflowSteps } from "../../toolchain/install.ts";
import { binDir, root } from "../../toolchain/paths.ts";
import { runSteps } from "../../toolchain/steps.ts";

interface Workflow {
  readonly on: Readonly<Record<string, unknown>>;
  readonly permissions?: Readonly<Record<string, string>>;
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly if?: string;
        readonly environment?: string;
        readonly steps: readonly { readonly run?: string; readonly uses?: string }[];
      }
    >
  >;
}
const folder = join(root, ".github/workflows");
const names = readdirSync(folder);
const text = (name: string): string => readFileSync(join(folder, name), "utf8");

beforeAll(() => runSteps(workflowSteps()));

it.each(names)("%s passes actionlint", (name) => {
  const run = () =>
    execFileSync(join(binDir, "actionlint"), ["-no-color", join(folder, name)], {
      cwd: root,
      encoding: "utf8",
      stdio: "pipe",
    });
  expect(run()).toBe("");
});

it.each(names)("%s says what its token may do, and lets nobody from outside near a secret", (name) => {
  const { on, permissions, jobs } = parse(text(name)) as Workflow;
  expect(permissions?.["contents"]).toBe("read");
  expect(on).not.toHaveProperty("pull_request_target");
  for (const job of Object.values(jobs)) {
    if (!JSON.stringify(job).includes("secrets.")) continue;
    expect(job.environment).toBeDefined();
    if ("pull_request" in on) expect(job.if).toBe("github.event.pull_request.head.repo.full_name == github.repository");
  }
  // What others write (a branch's name, a title) is in no script.
  const scripts = Object.values(jobs).flatMap(({ steps }) => steps.map(({ run = "" }) => run));
  expect(scripts.filter((script) => script.includes("${{"))).toEqual([]);
});

it("every npm script that a workflow runs is there", () => {
  const { scripts } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as {
    scripts: Record<string, string>;
  };
  const called = names.flatMap((name) =>
    [...text(name).matchAll(/npm run (?:-s )?([\w-]+)/g)].map(([, script = ""]) => script),
  );
  expect(called.length).toBeGreaterThan(1);
  expect(called.filter((script) => !(script in scripts))).toEqual([]);
});
