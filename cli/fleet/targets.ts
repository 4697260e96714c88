// The tenants that a command was asked for, in the order in which it takes them.
import type { Labels } from "../../components/labels.ts";
import { defaultPlacement, placementOfPlatform, platformStack } from "../../providers/clients/placements.ts";
import { Problem } from "../errors.ts";
import { complain, note } from "../output.ts";
import { configuredTenants, similar } from "../tenants.ts";
import type { Change } from "./changed.ts";
import type { FleetOptions } from "./options.ts";
import type { Order } from "./scheduler.ts";
import { matches, parseSelection, selectable, type Condition } from "./selection.ts";

/**
 * Where the tenants of a command are found: `files` in stacks/ (what is to be made); `registry` in the platform database (what is
 * there); `reserved` (also what is half made or half deleted; by name, what only has a file, too).
 */
export type Source = "files" | "registry" | "reserved";

/** One that may be chosen. */
interface Candidate {
  readonly id: string;
  readonly labels: Labels;
}

const isPlatform = (stack: string): boolean => placementOfPlatform(stack) !== undefined;

/** Who is to be taken, and why. */
export interface Targets extends Order {
  /** With --changed-since: what the change touches. */
  readonly change?: Change;
}

/**
 * The tenants a command works on.
 * @param withPlatform `first`: platform stacks may be among them; the default placement's goes before all tenants; `among`: just may be one
 * @throws Problem saying everything that is wrong with what was asked
 */
export async function findTargets(
  ids: readonly string[],
  options: FleetOptions,
  { source, withPlatform }: { readonly source: Source; readonly withPlatform?: "first" | "among" },
): Promise<Targets> {
  refuseMixed(ids, options);
  const conditions = options.select === undefined ? [] : parseSelection(options.select);
  const found = await candidates(source, withPlatform !== undefined);
  const change = options.changedSince === undefined ? undefined : await changeSince(options.changedSince);
  const chosen = ids.length > 0 ? named(ids, found, source) : selected(found, options, conditions, change);
  const canaries = canary(chosen, options);
  const platforms = new Map(
    (withPlatform === "first" ? found : []).map(({ id, labels }) => [id, platformStack(labels["placement"] ?? "")]),
  );
  const platformsOf = (all: readonly string[]): string[] => all.flatMap((id) => platforms.get(id) ?? []);
  const gates = [...(withPlatform === "first" ? ["platform"] : []), ...platformsOf(canaries), ...canaries];
  const first = [...new Set(gates)].filter((id) => chosen.includes(id));
  const others = chosen.filter((id) => !first.includes(id));
  // The platform of another placement holds up its own tenants only: it may be down, and the others' are none of its business.
  const tenants = others.filter((id) => !isPlatform(id));
  const after = new Map(tenants.flatMap((id) => platformsOf([id]).map((platform) => [id, platform])));
  const rest = [...others.filter(isPlatform), ...tenants];
  return { first, rest, after, ...(change === undefined ? {} : { change }) };
}

/** Asks git. A tenant whose file was removed is nobody's business here, and told. */
async function changeSince(ref: string): Promise<Change> {
  const { aboutRemoved, changedSince } = await import("./changed.ts");
  const change = await changedSince(ref);
  for (const stack of change.removed) complain(aboutRemoved(stack));
  return change;
}

function refuseMixed(ids: readonly string[], { all, select, changedSince }: FleetOptions): void {
  const ways = [
    ...(ids.length > 0 ? ["ids"] : []),
    ...(all ? ["--all"] : []),
    ...(select !== undefined || changedSince !== undefined ? ["--select or --changed-since"] : []),
  ];
  if (ways.length === 1) return;
  const what = ways.length === 0 ? "No tenant is named" : `${ways.join(" and ")} exclude each other`;
  throw new Problem(
    "usage",
    `${what}. Nothing was done. Give ids, or --all, or --select 'plan=gold' and --changed-since main, which may be combined.`,
  );
}

