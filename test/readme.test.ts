// What README.md says, typed as it says it, in a copy of the checkout with stores of its own.
import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { resetStores } from "../local/lifecycle.ts";
import { localDir, root, toolchainDir } from "../toolchain/paths.ts";
import { testOffset, testPorts } from "./support/ports.ts";
import { testTls } from "./support/tls.ts";

const copy = join(localDir, "test", "readme");
const stores = { dir: join(copy, ".local", "stores"), ports: testPorts(6000) };
const notCopied = [".git", ".local", ".secrets", "node_modules"];

async function readme(): Promise<string> {
  return readFile(join(root, "README.md"), "utf8");
}

/** The commands of the blocks marked `sh`, in order. */
async function commands(): Promise<string[]> {
  return [...(await readme()).matchAll(/^```sh\n(.*?)^```/gms)].map((match) => match[1] ?? "");
}

async function bash(script: string): Promise<{ code: number; output: string }> {
  const env: NodeJS.ProcessEnv = {
    HOME: join(copy, ".local"),
    PATH: process.env["PATH"],
    TENANT_TOOLCHAIN_DIR: toolchainDir,
    TENANT_STORES_PORT_OFFSET: String(testOffset(6000)),
    NO_COLOR: "1",
  };
  return new Promise((done) => {
    execFile("bash", ["-euc", script], { cwd: copy, env, maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      done({ code: error === null ? 0 : 1, output: `${stdout}\n${stderr}` });
    });
  });
}

async function removeCopy(): Promise<void> {
  await resetStores(stores);
  await rm(copy, { recursive: true, force: true });
}

beforeAll(async () => {
  await removeCopy();
  await mkdir(copy, { recursive: true });
  const filter = (source: string) => !/Pulumi\..+\.yaml$/.test(source);
  const parts = (await readdir(root)).filter((part) => !notCopied.includes(part));
  for (const part of parts) await cp(join(root, part), join(copy, part), { recursive: true, filter });
  await symlink(join(root, "node_modules"), join(copy, "node_modules"));
});
afterAll(removeCopy);

it("its two commands are the demo and what CI runs", async () => {
  const [demo, test] = await commands();
  expect(demo).toBe("npm run demo\n");
  expect(test).toBe("npm test\n");
  expect(await readFile(join(root, ".ci/run"), "utf8")).toContain("exec npm test");
});

it("its other commands work one after the other, and print what it shows", async () => {
  const blocks = (await commands()).filter((block) => block !== "npm test\n");
  const script = [...(testTls() ? ["npm run stores -- start --tls\n"] : []), ...blocks].join("");
  const { code, output } = await bash(script);
  expect(code, output).toBe(0);
  for (const [line] of (await readme()).matchAll(/^Tenant \w+ is isolated: .*$/gm)) expect(output).toContain(line);
  expect(output).toContain("Tenant initech is gone");
}, 300_000);

it("its guards work for applications", async () => {
  const { getCollectionName, verifyTenantAccess } = await import("../components/qdrant-guards.ts");
  verifyTenantAccess("acme", getCollectionName("acme"));
  expect(() => verifyTenantAccess("acme", "tenant_globex")).toThrow(/cannot access tenant_globex/);
});
