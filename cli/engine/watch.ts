// What the engine reports while it runs: for the person who waits, and for the message when it fails.
import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import type { Begun } from "./orphans.ts";
import { planStep, stepOfMessage, stepOfUrn, type PlanStep } from "./steps.ts";

/** Why a run failed. */
export interface Failure {
  /** The first step of the plan that failed; undefined when the program itself did. */
  readonly step: PlanStep | undefined;
  /** URN; undefined when the engine named none. */
  readonly urn: string | undefined;
  /** In one paragraph, without the engine's decoration. */
  readonly cause: string;
}

const unchanging = ["same", "read", "refresh"];

/** Listens to one run. */
export class Watch {
  /** What this run made, or began to make, by URN. */
  readonly created = new Map<string, Begun>();
  /** Whether the engine found, in the state, what a killed run had begun. */
  foundLeftovers = false;
  /** How many resources this run changed. */
  changes = 0;
  readonly #errors: { readonly urn: string | undefined; readonly message: string }[] = [];
  readonly #failed: string[] = [];
  readonly #running = new Map<string, PlanStep>();
  #latest: PlanStep | undefined;
  readonly #show: (steps: readonly PlanStep[], done: number) => void;

  /** @param show gets the steps that are at work now, in the plan's order, whenever they change */
  constructor(show: (steps: readonly PlanStep[], done: number) => void = () => undefined) {
    this.#show = show;
  }

  /** For the Automation API's `onEvent`. */
  readonly onEvent = ({ resourcePreEvent, resOutputsEvent, resOpFailedEvent, diagnosticEvent }: EngineEvent): void => {
    if (resourcePreEvent) this.#began(resourcePreEvent.metadata);
    if (resOutputsEvent) this.#ended(resOutputsEvent.metadata, true);
    if (resOpFailedEvent) {
      this.#failed.push(resOpFailedEvent.metadata.urn);
      this.#ended(resOpFailedEvent.metadata, false);
    }
    if (diagnosticEvent?.message.includes("pending operations from previous deployment")) this.foundLeftovers = true;
    if (diagnosticEvent?.severity === "error") {
      this.#errors.push({ urn: diagnosticEvent.urn, message: diagnosticEvent.message });
    }
  };

  #began({ op, type, urn, new: wanted }: StepEventMetadata): void {
    if (unchanging.includes(op)) return;
    if (op.startsWith("create")) this.created.set(urn, { type, inputs: wanted?.inputs ?? {} });
    const step = stepOfUrn(urn);
    // Components and the instances of the plugins are made at once, long before their steps.
    if (step === undefined || /^(pulumi:providers|tenant-storage):/.test(type)) return;
    this.#running.set(urn, step);
    this.#latest = step;
    this.#report();
  }

  #ended({ op, urn }: StepEventMetadata, well: boolean): void {
    if (unchanging.includes(op)) return;
    if (well) this.changes += 1;
    if (this.#running.delete(urn)) this.#report();
  }

  /**
   * What this run began to make and `recorded` (URNs in the state) does not hold. Of the official plugins' resources only
   * those that never ended: what such a plugin reports as failed was not made, and may be somebody else's.
   */
  unrecorded(recorded: ReadonlySet<string>): Begun[] {
    const missing = [...this.created].filter(([urn]) => !recorded.has(urn));
    return missing
      .filter(([urn]) => urn.includes("dynamic/tenant:") || this.#running.has(urn))
      .map(([, begun]) => begun);
  }

  #report(): void {
    const numbers = [...new Set([...this.#running.values()].map(({ number }) => number))].sort();
    this.#show(numbers.map(planStep), this.changes);
  }

  /**
   * The first failure in the plan's order: independent steps run at the same time, and may fail at the same time.
   * @param fallback what to say when the engine gave no reason, such as its standard error
   */
  failure(fallback: string): Failure {
    const told = this.#errors
      .map(({ urn, message }) => ({ urn, cause: causeIn(message) }))
      // "update failed" repeats that something did; "update canceled" that we were interrupted.
      .filter(({ cause }) => !/^(update|destroy|refresh|preview) (failed|canceled)$/.test(cause) && cause !== "");
    const failures = told.map(({ urn, cause }): Failure => {
      const named = urn === undefined ? undefined : stepOfUrn(urn);
      const step = named === undefined || named.number === 0 ? (stepOfMessage(cause) ?? named) : named;
      return { urn, cause, step };
    });
    failures.sort((one, other) => order(one) - order(other));
    const first = failures[0];
    if (first === undefined) {
      const urn = this.#failed[0];
      const step = (urn === undefined ? stepOfMessage(fallback) : stepOfUrn(urn)) ?? this.#latest;
      return { urn, step, cause: causeIn(fallback) };
    }
    // What else failed belongs to the picture: often it is one cause.
    const others = failures.slice(1).map(({ cause }) => cause);
    const all = [...new Set([first.cause, ...others.filter((cause) => cause !== first.cause)])];
    return { ...first, cause: all.join("; also: ") };
  }
}

const order = ({ step }: Failure): number => step?.number ?? 10;

/** The message without colours, stack trace, the command that was run and what only repeats what is known. */
function causeIn(message: string): string {
  const plain = message
    .replace(/<\{%.*?%\}>/g, "")
    .replace(/\u001b\[[0-9;]*m/g, "")
    // The verification's report: the failed checks follow it, a line each.
    .replace(/^\{\n[^]*?^\}$/m, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^at .+[:)]\d*\)?$/.test(line));
  return plain
    .join("\n")
    .replace(/([^\s:;,.])\n/g, "$1; ")
    .replaceAll("\n", " ")
    .replace(/^error: /, "")
    .replace(/^exit status \d+: running ".*?": ?/, "")
    .replace(/^could not create the reservation of tenant \w+: /, "")
    .trim();
}