async function candidates(source: Source, withPlatform: boolean): Promise<Candidate[]> {
  if (source !== "files") return recorded(source);
  const { stacksWithFiles } = await import("../engine/preview.ts");
  const { labelsOf } = await import("../engine/stack-file.ts");
  const { placementInFile } = await import("../placement.ts");
  // What is no placement is that stack's to report.
  const placementIn = (id: string): string => {
    try {
      return placementInFile(id);
    } catch {
      return "";
    }
  };
  return (
    stacksWithFiles()
      // A file of a wrong name too: what is wrong with it is said where it is read.
      .filter((id) => withPlatform || !isPlatform(id))
      .map((id) => ({ id, labels: selectable(labelsOf(id), placementIn(id)) }))
  );
}

async function recorded(source: Source): Promise<Candidate[]> {
  const { withPlatform } = await import("../../providers/clients/platform-db.ts");
  const { listTenants } = await import("../../providers/clients/registry.ts");
  return withPlatform(async (client) => {
    const registered = (await listTenants(client)).map(({ tenant_id: id, labels, placement }) => ({
      id,
      labels: selectable(labels, placement),
    }));
    if (source === "registry") return registered;
    const { rows } = await client.query<{ id: string; placement: string }>(
      `SELECT tenant_id AS id, placement FROM public.reservations r
       WHERE NOT EXISTS (SELECT FROM public.tenants t WHERE t.tenant_id = r.tenant_id) ORDER BY 1`,
    );
    return [...registered, ...rows.map(({ id, placement }) => ({ id, labels: selectable({}, placement) }))];
  });
}

/** The named ones, each once. All unknown ones are told at once. */
function named(ids: readonly string[], found: readonly Candidate[], source: Source): string[] {
  const known = [...found.map(({ id }) => id), ...(source === "reserved" ? configuredTenants() : [])];
  const unknown = [...new Set(ids)].filter((id) => !known.includes(id));
  if (unknown.length === 0) return [...new Set(ids)];
  const lines = unknown.map((id) => {
    const alike = similar(id, known);
    const what = source === "files" ? `has no stacks/Pulumi.${id}.yaml here` : "is not registered";
    return `${id} ${what}${alike.length > 0 ? `: did you mean ${alike.join(" or ")}?` : ""}`;
  });
  throw new Problem(
    "tenant-unknown",
    `Nothing was done: ${lines.join("; ")}. ${
      source === "files"
        ? `Stacks that have a file: ${known.join(", ") || "none"}.`
        : "All tenants: npm run tenant -- list"
    }`,
  );
}

function selected(
  found: readonly Candidate[],
  { select }: FleetOptions,
  conditions: readonly Condition[],
  change: Change | undefined,
): string[] {
  const labelled = found.filter(({ labels }) => matches(conditions, labels)).map(({ id }) => id);
  if (select !== undefined && labelled.length === 0) {
    const several = found.some(({ labels }) => labels["placement"] !== defaultPlacement);
    const known = found
      .flatMap(({ labels }) => Object.entries(labels))
      .filter(([key]) => several || key !== "placement")
      .map(([key, value]) => `${key}=${value}`);
    throw new Problem(
      "selection-empty",
      `No tenant has labels that match --select ${select}. Nothing was done. Labels that there are: ${[...new Set(known)].sort().join(", ") || "none"}. ` +
        `A tenant's labels are set in its stack file, such as tenant-storage:labels: {plan: gold}; its placement counts as one`,
    );
  }
  if (change === undefined) return labelled;
  return labelled.filter((id) => change.program.length > 0 || change.stacks.includes(id));
}

function canary(chosen: readonly string[], { canary: id, changedSince }: FleetOptions): string[] {
  if (id === undefined || chosen.includes(id)) return id === undefined ? [] : [id];
  if (changedSince === undefined) {
    throw new Problem(
      "usage",
      `--canary ${id} is none of the tenants that were asked for. Nothing was done. Name one of them.`,
    );
  }
  if (chosen.length > 0) note(`The change does not touch ${id}, so that nobody goes first.`);
  return [];
}
