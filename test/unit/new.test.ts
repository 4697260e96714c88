// tenant new: a tenant's file, from options or from answers, in a copy of the checkout that has no stores.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { freeNetwork } from "../../cli/onboarding/free-network.ts";
import { localDir } from "../../toolchain/paths.ts";
import { makeCheckout } from "../support/checkout.ts";

const folder = join(localDir, "test", "new");
const stackFile = (id: string): string => join(folder, "stacks", `Pulumi.${id}.yaml`);
const written = (id: string): string => readFileSync(stackFile(id), "utf8");
const others = `config:\n  tenant-storage:id: globex\n  tenant-storage:network: ["10.10.0.0/15"]\n`;

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param later what is typed only when that was said */
async function run(
  program: string,
  args: readonly string[],
  input: string,
  later?: { readonly said: string; readonly input: string },
): Promise<Ran> {
  return new Promise((done, fail) => {
    const { PATH } = process.env;
    const env = { PATH, TERM: "xterm", NO_COLOR: "1", TENANT_STORES_DIR: "/nowhere" };
    const child = spawn(program, args, { cwd: folder, env, stdio: ["pipe", "pipe", "pipe"] });
    let [stdout, stderr] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
    child.on("error", fail).on("close", (code) => done({ code, stdout, stderr }));
    child.stdin.write(input);
    if (later === undefined) child.stdin.end();
    else
      child.stdout.on(
        "data",
        () => stdout.includes(later.said) && child.stdin.writable && child.stdin.end(later.input),
      );
  });
}

const command = (...args: string[]): string[] => [
  "--disable-warning=ExperimentalWarning",
  "cli/tenant.ts",
  "new",
  ...args,
];
const create = (...args: string[]): Promise<Ran> => run(process.execPath, command(...args), "");
/** At a terminal, on which the answers are typed. */
const asked = (answers: string, args: readonly string[] = [], later?: Parameters<typeof run>[3]): Promise<Ran> => {
  const line = [process.execPath, ...command(...args)].map((word) => `'${word}'`).join(" ");
  return run("script", ["-qec", line, "/dev/null"], answers, later);
};

beforeAll(() => makeCheckout(folder));
beforeEach(() => {
  for (const id of ["initech", "acme"]) rmSync(stackFile(id), { force: true });
  writeFileSync(stackFile("globex"), others);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("writes a file that editors know, and says what is next", async () => {
  const { code, stdout, stderr } = await create(
    "initech",
    "--network",
    "10.14.0.0/16",
    "--set",
    "qdrantVectorSize=1024",
  );
  expect(code, stderr).toBe(0);
  expect(written("initech")).toBe(
    `# yaml-language-server: $schema=tenant.schema.json

config:
  tenant-storage:id: initech
  tenant-storage:network:
    - 10.14.0.0/16
  tenant-storage:qdrantVectorSize: 1024
`,
  );
  expect(existsSync(join(folder, "stacks", "tenant.schema.json"))).toBe(true);
  expect(stdout).toBe(`Written: stacks/Pulumi.initech.yaml\n\n${written("initech")}`);
  expect(stderr).toContain("The platform database was not asked");
  expect(stderr).toContain("npm run tenant -- provision initech\n");
});

it("--json is for programs", async () => {
  const { stdout } = await create("initech", "--octet", "14", "--set", "recipients=[]", "--json", "--quiet");
  expect(JSON.parse(stdout)).toEqual({
    tenant_id: "initech",
    file: "stacks/Pulumi.initech.yaml",
    networks: ["10.14.0.0/16"],
    platform_asked: false,
  });
  expect(written("initech")).toContain("tenant-storage:octet: 14\n  tenant-storage:recipients: []\n");
});

it("never overwrites a file", async () => {
  const { code, stderr } = await create("globex", "--octet", "14");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^tenant: stacks\/Pulumi\.globex\.yaml is there already\..*\nCode: file-exists /s);
  expect(written("globex")).toBe(others);
});

it("names every problem at once, and a network that is free; writes nothing", async () => {
  const { code, stderr } = await create(
    ...[
      "initech",
      "--network",
      "10.11.0.0/16",
      "--octet",
      "300",
      "--set",
      "bucketQuotta=5",
      "--set",
      "suspended=perhaps",
    ],
  );
  expect(code).toBe(1);
  for (const part of [
    "network: 10.11.0.0/16 overlaps 10.10.0.0/15 of stacks/Pulumi.globex.yaml",
    "octet: must be a whole number from 0 to 255",
    "bucketQuotta: no such setting. Did you mean bucketQuota?",
    "suspended: must be true or false",
    "Free: 10.12.0.0/16.",
  ])
    expect(stderr).toContain(part);
  expect(existsSync(stackFile("initech"))).toBe(false);
});

it("asks nobody where nobody is", async () => {
  const { code, stderr } = await create();
  expect(code).toBe(1);
  expect(stderr).toMatch(/- id: .*\n.*- network: is not set/s);
});

describe("at a terminal", () => {
  it("asks for what is missing and proposes a free network", async () => {
    const { code, stdout } = await asked("initech\n\nbucketQuota=5 suspended=false\n");
    expect(code, stdout).toBe(0);
    expect(stdout).toContain("Its networks [10.12.0.0/16]: ");
    expect(written("initech")).toContain(
      "tenant-storage:network:\n    - 10.12.0.0/16\n  tenant-storage:bucketQuota: 5\n  tenant-storage:suspended: false\n",
    );
  });

  it("asks again when an answer cannot be", async () => {
    const { code, stdout } = await asked("Acme\n10.10.0.0/16\n\nacme\n10.14.0.0/16\n\n");
    expect(code, stdout).toBe(0);
    expect(stdout).toMatch(/"Acme" is not a tenant id.*\n.*overlaps 10\.10\.0\.0\/15/s);
    expect(written("acme")).toContain("10.14.0.0/16");
  });

  it("asks for nothing that is given", async () => {
    const { stdout } = await asked("", ["initech", "--octet", "14"]);
    expect(stdout).not.toContain("Its networks");
    expect(existsSync(stackFile("initech"))).toBe(true);
  });

  it("Ctrl-D ends it, and nothing is written", async () => {
    const { code, stdout } = await asked("initech\n", [], { said: "Its networks", input: "\u0004" });
    expect(code).toBe(1);
    expect(stdout).toContain("Nothing was written.");
    expect(existsSync(stackFile("initech"))).toBe(false);
  });
});

describe("a free network", () => {
  it.each([
    ["nothing", [], "10.10.0.0/16"],
    ["others, small and large", ["10.10.0.0/16", "10.11.7.0/24", "10.12.0.0/15"], "10.14.0.0/16"],
    ["what is elsewhere, or no network", ["fd00::/8", "127.0.0.0/8", "nonsense"], "10.10.0.0/16"],
    ["large ones", ["10.0.0.0/9", "10.128.0.0/10"], "10.192.0.0/16"],
    ["all but the hosts' own", Array.from({ length: 246 }, (_, index) => `10.${index + 10}.0.0/16`), "10.0.0.0/16"],
    ["everything", ["10.0.0.0/8"], undefined],
  ])("beside %s", (_, taken, free) => {
    expect(freeNetwork(taken)).toBe(free);
  });
});
