// The order of many runs: some first and alone, then the rest, so many at a time. Nobody's failure stops another's run.

/** What became of one run. */
export type Result<T> =
  | { readonly status: "done"; readonly value: T }
  | { readonly status: "failed"; readonly error: Error }
  /** It was never begun, for the reason that is said. */
  | { readonly status: "not begun"; readonly why: string };

/** One run and its result. */
export interface Outcome<T> {
  readonly id: string;
  readonly result: Result<T>;
}

/** Who runs when. */
export interface Order {
  /** One after the other, before all others. When one fails, nothing else is begun. */
  readonly first: readonly string[];
  readonly rest: readonly string[];
  /** Whom one waits for, where that one is among these and comes before it; when it fails, this one is not begun. */
  readonly after?: ReadonlyMap<string, string>;
}

export interface SchedulerOptions<T> {
  /** How many run at the same time; at least 1. */
  readonly parallel: number;
  /** After a failure nothing more is begun. What runs comes to its end. */
  readonly failFast: boolean;
  /** True once somebody wants no more to be begun. */
  readonly stopped: () => boolean;
  /** Whether a run that came to its end is a failure nevertheless. */
  readonly failed: (value: T) => boolean;
  readonly onBegin?: (id: string) => void;
  readonly onEnd?: (outcome: Outcome<T>) => void;
}

/**
 * Runs `work` for everybody, and waits until all that was begun has come to its end. Never throws for a failed run.
 * @returns an outcome each, in the given order
 */
export async function schedule<T>(
  { first, rest, after }: Order,
  work: (id: string) => Promise<T>,
  { parallel, failFast, stopped, failed, onBegin, onEnd }: SchedulerOptions<T>,
): Promise<Outcome<T>[]> {
  const results = new Map<string, Result<T>>();
  const runs = new Map<string, Promise<boolean>>();
  let ended: string | undefined;

  const begin = (id: string): Promise<boolean> => {
    const run = runInTurn(id);
    runs.set(id, run);
    return run;
  };
  const runInTurn = async (id: string): Promise<boolean> => {
    const gate = after?.get(id) ?? "";
    const before = runs.get(gate);
    const open = before === undefined || (await before);
    const why = stopped() ? "interrupted" : (ended ?? (open ? undefined : `${gate} failed`));
    if (why !== undefined) {
      results.set(id, { status: "not begun", why });
      return false;
    }
    onBegin?.(id);
    const result = await work(id).then(
      (value): Result<T> => ({ status: "done", value }),
      (error: unknown): Result<T> => ({
        status: "failed",
        error: error instanceof Error ? error : new Error(String(error)),
      }),
    );
    results.set(id, result);
    onEnd?.({ id, result });
    return result.status === "done" && !failed(result.value);
  };

  for (const id of first) {
    if (!(await begin(id))) ended ??= `${id} goes first, and failed`;
  }
  const waiting = rest[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    // All workers take from one iterator: whoever is free takes the next.
    for (const id of { [Symbol.iterator]: () => waiting }) {
      if (!(await begin(id)) && failFast) ended ??= `${id} failed`;
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Math.min(parallel, rest.length)) }, worker));
  return [...first, ...rest].map((id) => ({
    id,
    result: results.get(id) ?? { status: "not begun", why: "interrupted" },
  }));
}
