// Where it is measured: stores of its own, a copy of the program, the platform stack and an empty program beside it.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { conflictingVariables, environment } from "../local/environment.ts";
import { resetStores, statusStores } from "../local/lifecycle.ts";
import { portsAt, type StoresOptions } from "../local/settings.ts";
import { storesSteps } from "../local/steps.ts";
import { makeCheckout } from "../test/support/checkout.ts";
import { localDir, root, toolchainDir } from "../toolchain/paths.ts";
import { runSteps } from "../toolchain/steps.ts";
import { writeEmptyProgram } from "./empty-program.ts";
import { measure, type Command, type Cost } from "./measure.ts";

/** A place to measure in, and the commands that are measured there. */
export interface World {
  readonly stores: StoresOptions;
  readonly secrets: string;
  readonly checkout: string;
  /** Runs a command, with the stores' processor time beside it. */
  readonly measure: (command: Command) => Promise<Cost>;
  readonly pulumi: (...args: string[]) => Command;
  /** pulumi, in the folder of the empty program. */
  readonly emptyPulumi: (...args: string[]) => Command;
  /** The tenant command, as its completion defines it: without npm around it. */
  readonly tenant: (...args: string[]) => Command;
  readonly runbook: (...args: string[]) => Command;
  /** A line of bash, in which `runbook` is the runbook. */
  readonly shell: (script: string) => Command;
  /** Writes a tenant's file. */
  readonly writeTenant: (id: string, network: string, labels?: string) => void;
}

const folder = join(localDir, "bench");

/** Its stores' ports are 2,000 from those of the checkout's own. */
const offset = 2000 + Number(process.env["TENANT_STORES_PORT_OFFSET"] ?? 0);
const stores = { dir: join(folder, "stores"), ports: portsAt(offset) };

/**
 * Keeps this process, and so every command it runs, away from the operator's own tenants: their secrets, placements, audit key and
 * webhook. Before anything else, for a reset deletes secrets, too.
 */
function useOwnPlaces(): void {
  for (const name of Object.keys(process.env)) {
    if (name.startsWith("TENANT_")) Reflect.deleteProperty(process.env, name);
  }
  for (const name of conflictingVariables) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, {
    TENANT_TOOLCHAIN_DIR: toolchainDir,
    TENANT_STORES_DIR: stores.dir,
    TENANT_STORES_PORT_OFFSET: String(offset),
    TENANT_SECRETS_DIR: join(folder, "secrets"),
    RUNBOOK_DIR: join(folder, "runbook"),
  });
}

/** Stops the stores of this world, or of an interrupted run's, and removes everything of it. */
export async function removeWorld(): Promise<void> {
  useOwnPlaces();
  await resetStores(stores);
  rmSync(folder, { recursive: true, force: true });
}

/** Makes it anew: nobody there but the platform. */
export async function makeWorld(): Promise<World> {
  await removeWorld();
  mkdirSync(folder, { recursive: true });
  await runSteps(storesSteps(stores));
  // The empty program is Pulumi as it comes, without what this checkout's shell does for its speed.
  const asItComes = { NODE_OPTIONS: "" };
  Object.assign(process.env, environment(stores));
  const checkout = await makeCheckout(join(folder, "checkout"));
  const empty = join(folder, "empty");
  writeEmptyProgram(empty);
  const pulumi =
    (cwd: string, env: NodeJS.ProcessEnv = {}) =>
    (...args: string[]): Command => ({ program: "pulumi", args: [...args, "--non-interactive"], cwd, env });
  const node = ["--disable-warning=ExperimentalWarning"];
  const runbook = join(root, "bench/runbook.sh");
  const writeStack = (stack: string, config: string): void =>
    writeFileSync(join(checkout, "stacks", `Pulumi.${stack}.yaml`), config);
  const world: World = {
    stores,
    secrets: join(folder, "secrets"),
    checkout,
    measure: async (command) =>
      measure(
        command,
        (await statusStores(stores)).flatMap(({ pid }) => pid ?? []),
      ),
    pulumi: pulumi(checkout),
    emptyPulumi: pulumi(empty, asItComes),
    tenant: (...args) => ({ program: process.execPath, args: [...node, "cli/tenant.ts", ...args], cwd: checkout }),
    runbook: (...args) => ({ program: runbook, args, cwd: folder }),
    shell: (script) => ({ program: "bash", args: ["-euc", script], cwd: folder, env: { runbook } }),
    writeTenant: (id, network, labels = "{}") =>
      writeStack(
        id,
        `config:\n  tenant-storage:id: ${id}\n  tenant-storage:network: ["${network}"]\n  tenant-storage:labels: ${labels}\n`,
      ),
  };
  writeStack("platform", "config: {}\n");
  await world.measure(world.tenant("up", "platform"));
  return world;
}
