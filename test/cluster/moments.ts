// A moment of a run, in the engine's own words: as soon as it has begun, or done, a step, the work is done; the run goes on meanwhile.
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { checkout, pulumi, type Outcome } from "../support/pulumi.ts";

/** A step with one resource. */
export interface Moment {
  readonly when: "begun" | "done";
  /** The last part of the resource's type: `QdrantCollection`. */
  readonly type: string;
}

interface EngineEvent {
  readonly resourcePreEvent?: Step;
  readonly resOutputsEvent?: Step;
}
interface Step {
  readonly metadata: { readonly op: string; readonly type: string };
}

/** Whether the events, a JSON text a line, the last of which may be half written, hold the moment. */
function holds(events: string, { when, type }: Moment): boolean {
  return events
    .split("\n")
    .slice(0, -1)
    .some((line) => {
      const event = JSON.parse(line) as EngineEvent;
      const step = when === "begun" ? event.resourcePreEvent : event.resOutputsEvent;
      return step !== undefined && step.metadata.op !== "same" && step.metadata.type.split(/[:/]/).at(-1) === type;
    });
}

/**
 * `pulumi up` or `destroy`; `work` is done at the moment.
 * @throws Error when the run ends before the moment came.
 */
export async function pulumiWith(
  command: "up" | "destroy",
  stack: string,
  moment: Moment,
  work: () => Promise<void>,
): Promise<Outcome> {
  const log = join(checkout(), "..", "events", `${stack}-${command}.json`);
  mkdirSync(join(log, ".."), { recursive: true });
  rmSync(log, { force: true });
  let ended = false;
  const run = pulumi([command, "--stack", stack, "--yes", "--skip-preview", "--event-log", log], {
    TENANT_CONFIRM_DESTROY: stack,
    // Without it there is no --event-log.
    PULUMI_DEBUG_COMMANDS: "1",
  }).finally(() => (ended = true));
  while (!existsSync(log) || !holds(readFileSync(log, "utf8"), moment)) {
    if (ended) throw new Error(`${command} ended before ${moment.type} was ${moment.when}: ${(await run).all}`);
    await setTimeout(20);
  }
  await work();
  return run;
}
