// tenant drift [ID…|--all]: what somebody changed from outside, and putting it back.
import { placementOfPlatform } from "../../providers/clients/placements.ts";
import { Command } from "commander";
import type { Difference } from "../drift/difference.ts";
import type { Found } from "../drift/look.ts";
import type { Job } from "../fleet/run.ts";
import { addFleetOptions, asksForMany, type FleetOptions } from "../fleet/options.ts";

interface Options extends FleetOptions {
  readonly repair?: true;
}

export function driftCommand(): Command {
  const command = new Command("drift")
    .description(
      "find what was changed from outside in a tenant's stores, files and records; put it back with --repair",
    )
    .argument("[ids...]", "the tenant, or many of those that have a file in stacks/; platform is what tenants share");
  return addFleetOptions(command)
    .option("--repair", "put back what an update can put back, verify the tenant, and record it in the audit log")
    .option("--json", "print the differences as JSON, by tenant")
    .addHelpText(
      "after",
      `
Asks every server, reads the files, and compares with what was deployed: changed, deleted and added. Nothing is changed or
recorded without --repair. pulumi refresh and pulumi up do the same for all but what is marked "by hand".
Exit code 0: no difference, or all put back. 2: there are differences. 1: it could not be found out, or not be put back.

Examples:
  npm run tenant -- drift initech
  npm run tenant -- drift --all --parallel 4`,
    )
    .action(drift);
}

async function drift(ids: readonly string[], options: Options): Promise<void> {
  const [id] = ids;
  const found = await (id === undefined || asksForMany(ids, options) ? ofMany(ids, options) : ofOne(id, options));
  // A failure's 1 comes before it.
  if (found.some((one) => one.drift.length > 0)) process.exitCode ??= 2;
}

async function ofMany(ids: readonly string[], options: Options): Promise<Found[]> {
  const { runFleet } = await import("../fleet/run.ts");
  const { findTargets } = await import("../fleet/targets.ts");
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  // What tenants share is put back before they are verified.
  const withPlatform = options.repair ? "first" : "among";
  const order = await findTargets(ids, options, { source: "files", withPlatform });
  const outcomes = await runFleet(await jobOf(options), order, options);
  const done = outcomes.flatMap(({ id, result }) => (result.status === "done" ? [{ id, found: result.value }] : []));
  await noteRepair(done.filter(({ found }) => isMendable(found)).map(({ id }) => id));
  return done.map(({ found }) => found);
}

async function ofOne(id: string, options: Options): Promise<Found[]> {
  const { wordsOf } = await import("../fleet/run.ts");
  const { showJson } = await import("../fleet/summary.ts");
  const { interrupted, withInterrupts } = await import("../engine/interrupt.ts");
  const { beginProgress } = await import("../progress.ts");
  const { complain, say } = await import("../output.ts");
  const words = wordsOf(await jobOf(options), options);
  const { look } = await import("../drift/look.ts");
  const progress = await beginProgress(
    `${options.repair ? "Repairing" : "Looking at"} ${isPlatform(id) ? id : `tenant ${id}`}`,
  );
  try {
    const found = await withInterrupts(() => look(id, options.repair === true, progress)).finally(progress.end);
    if (interrupted()) process.exitCode = 1;
    if (options.json) showJson([{ id, result: { status: "done", value: found } }], words);
    else {
      say(described(id, found));
      if (isMendable(found)) await noteRepair([id]);
    }
    return [found];
  } catch (error) {
    if (process.env["TENANT_DEBUG"]) throw error;
    const { codeLine, codeOf, withoutSecrets } = await import("../errors.ts");
    if (options.json) showJson([{ id, result: { status: "failed", error: error as Error } }], words);
    complain(`tenant: ${withoutSecrets((error as Error).message)}`);
    complain(codeLine(codeOf(error)));
    process.exitCode = 1;
    return [];
  }
}

async function jobOf({ repair, json }: Options): Promise<Job<Found>> {
  const { look } = await import("../drift/look.ts");
  return {
    name: `drift${repair ? " --repair" : ""}`,
    doing: repair ? "Repairing" : "Looking at",
    work: (id, reporter) => look(id, repair === true, reporter),
    // Drift that is found is what was asked for.
    failed: () => false,
    notable: ({ drift: left }) => left.length > 0,
    said: ({ drift: left, repaired = [] }) => {
      const back = repaired.length > 0 ? `${repaired.length} put back, ` : "";
      return left.length > 0 ? `${back}${count(left)}${back && " left"}` : `${back}no difference`;
    },
    details: (id, found) =>
      json || found.drift.length + (found.repaired ?? []).length === 0 ? "" : `${described(id, found)}\n`,
    json: (found) => ({ ...found }),
  };
}

const count = ({ length }: readonly Difference[]): string => `${length} ${length === 1 ? "difference" : "differences"}`;

/** An update can put back some of it. */
const isMendable = ({ drift: left }: Found): boolean => left.some(({ help }) => help === undefined);

async function noteRepair(ids: readonly string[]): Promise<void> {
  const { note } = await import("../output.ts");
  if (ids.length > 0) note(`Put it back: npm run tenant -- drift ${ids.join(" ")} --repair`);
}

/** For a person: what was put back, and what differs. */
function described(id: string, { drift: left, repaired = [] }: Found): string {
  const title = id === "platform" ? "The platform" : isPlatform(id) ? `The stack ${id}` : `Tenant ${id}`;
  const back = repaired.length > 0 ? [lines(`${title}: put back`, repaired)] : [];
  if (left.length > 0) return [...back, lines(`${title}: ${count(left)}`, left)].join("\n");
  const end = repaired.length > 0 ? ` again: ${count(repaired)} put back.` : ".";
  return [...back, `${title} is as it was deployed${end}`].join("\n");
}

function lines(title: string, all: readonly Difference[]): string {
  const width = Math.max(...all.map(({ place }) => place.length));
  const rows = all.map(({ place, resource, what, help }) => {
    const line = `  ${place.padEnd(width)}  ${resource}: ${what}`;
    return help === undefined ? line : `${line}\n  ${" ".repeat(width)}    by hand: ${help}`;
  });
  return [title, ...rows].join("\n");
}

const isPlatform = (id: string): boolean => placementOfPlatform(id) !== undefined;
