// The run of pulumi that this process works for: one at a time.
import { inStackScope, type StackScope } from "../../providers/clients/stack-scope.ts";

let scope: StackScope = {};
const atWork = new Set<Promise<unknown>>();

/** Begins a run, with what a process of its own would be started with. */
export function beginRun(env: NodeJS.ProcessEnv): void {
  scope = {};
  for (const name of Object.keys(process.env)) Reflect.deleteProperty(process.env, name);
  Object.assign(process.env, env);
}

/** What the stack's configuration says, by key with its namespace: for this run alone. */
export function configureRun(config: Readonly<Record<string, string>>): void {
  scope.config = JSON.stringify(config);
}

/** Works with the run's configuration. */
export const inScope = <T>(work: () => Promise<T>): Promise<T> => inStackScope(work, scope);

/** The same, and the run does not end meanwhile. */
export function inRun<T>(work: () => Promise<T>): Promise<T> {
  const result = inScope(work);
  const settled = result.then(
    () => undefined,
    () => undefined,
  );
  atWork.add(settled);
  void settled.then(() => atWork.delete(settled));
  return result;
}

/** Waits until nothing of the run is at work: no change of a store may be cut off in the middle. */
export async function endRun(): Promise<void> {
  while (atWork.size > 0) await Promise.all(atWork);
}
