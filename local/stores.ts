// npm run stores -- start|stop|status|reset: the local MinIO, PostgreSQL, Qdrant and Redis.
import { createInterface } from "node:readline/promises";
import { relative } from "node:path";
import { Argument, Command, Option } from "commander";
import { errorOutput, showError } from "../cli/errors.ts";
import { withManners } from "../cli/manners.ts";
import { Problem } from "../errors/problem.ts";
import { runSteps } from "../toolchain/steps.ts";
import { writeComposeEnv } from "./compose.ts";
import {
  allReady,
  resetPaths,
  resetStores,
  startStores,
  statusStores,
  stopStores,
  type StoreStatus,
} from "./lifecycle.ts";
import { clusterNames, settingsOf, type StoreName, type StoresOptions } from "./settings.ts";
import { installSteps, storesSteps } from "./steps.ts";
import { authorityFile } from "./tls.ts";

interface Common {
  readonly cluster?: true;
  readonly json?: true;
}

const which = new Argument("[store...]", "only these").choices(clusterNames);
const cluster = new Option("--cluster", "the set in which each is several servers, beside the other set");
const program = withManners(new Command("npm run stores --"))
  .description("The local MinIO, PostgreSQL, Qdrant and Redis: real servers, on the loopback address only.")
  .helpCommand(false)
  .addHelpText(
    "after",
    `
Variables:
  TENANT_STORES_DIR          their folder (default .local/stores)
  TENANT_CLUSTER_DIR         the folder of those with --cluster (default .local/cluster)
  TENANT_STORES_PORT_OFFSET  added to every port, to run a second set beside the first (default 0)

Then: eval "$(npm run -s env)", or for those with --cluster: eval "$(npm run -s env -- --cluster)"`,
  );

program
  .command("start")
  .description("start what does not run, installing what is missing; safe to repeat")
  .addArgument(which)
  .addOption(cluster)
  .option("--tls", "from now on with TLS only: a private authority and certificates are made, what runs is restarted")
  .option("--no-tls", "from now on without TLS")
  .option("--json", "print the state of the stores as JSON")
  .action(async (names: StoreName[], { cluster, json, tls }: Common & { readonly tls?: boolean }) => {
    const options = { ...these(names, cluster), ...(tls !== undefined && { tls }) };
    const wasRunning = await allReady(options);
    if (!wasRunning) await runSteps(json ? [...installSteps(options), quietStart(options)] : storesSteps(options));
    await show(await statusStores(options), json);
    if (!json)
      say(
        wasRunning
          ? "\nThey were already running."
          : `\nPoint this shell at them: eval "$(npm run -s env${cluster ? " -- --cluster" : ""})"`,
      );
  });

program
  .command("stop")
  .description("stop them; the data stay")
  .addArgument(which)
  .addOption(cluster)
  .option("--json", "print what was stopped as JSON")
  .action(async (names: StoreName[], { cluster, json }: Common) => {
    const stopped = await stopStores({ ...these(names, cluster), say: note });
    if (json) return print(stopped);
    for (const { title, by } of stopped) {
      say(
        `${title}: ${by === undefined ? "was not running" : by === "SIGKILL" ? "killed, it did not end by itself" : "stopped"}`,
      );
    }
  });

program
  .command("status")
  .description("show them; the exit code is 0 when all are ready, else 3")
  .addArgument(which)
  .addOption(cluster)
  .option("--json", "print JSON")
  .action(async (names: StoreName[], { cluster, json }: Common) => {
    const states = await statusStores(these(names, cluster));
    await show(states, json);
    if (!states.every(({ ready }) => ready)) process.exitCode = 3;
  });

program
  .command("reset")
  .description("stop them and delete their data, credentials and Pulumi state")
  .addOption(cluster)
  .option("--yes", "do not ask")
  .option("--json", "print what was deleted as JSON")
  .action(async ({ cluster, yes, json }: Common & { readonly yes?: true }) => {
    const options = these([], cluster);
    const paths = resetPaths(options);
    if (paths.length === 0) return json ? print([]) : say(`Nothing to delete in ${settingsOf(options).dir}.`);
    note(`This stops the stores and deletes:\n${paths.map((path) => `  ${path}`).join("\n")}`);
    if (!yes && !(await confirmed()))
      throw new Problem("usage", "nothing was deleted: to delete without being asked: npm run stores -- reset --yes");
    const deleted = await resetStores({ ...options, say: note });
    if (json) print(deleted);
    else say("Deleted. Kept: Pulumi's passphrase, and the tenants' age keys and SOPS files (.secrets/tenants).");
  });

program
  .command("env-file")
  .description("write .local/stores/compose.env, the credentials for local/compose.yaml (for those who have Docker)")
  .action(() => say(writeComposeEnv()));

function these(names: readonly StoreName[], cluster: true | undefined): StoresOptions {
  return { ...(cluster && { cluster }), ...(names.length > 0 && { only: [...new Set(names)] }) };
}

// With --json the table of steps stays out of the way, installations still show.
function quietStart(options: StoresOptions): ReturnType<typeof storesSteps>[number] {
  return {
    title: "Start the stores",
    done: () => allReady(options),
    run: async () => void (await startStores(options)),
  };
}

async function show(states: readonly StoreStatus[], json: true | undefined): Promise<void> {
  if (json) return print(states);
  const { default: Table } = await import("cli-table3");
  const table = new Table({
    head: ["Store", "State", "PID", "Port", "URL", "Data", "Version"],
    style: { head: [], border: [], compact: true },
  });
  for (const { title, running, ready, pid, port, url, folder, version } of states) {
    const state = ready ? "ready" : running ? "not answering" : "stopped";
    table.push([title, state, pid ?? "", port, url, shortest(folder), version ?? ""]);
  }
  say(table.toString());
  // Whole: other programs are told it.
  if (states.some(({ tls }) => tls)) say(`TLS only; their authority: ${authorityFile(settingsOf().dir)}`);
}

function shortest(path: string): string {
  const fromHere = relative(process.cwd(), path);
  return fromHere.length < path.length ? fromHere : path;
}

async function confirmed(): Promise<boolean> {
  if (!process.stdin.isTTY) return false;
  const questions = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return (await questions.question("Type yes to go on: ")).trim().toLowerCase() === "yes";
  } finally {
    questions.close();
  }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

function note(line: string): void {
  process.stderr.write(`${line}\n`);
}

function print(value: unknown): void {
  say(JSON.stringify(value, null, 2));
}

try {
  await program.parseAsync();
} catch (error) {
  showError("stores", error, errorOutput(process.argv));
  process.exitCode = 1;
}
