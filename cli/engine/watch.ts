// What the engine reports while it runs: for the person who waits, and for the message when it fails.
import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
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
  /** URNs that this run made, or began to make. */
  readonly created = new Set<string>();
  /** How many resources this run changed. */
  changes = 0;
  readonly #errors: { readonly urn: string | undefined; readonly message: string }[] = [];
  readonly #failed: string[] = [];
  readonly #running = new Map<string, PlanStep>();
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
    if (diagnosticEvent?.severity === "error") {
      this.#errors.push({ urn: diagnosticEvent.urn, message: diagnosticEvent.message });
    }
  };

  #began({ op, type, urn }: StepEventMetadata): void {
    if (unchanging.includes(op)) return;
    if (op.startsWith("create")) this.created.add(urn);
    const step = stepOfUrn(urn);
    // The instances of the plugins are made at once, long before their steps.
    if (step === undefined || type.startsWith("pulumi:providers:")) return;
    this.#running.set(urn, step);
    this.#report();
  }

  #ended({ op, urn }: StepEventMetadata, well: boolean): void {
    if (unchanging.includes(op)) return;
    if (well) this.changes += 1;
    if (this.#running.delete(urn)) this.#report();
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
      // "update failed" repeats that something did.
      .filter(({ cause }) => !/^(update|destroy|refresh|preview) failed$/.test(cause) && cause !== "");
    const failures = told.map(({ urn, cause }): Failure => {
      const named = urn === undefined ? undefined : stepOfUrn(urn);
      const step = named === undefined || named.number === 0 ? (stepOfMessage(cause) ?? named) : named;
      return { urn, cause, step };
    });
    failures.sort((one, other) => order(one) - order(other));
    const first = failures[0];
    if (first === undefined) {
      const urn = this.#failed[0];
      return { urn, step: urn === undefined ? stepOfMessage(fallback) : stepOfUrn(urn), cause: causeIn(fallback) };
    }
    // What else failed belongs to the picture: often it is one cause.
    const others = failures.slice(1).map(({ cause }) => cause);
    const all = [...new Set([first.cause, ...others.filter((cause) => cause !== first.cause)])];
    return { ...first, cause: all.join("; also: ") };
  }
}

const order = ({ step }: Failure): number => step?.number ?? 10;

/** The message without colours, stack trace, the command that was run and what only repeats it. */
function causeIn(message: string): string {
  const plain = message
    .replace(/<\{%.*?%\}>/g, "")
    .replace(/\u001b\[[0-9;]*m/g, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^at .+[:)]\d*\)?$/.test(line));
  return plain
    .join(" ")
    .replace(/^error: /, "")
    .replace(/^exit status \d+: running ".*?": ?/, "")
    .trim();
}
