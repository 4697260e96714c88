// `npm run bench`: what the program costs beside the plan as a shell runbook (the yardstick) and beside an empty Pulumi
// program (the floor), in one run on the same stores. Three runs each, the median counts. Prints ratios, asserts nothing.
import Table from "cli-table3";
import { Command as Cli } from "commander";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { environment } from "../local/environment.ts";
import { stopStores } from "../local/lifecycle.ts";
import { portsAt } from "../local/settings.ts";
import { storesSteps } from "../local/steps.ts";
import { runSteps } from "../toolchain/steps.ts";
import { benchSteps, toolchainSteps } from "../toolchain/install.ts";
import { binDir, localDir, root, toolchainDir } from "../toolchain/paths.ts";
import { makeCheckout } from "../test/support/checkout.ts";
import { writeEmptyProgram } from "./empty-program.ts";
import { median, seconds, type Command } from "./measure.ts";

const options = new Cli("npm run bench --")
  .description("Times the program beside the plan's shell runbook and an empty Pulumi program, and prints ratios.")
  .option("--json", "print one JSON object")
  .option("--runs <n>", "measurements of each kind; the median counts", "3")
  .parse()
  .opts<{ json?: true; runs: string }>();
const runs = Number(options.runs);

const folder = join(localDir, "bench");
const say = (text: string): void => void process.stderr.write(`${text}\n`);

await runSteps([...toolchainSteps(), ...benchSteps()]);
mkdirSync(folder, { recursive: true });
const runbookDir = join(folder, "runbook");
Object.assign(process.env, {
  TENANT_TOOLCHAIN_DIR: toolchainDir,
  TENANT_STORES_DIR: join(folder, "stores"),
  TENANT_STORES_PORT_OFFSET: "2000",
  TENANT_SECRETS_DIR: join(folder, "secrets"),
  RUNBOOK_DIR: runbookDir,
  PATH: [binDir, process.env["PATH"]].join(delimiter),
});
const stores = { dir: join(folder, "stores"), ports: portsAt(2000) };
await runSteps(storesSteps(stores));
Object.assign(process.env, environment(stores));

const checkout = await makeCheckout(join(folder, "checkout"));
const empty = join(folder, "empty");
writeEmptyProgram(empty);

const pulumi = (cwd: string, ...args: string[]): Command => ({
  program: "pulumi",
  args: [...args, "--non-interactive"],
  cwd,
});
const runbook = (...args: string[]): Command => ({ program: join(root, "bench/runbook.sh"), args, cwd: folder });

/** Runs `command(i)` for each run and returns the median in seconds. */
async function timed(title: string, command: (index: number) => Command): Promise<number> {
  const found: number[] = [];
  for (let index = 0; index < runs; index += 1) found.push(await seconds(command(index)));
  say(`${title}: ${found.map((value) => value.toFixed(2)).join(" ")} s`);
  return median(found);
}

/** A stack that may be left from an interrupted run. */
async function freshStack(cwd: string, stack: string, config: string): Promise<void> {
  const env = { TENANT_CONFIRM_DESTROY: stack };
  await seconds({ ...pulumi(cwd, "destroy", "--stack", stack, "--yes"), env }).catch(() => 0);
  await seconds(pulumi(cwd, "stack", "rm", stack, "--yes", "--force")).catch(() => 0);
  if (config !== "") writeFileSync(join(cwd, "stacks", `Pulumi.${stack}.yaml`), config);
  await seconds(pulumi(cwd, "stack", "init", stack));
}

try {
  say("Preparing the platform …");
  writeFileSync(join(checkout, "stacks/Pulumi.platform.yaml"), "config: {}\n");
  await seconds(pulumi(checkout, "stack", "init", "platform")).catch(() => 0);
  await seconds(pulumi(checkout, "up", "--stack", "platform", "--yes", "--skip-preview"));
  await freshStack(empty, "empty", "");

  const floor = await timed("empty program, up", () =>
    pulumi(empty, "up", "--stack", "empty", "--yes", "--skip-preview"),
  );
  const floorPreview = await timed("empty program, preview", () => pulumi(empty, "preview", "--stack", "empty"));

  const book = (index: number): string => `book${index}`;
  for (let index = 0; index < runs; index += 1) await seconds(runbook("deprovision", book(index))).catch(() => 0);
  const bookProvision = await timed("runbook, provision", (index) => runbook("provision", book(index)));
  const bookVerify = await timed("runbook, verify", (index) => runbook("verify", book(index)));
  const bookDeprovision = await timed("runbook, deprovision", (index) => runbook("deprovision", book(index)));

  const tenant = (index: number): string => `bench${index}`;
  for (let index = 0; index < runs; index += 1) {
    const config = `config:\n  tenant-storage:id: ${tenant(index)}\n  tenant-storage:network: [10.${index}.0.0/16]\n`;
    await freshStack(checkout, tenant(index), config);
  }
  const quick = ["--yes", "--skip-preview"];
  const up = await timed("new tenant, up", (index) => pulumi(checkout, "up", "--stack", tenant(index), ...quick));
  const again = await timed("unchanged, up", (index) => pulumi(checkout, "up", "--stack", tenant(index), ...quick));
  const preview = await timed("unchanged, preview", (index) => pulumi(checkout, "preview", "--stack", tenant(index)));
  const destroy = await timed("destroy", (index) => pulumi(checkout, "destroy", "--stack", tenant(index), ...quick));
  for (let index = 0; index < runs; index += 1) await seconds(pulumi(checkout, "stack", "rm", tenant(index), "--yes"));

  const rows = [
    {
      what: "new tenant with verification",
      seconds: up,
      beside: "runbook provision + verify",
      base: bookProvision + bookVerify,
      target: 3,
    },
    { what: "unchanged up", seconds: again, beside: "empty program up", base: floor, target: 2 },
    { what: "unchanged preview", seconds: preview, beside: "empty program preview", base: floorPreview, target: 2 },
    { what: "destroy", seconds: destroy, beside: "runbook deprovision", base: bookDeprovision },
  ].map((row) => ({ ...row, ratio: row.seconds / row.base }));

  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ runs, rows }, undefined, 2)}\n`);
  } else {
    const table = new Table({ head: ["what", "s", "beside", "s", "ratio", "target"], style: { head: [], border: [] } });
    for (const row of rows) {
      const target = row.target === undefined ? "" : `at most ${row.target}`;
      table.push([row.what, row.seconds.toFixed(2), row.beside, row.base.toFixed(2), row.ratio.toFixed(2), target]);
    }
    process.stdout.write(`${table.toString()}\n`);
  }
} finally {
  await stopStores(stores);
  rmSync(runbookDir, { recursive: true, force: true });
}
