// How Node.js loads Pulumi's SDK for the program, the dynamic providers and the commands.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { nodeOptions } from "../../cli/node-options.ts";
import { root } from "../../toolchain/paths.ts";
import { run } from "../support/pulumi.ts";

/** What a script prints that is run in a folder with these options of Node.js. */
async function printedBy(script: string, options: string, folder = root): Promise<unknown> {
  const { code, stdout, stderr } = await run(process.execPath, ["--eval", script], { NODE_OPTIONS: options }, folder);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return JSON.parse(stdout);
}

const packages = ["typescript", "@npmcli/arborist", "normalize-package-data", "source-map"];
const needless = [...packages.map((name) => `node_modules/${name}/`), "closure/v8Hooks.js"];
// The process of the dynamic providers, whose argument is the engine's address; it is at its end before it would listen.
const loaded = `
  process.argv.push("--eval", "127.0.0.1:1");
  require("@pulumi/pulumi/cmd/dynamic-provider/index.js");
  require("@pulumi/pulumi/runtime/closure/v8.js");
  const files = Object.keys(require.cache);
  process.stdout.write(JSON.stringify(${JSON.stringify(needless)}.filter((one) => files.some((file) => file.includes(one)))));
  process.exit();`;

it.each([
  ["the checkout's shell", nodeOptions("")],
  ["Pulumi.yaml", "--import=#sdk"],
])("without what only serialises closures: %s", async (_, options) => {
  expect(await printedBy(loaded, "")).toEqual(needless);
  expect(await printedBy(loaded, options)).toEqual([]);
});

it("all of it by a Node.js that takes no TypeScript", async () => {
  expect(await printedBy(loaded, `${nodeOptions("")} --no-strip-types`)).toEqual(needless);
});

it("another program's SDK as it is", async () => {
  const folder = mkdtempSync(join(tmpdir(), "sdk-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const write = (name: string, text: string): void => {
    mkdirSync(join(folder, "node_modules", name), { recursive: true });
    writeFileSync(join(folder, "node_modules", name, "index.js"), text);
  };
  write("typescript", "module.exports = 'its compiler';");
  write("@pulumi/pulumi", "module.exports = require('typescript');");
  const script = 'process.stdout.write(JSON.stringify(require("@pulumi/pulumi")))';
  expect(await printedBy(script, nodeOptions(""), folder)).toBe("its compiler");
});

it("once, beside what the operator has set", () => {
  const options = nodeOptions("--max-old-space-size=4096");
  expect(options).toMatch(/^--max-old-space-size=4096 --import=file:\S+\/cli\/sdk-preload\.mjs$/);
  expect(nodeOptions(options)).toBe(options);
});
