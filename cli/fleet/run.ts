// One command for many tenants: found, run in order, shown, summed up.
import { placementOfPlatform } from "../../providers/clients/placements.ts";
import { note, plural } from "../output.ts";
import type { Reporter } from "../engine/provision.ts";
import { defaultParallel, repeated, type FleetOptions } from "./options.ts";
import { schedule, type Order, type Outcome } from "./scheduler.ts";
import { endsOf, firstLine, showJson, showTable, showWhatIsLeft, told, type Words } from "./summary.ts";

/** What a command does with each tenant. `T` stays in memory until the end: keep it small. */
export interface Job<T> extends Omit<Words<T>, "command"> {
  /** The command's name, with options of its own that a retry needs again: "verify", "rotate --store redis". */
  readonly name: string;
  /** "Verifying" */
  readonly doing: string;
  readonly work: (id: string, reporter: Reporter) => Promise<T>;
  /** What a retry of these needs behind their names. */
  readonly suffix?: (ids: readonly string[]) => string;
  /** Written as soon as a run has ended, for what is too long for a table. */
  readonly details?: (id: string, value: T) => string;
}

/** How the job speaks, with the command line that does it again. */
export const wordsOf = <T>(job: Job<T>, options: FleetOptions): Words<T> => ({
  ...job,
  command: (some) => `npm run tenant -- ${job.name} ${some.join(" ")}${job.suffix?.(some) ?? ""}${repeated(options)}`,
});

/**
 * Runs the job for all of them, and sets the exit code: 0 when every tenant is done.
 * @returns the outcomes, in order; they are shown already unless `quiet`
 */
export async function runFleet<T>(
  job: Job<T>,
  order: Order,
  options: FleetOptions,
  { quiet = false } = {},
): Promise<readonly Outcome<T>[]> {
  const { parallel = defaultParallel(), failFast = false, json } = options;
  const ids = [...order.first, ...order.rest];
  if (ids.length === 0) note("No tenant is concerned: nothing to do.");
  const words = wordsOf(job, options);
  const outcomes = ids.length === 0 ? [] : await runAll(job, order, { parallel, failFast, words });
  const { failed, notBegun } = endsOf(outcomes, words);
  if (!quiet) {
    if (json) showJson(outcomes, words);
    else if (ids.length > 0) await showTable(outcomes, words);
  }
  if (failed.length + notBegun.length > 0) {
    showWhatIsLeft(outcomes, words);
    process.exitCode = 1;
  }
  return outcomes;
}

interface Running<T> {
  readonly parallel: number;
  readonly failFast: boolean;
  readonly words: Words<T>;
}

async function runAll<T>(job: Job<T>, order: Order, { parallel, failFast, words }: Running<T>): Promise<Outcome<T>[]> {
  const { interrupted, onInterrupt, withInterrupts } = await import("../engine/interrupt.ts");
  const { inStackScope } = await import("../../providers/clients/stack-scope.ts");
  const { beginFleetProgress } = await import("./progress.ts");
  const count = order.first.length + order.rest.length;
  const noun = order.first.some((stack) => placementOfPlatform(stack) !== undefined) ? "stack" : "tenant";
  const title = `${job.doing} ${plural(count, noun)}${count === 1 ? "" : `, ${Math.min(parallel, count)} at a time`}`;
  const progress = await beginFleetProgress(title, count);
  // A stack that names servers of its own names them for itself alone.
  const work = (id: string): Promise<T> => inStackScope(() => job.work(id, progress.reporter(id)));
  const forget = onInterrupt(() => {
    progress.aside(() => note("Interrupted: what runs comes to its end or is taken back; nothing more is begun."));
  });
  try {
    return await withInterrupts(() =>
      schedule(order, work, {
        parallel,
        failFast,
        stopped: interrupted,
        failed: job.failed,
        onBegin: progress.begin,
        onEnd: (outcome) => {
          const { id, result } = outcome;
          const well = result.status === "done" && !job.failed(result.value);
          const details = result.status === "done" ? (job.details?.(id, result.value) ?? "") : "";
          if (details !== "") progress.aside(() => process.stdout.write(details));
          progress.finish(id, well, firstLine(told(outcome, words)));
        },
      }),
    );
  } finally {
    forget();
    progress.end();
  }
}
