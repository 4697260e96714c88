// The configuration of one stack among several that a process works on at the same time.
import { AsyncLocalStorage } from "node:async_hooks";
import { defaultPlacement } from "./placements.ts";

/** What holds for one stack. */
export interface StackScope {
  /** As JSON, like PULUMI_CONFIG; undefined: the stack says nothing of servers, and lives on the default placement. */
  config?: string;
}

const stackScopes = new AsyncLocalStorage<StackScope>();

/** The scope that this call is in; undefined outside of any. */
export const stackScope = (): StackScope | undefined => stackScopes.getStore();

/** Runs `work` so that what a stack's configuration says of servers holds for this work alone, whatever else runs meanwhile. */
export const inStackScope = <T>(work: () => Promise<T>, scope: StackScope = {}): Promise<T> =>
  stackScopes.run(scope, work);

/** Runs `work` on the servers of a placement; the default one's are those of the scope that this is called in. */
export function inPlacement<T>(placement: string, work: () => Promise<T>): Promise<T> {
  if (placement === defaultPlacement) return work();
  return stackScopes.run({ config: JSON.stringify({ "tenant-storage:placement": placement }) }, work);
}
