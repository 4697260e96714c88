// A tenant's stack: opened, made, read and removed through the Automation API, with the real program of the checkout.
import "../sdk.ts";
import type { Stack } from "@pulumi/pulumi/automation/index.js";
import type { PulumiCommand } from "@pulumi/pulumi/automation/cmd.js";
import { root } from "../../toolchain/paths.ts";
import { PulumiError, pulumiCommand, runPulumi } from "./command.ts";
import type { Begun } from "./orphans.ts";
import { dropSalt, hasSalt } from "./stack-file.ts";
import { removeStateFiles, type StateFiles } from "./state-files.ts";

/** A stack that is there. */
export interface OpenStack {
  readonly stack: Stack;
  /** True when this call made it. */
  readonly isNew: boolean;
}

let command: Promise<PulumiCommand> | undefined;

/**
 * Selects or makes a stack, in a workspace of its own: its variables reach no other stack of this process. One that is `assumed` is
 * taken to be there: to ask is a run of pulumi.
 */
async function open(name: string, how: "select" | "create" | "assume"): Promise<Stack> {
  command ??= pulumiCommand(); // Once for the process.
  const [{ LocalWorkspace, Stack: stacks }, asking] = await Promise.all([
    import("@pulumi/pulumi/automation/index.js"),
    command,
  ]);
  const workspace = await LocalWorkspace.create({ workDir: root, pulumiCommand: asking });
  if (how === "assume") workspace.selectStack = async () => undefined;
  const stack = await stacks[how === "create" ? "create" : "select"](name, workspace);
  // After each run the Automation API asks for outputs and history, which nobody reads here: three runs of pulumi less.
  return Object.assign(stack, { outputs: async () => ({}), info: async () => undefined });
}

/** The stack of that name; undefined when there is none. */
export async function findStack(name: string): Promise<Stack | undefined> {
  try {
    return await open(name, "select");
  } catch (error) {
    if (error instanceof PulumiError && error.notFound) return undefined;
    throw error;
  }
}

/**
 * Works on the stack of that name, made if there is none. Whether there is one, the stack's file says: with a salt it had a stack. Where
 * that was wrong, `work` is told by the engine, before it did anything, and begins again.
 */
export async function inStack<T>(name: string, work: (opened: OpenStack) => Promise<T>): Promise<T> {
  if (!hasSalt(name)) return work(await openStack(name));
  try {
    return await work({ stack: await open(name, "assume"), isNew: false });
  } catch (error) {
    if (!(error instanceof PulumiError && error.notFound)) throw error;
    return work(await openStack(name));
  }
}

/** The stack of that name, made if there is none. */
export async function openStack(name: string): Promise<OpenStack> {
  if (!hasSalt(name)) {
    try {
      return { stack: await create(name), isNew: true };
    } catch (error) {
      if (!(error instanceof PulumiError && error.exists)) throw error;
      return { stack: await open(name, "assume"), isNew: false };
    }
  }
  const found = await findStack(name);
  return found === undefined ? { stack: await create(name), isNew: true } : { stack: found, isNew: false };
}

async function create(name: string): Promise<Stack> {
  try {
    return await open(name, "create");
  } catch (error) {
    if (!(error instanceof PulumiError) || !error.message.includes("incorrect passphrase")) throw error;
    await dropSalt(name);
    return open(name, "create");
  }
}

/** Removes an empty stack, and what the backend would keep of it. Its file stays. */
export async function removeStack(name: string): Promise<StateFiles> {
  await runPulumi(["stack", "rm", name, "--yes", "--preserve-config"]);
  return removeStateFiles(name);
}

/** A resource in a stack's state. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly inputs?: Readonly<Record<string, unknown>>;
  /** True of one that was replaced and is not deleted yet. */
  readonly delete?: boolean;
}

/** What a stack's state holds. Secrets stay encrypted. */
export interface StackState {
  /** All but the stack itself. */
  readonly resources: readonly StateResource[];
  /** Resources whose creation a killed run had begun. */
  readonly pending: readonly Begun[];
}

interface Exported {
  readonly deployment?: {
    readonly resources?: StateResource[];
    readonly pending_operations?: { readonly type: string; readonly resource: StateResource & Begun }[];
  };
}

/** The state of a stack. */
export async function stateOf(name: string): Promise<StackState> {
  const { stdout } = await runPulumi(["stack", "export", "--stack", name]);
  const { deployment } = JSON.parse(stdout) as Exported;
  const creating = (deployment?.pending_operations ?? []).filter(({ type }) => type === "creating");
  return {
    resources: (deployment?.resources ?? []).filter(({ type }) => type !== "pulumi:pulumi:Stack"),
    pending: creating.map(({ resource: { type, inputs } }) => ({ type, inputs })),
  };
}

/** Components and provider instances exist in the state only. */
export const isReal = ({ type }: StateResource): boolean => !/^(pulumi|tenant-storage):/.test(type);
