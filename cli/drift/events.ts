// The differences in what the engine reports of a refresh: every resource with what was recorded and what its provider sees now.
import type { EngineEvent, StepEventMetadata } from "@pulumi/pulumi/automation/index.js";
import { resourceName, stepOfUrn } from "../engine/steps.ts";
import { withoutSecrets } from "../errors.ts";
import type { Difference, Place } from "./difference.ts";
import { differences, lineDifferences } from "../../providers/clients/words.ts";

/** How the engine shows a secret. */
const masked = "[secret]";

const byStep: readonly Place[] = [
  ...["platform database", "files", "files", "files", "MinIO"],
  ...["PostgreSQL", "Qdrant", "Redis", "platform database", "platform database"],
] as Place[];

const byType: readonly (readonly [type: string, place: Place])[] = [
  ["tenant:CredentialsHandover", "PostgreSQL"],
  ["tenant:AuditKey", "files"],
  ["tenant:PlatformSchema", "platform database"],
  ["tenant:QdrantCollection", "Qdrant"],
];

/** Where a resource is. What only the platform stack has is in PostgreSQL, unless named above. */
function placeOf(urn: string): Place {
  const named = byType.find(([type]) => urn.includes(type))?.[1];
  const step = stepOfUrn(urn);
  return named ?? (step === undefined ? "PostgreSQL" : (byStep[step.number] ?? "platform database"));
}

/** What a refresh found. Secrets are masked by the engine, and told in words by the providers. */
export function driftIn(events: readonly EngineEvent[]): Difference[] {
  return events.flatMap(({ resOutputsEvent }) => (resOutputsEvent ? ofResource(resOutputsEvent.metadata) : []));
}

function ofResource(metadata: StepEventMetadata): Difference[] {
  const { op, type, urn, old, new: now } = metadata;
  // A refresh that runs the program reports what is on no server as well: stack, components and providers.
  if (/^(pulumi:|tenant-storage:index:)/.test(type)) return [];
  const about = { place: placeOf(urn), resource: resourceName(urn) };
  if (op === "delete") return [{ ...about, kind: "deleted", what: "is gone" }];
  if (op !== "update") return [];
  const foreign = ((now?.outputs["foreign"] ?? []) as readonly string[]).map((what): Difference => ({
    ...about,
    kind: "foreign",
    what: withoutSecrets(what),
  }));
  const changed = changes(metadata).map((what): Difference => ({
    ...about,
    kind: "changed",
    what: withoutSecrets(what),
  }));
  if (foreign.length + changed.length > 0) return [...changed, ...foreign];
  // A state of an older version, which the next update completes: nobody changed anything.
  if (urn.includes("tenant:SopsFile") && old?.outputs["digest"] === undefined) return [];
  return [{ ...about, kind: "changed", what: `${hidden(metadata)} changed` }];
}

function changes({ old, new: now }: StepEventMetadata): string[] {
  const [before, after] = [old?.inputs ?? {}, now?.inputs ?? {}];
  const [granted, given] = [old?.outputs["granted"], now?.outputs["granted"]] as (string | undefined)[];
  // A Redis user's rules are told by what they grant.
  const rules = granted !== undefined && given !== undefined && granted !== given;
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].filter(
    (name) => !name.startsWith("__") && !(rules && name === "commands"),
  );
  return [
    ...names.sort().flatMap((name) => differences(name, before[name], after[name])),
    ...(rules ? lineDifferences(granted, given) : []),
  ];
}

/** What the engine does not show: the secret inputs, or what the provider compares besides its inputs. */
function hidden({ old, diffs = [], detailedDiff = {} }: StepEventMetadata): string {
  const named = [...new Set([...diffs, ...Object.keys(detailedDiff)])];
  const secrets = Object.entries(old?.inputs ?? {}).flatMap(([name, value]) => (value === masked ? [name] : []));
  const which = named.length > 0 ? named : secrets;
  return which.length > 0 ? `${which.join(", ")} (not shown):` : "something that is not shown";
}
