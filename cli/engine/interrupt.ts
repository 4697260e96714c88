// Ctrl-C, SIGTERM and SIGHUP: they end what runs, not the command, which still has to take back what was made.

type Action = () => void;

const actions = new Set<Action>();
let count = 0;

/** True after an interruption. */
export const interrupted = (): boolean => count > 0;

function interrupt(): void {
  count += 1;
  for (const action of actions) action();
}

/** Takes the signals over for as long as `work` runs. */
export async function withInterrupts<T>(work: () => Promise<T>): Promise<T> {
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, interrupt);
  try {
    return await work();
  } finally {
    for (const signal of signals) process.off(signal, interrupt);
  }
}

/** Runs `action` at every interruption, until the returned function is called. */
export function onInterrupt(action: Action): Action {
  actions.add(action);
  return () => actions.delete(action);
}
