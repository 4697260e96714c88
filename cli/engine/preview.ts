// What a stack's file would change, and what the policy pack says of it. Nothing is made, not even the stack.
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { writeAtomically } from "../../providers/clients/files.ts";
import { placementOfPlatform } from "../../providers/clients/placements.ts";
import { root } from "../../toolchain/paths.ts";
import { stackFile } from "../environment.ts";
import { Problem, withoutSecrets } from "../errors.ts";
import { differences, type PropertyChange } from "../fleet/differences.ts";
import { warmUp } from "../host/index.ts";
import { PulumiError } from "./command.ts";
import { inStack, removeStack, type OpenStack } from "./workspace.ts";

/** What a rule of the pack says. */
export interface Finding {
  readonly rule: string;
  /** URN; the stack's own, or none, when it is about the stack as a whole. */
  readonly urn: string | undefined;
  readonly message: string;
}

/** What would be done with a resource. */
export interface PreviewedStep {
  /** create, update, replace, delete, … */
  readonly op: string;
  readonly urn: string;
  /** The inputs that change. */
  readonly diff: readonly string[];
  /** Their values, where a resource is updated or replaced. */
  readonly properties: readonly PropertyChange[];
}

/** A stack's preview. */
export interface Previewed {
  readonly stack: string;
  /** How many resources by what would be done with them: create, update, … */
  readonly changes: Readonly<Record<string, number>>;
  /** What would be done, without what stays, by URN. */
  readonly steps: readonly PreviewedStep[];
  /** By mandatory rules: `pulumi up --policy-pack policy` would stop there. */
  readonly refused: readonly Finding[];
  readonly warnings: readonly Finding[];
  /** What else makes the preview fail. */
  readonly errors: readonly string[];
}

/** The stacks that have a file, the platform's first: tenants rest on it. */
export function stacksWithFiles(): string[] {
  return readdirSync(join(root, "stacks"))
    .flatMap((file) => /^Pulumi\.(.+)\.yaml$/.exec(file)?.[1] ?? [])
    .sort((one, other) => rank(one) - rank(other) || one.localeCompare(other, "en"));
}

const rank = (stack: string): number => (stack === "platform" ? 0 : placementOfPlatform(stack) !== undefined ? 1 : 2);

export interface PreviewOptions {
  /** Show the changed properties. */
  readonly diff: boolean;
  /** Gets what pulumi prints. */
  readonly onOutput: (text: string) => void;
}

/**
 * Previews a stack with the policy pack. A stack that is not there yet is made for as long as that takes.
 * @throws Problem when it has no file, PulumiError when somebody else holds the stack
 */
export async function previewStack(stack: string, { diff, onOutput }: PreviewOptions): Promise<Previewed> {
  if (!stacksWithFiles().includes(stack)) {
    const known = stacksWithFiles().join(", ") || "none";
    throw new Problem("stack-file", `There is no stacks/Pulumi.${stack}.yaml. Stacks that have a file: ${known}.`);
  }
  const before = readFileSync(stackFile(stack), "utf8");
  warmUp();
  const events: EngineEvent[] = [];
  const failed = await inStack(stack, (opened) => run(opened, before, { diff, onOutput }, events));
  return previewed(stack, events, failed);
}

/** Returns why the program or a rule refuses; undefined when nothing does. */
async function run(
  opened: OpenStack,
  before: string,
  { diff, onOutput }: PreviewOptions,
  events: EngineEvent[],
): Promise<PulumiError | undefined> {
  const { name } = opened.stack;
  return opened.stack
    .preview({
      policyPacks: ["policy"],
      diff,
      color: "never",
      suppressProgress: true,
      onOutput,
      onEvent: (event) => events.push(event),
    })
    .then(
      () => undefined,
      (error: unknown) => {
        if (error instanceof PulumiError && !error.locked && !error.notFound) return error;
        throw error;
      },
    )
    .finally(async () => {
      if (!opened.isNew) return;
      await removeStack(name);
      await writeAtomically(stackFile(name), before, 0o644); // Without the salt of the stack that is gone.
    });
}

function previewed(stack: string, events: readonly EngineEvent[], failed: PulumiError | undefined): Previewed {
  const findings = events.flatMap(({ policyEvent: event }) => event ?? []);
  const told = (mandatory: boolean): Finding[] =>
    findings
      .filter(({ enforcementLevel }) => (enforcementLevel === "mandatory") === mandatory)
      .map(({ policyName: rule, resourceUrn, message }) => ({
        rule,
        urn: resourceUrn || undefined,
        message: withoutSecrets(plain(message)),
      }));
  const errors = events
    .flatMap(({ diagnosticEvent }) => (diagnosticEvent?.severity === "error" ? plain(diagnosticEvent.message) : []))
    .filter((message) => message !== "preview failed");
  const refused = told(true);
  // Nothing that pulumi named: it did not even begin.
  if (failed !== undefined && refused.length === 0 && errors.length === 0) errors.push(failed.message);
  const steps = stepsOf(events);
  const changes =
    events.findLast(({ summaryEvent }) => summaryEvent !== undefined)?.summaryEvent?.resourceChanges ?? {};
  return {
    stack,
    changes,
    steps,
    refused,
    warnings: told(false),
    errors: [...new Set(errors)].map((one) => withoutSecrets(one)),
  };
}

/** In a fixed order, whichever the engine came to first. A replacement is one step. */
function stepsOf(events: readonly EngineEvent[]): PreviewedStep[] {
  return events
    .flatMap(({ resourcePreEvent }) => resourcePreEvent?.metadata ?? [])
    .filter(({ op }) => !["same", "replace", "delete-replaced", "discard-replaced"].includes(op))
    .map(({ op, urn, diffs = [], old, new: wanted }) => ({
      op: op === "create-replacement" ? "replace" : op,
      urn,
      diff: [...diffs].sort(),
      properties: old && wanted ? differences(old.inputs, wanted.inputs, diffs) : [],
    }))
    .sort((one, other) => (one.urn < other.urn ? -1 : 1));
}

/** The engine's text without its marks for colours. */
const plain = (text: string): string =>
  text
    .replace(/<\{%.*?%\}>/g, "")
    .replace(/^error: /, "")
    .trim();
