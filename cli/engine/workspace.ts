// A tenant's stack: opened, made, read and removed through the Automation API, with the real program of the checkout.
import type { LocalWorkspace, Stack } from "@pulumi/pulumi/automation/index.js";
import { root } from "../../toolchain/paths.ts";
import { PulumiError, pulumiCommand, runPulumi } from "./command.ts";

/** A stack that is there. */
export interface OpenStack {
  readonly stack: Stack;
  /** True when this call made it. */
  readonly isNew: boolean;
}

let shared: Promise<{ stacks: typeof Stack; workspace: LocalWorkspace }> | undefined;

/** One for the process: the version check is made once. */
async function workspace(): Promise<{ stacks: typeof Stack; workspace: LocalWorkspace }> {
  shared ??= (async () => {
    const [{ LocalWorkspace, Stack }, command] = await Promise.all([
      import("@pulumi/pulumi/automation/index.js"),
      pulumiCommand(),
    ]);
    return { stacks: Stack, workspace: await LocalWorkspace.create({ workDir: root, pulumiCommand: command }) };
  })();
  return shared;
}

/** The stack of that name; undefined when there is none. */
export async function findStack(name: string): Promise<Stack | undefined> {
  const { stacks, workspace: all } = await workspace();
  try {
    return withoutExtras(await stacks.select(name, all));
  } catch (error) {
    if (error instanceof PulumiError && error.notFound) return undefined;
    throw error;
  }
}

/** The stack of that name, made if there is none. */
export async function openStack(name: string): Promise<OpenStack> {
  const found = await findStack(name);
  if (found !== undefined) return { stack: found, isNew: false };
  const { stacks, workspace: all } = await workspace();
  return { stack: withoutExtras(await stacks.create(name, all)), isNew: true };
}

/** After each run the Automation API asks for outputs and history, which nobody reads here: three runs of pulumi less. */
function withoutExtras(stack: Stack): Stack {
  return Object.assign(stack, { outputs: async () => ({}), info: async () => undefined });
}

/** Removes an empty stack. Its file stays. */
export async function removeStack(name: string): Promise<void> {
  const { workspace: all } = await workspace();
  await all.removeStack(name, { preserveConfig: true });
}

/** A resource in a stack's state. */
export interface StateResource {
  readonly urn: string;
  readonly type: string;
  readonly id?: string;
}

/** What a stack's state holds, apart from the stack itself. Secrets stay encrypted. */
export async function resourcesOf(name: string): Promise<StateResource[]> {
  const { stdout } = await runPulumi(["stack", "export", "--stack", name]);
  const { deployment } = JSON.parse(stdout) as { deployment?: { resources?: StateResource[] } };
  return (deployment?.resources ?? []).filter(({ type }) => type !== "pulumi:pulumi:Stack");
}
