// tenant drift [ID…|--all]: what somebody changed from outside, and putting it back.
import { Command } from "commander";
import type { Difference } from "../drift/difference.ts";
import type { Repaired } from "../engine/drift.ts";
import type { Progress } from "../progress.ts";

interface Options {
  readonly all?: true;
  readonly repair?: true;
  readonly json?: true;
}

/** What was found of one tenant, or of the platform. */
interface Found {
  readonly id: string;
  readonly drift: readonly Difference[];
  /** With `--repair`: what was put back. */
  readonly repaired?: readonly Difference[];
  /** Why it could not be said. */
  readonly error?: { readonly code: string; readonly message: string };
}

export function driftCommand(): Command {
  return new Command("drift")
    .description(
      "find what was changed from outside in a tenant's stores, files and records; put it back with --repair",
    )
    .argument("[ids...]", "tenants; platform is what tenants share")
    .option("--all", "every tenant that has a file in stacks/, and the platform")
    .option("--repair", "put back what an update can put back, verify the tenant, and record it in the audit log")
    .option("--json", "print the differences as JSON")
    .addHelpText(
      "after",
      `
Asks every server, reads the files, and compares with what was deployed: changed, deleted and added. Nothing is changed or
recorded without --repair. pulumi refresh and pulumi up do the same for all but what is marked "by hand".
Exit code 0: no difference, or all put back. 2: there are differences. 1: it could not be found out, or not be put back.

Example: npm run tenant -- drift initech`,
    )
    .action(drift);
}

async function drift(ids: readonly string[], { all, repair, json }: Options): Promise<void> {
  const wanted = await chosen(ids, all === true);
  const [{ interrupted, withInterrupts }, { beginProgress }, { sayJson }] = await Promise.all([
    import("../engine/interrupt.ts"),
    import("../progress.ts"),
    import("../output.ts"),
  ]);
  const found: Found[] = [];
  await withInterrupts(async () => {
    for (const id of wanted) {
      if (interrupted()) break;
      const progress = await beginProgress(`${repair ? "Repairing" : "Looking at"} ${named(id)}`);
      const one = await outcome(id, repair === true, progress).finally(progress.end);
      await keep(one);
      found.push(one);
      if (!json) await show(one);
    }
  });
  if (json) sayJson(found);
  if (interrupted() || found.some(({ error }) => error !== undefined)) process.exitCode = 1;
  else if (found.some((one) => one.drift.length > 0)) process.exitCode = 2;
}

async function chosen(ids: readonly string[], all: boolean): Promise<readonly string[]> {
  const { Problem } = await import("../errors.ts");
  if (all === ids.length > 0) {
    throw new Problem(
      "usage",
      "Name the tenants, or say --all: npm run tenant -- drift acme globex, npm run tenant -- drift --all",
    );
  }
  if (!all) return [...new Set(ids)];
  const { stacksWithFiles } = await import("../engine/preview.ts");
  return stacksWithFiles();
}

async function outcome(id: string, repair: boolean, progress: Progress): Promise<Found> {
  const { driftOf, repairDrift } = await import("../engine/drift.ts");
  const { codeOf, withoutSecrets } = await import("../errors.ts");
  try {
    if (!repair) return { id, drift: await driftOf(id, progress) };
    const { repaired, left }: Repaired = await repairDrift(id, progress);
    return { id, drift: left, repaired };
  } catch (error) {
    if (process.env["TENANT_DEBUG"]) throw error;
    return { id, drift: [], error: { code: codeOf(error), message: withoutSecrets((error as Error).message) } };
  }
}

/** The newest outcome, for reports and metrics. That it could not be kept is no reason to fail: the drift is told. */
async function keep({ id, drift: left, error }: Found): Promise<void> {
  const [{ withPlatform }, { storeDriftResult }] = await Promise.all([
    import("../../providers/clients/platform-db.ts"),
    import("../../providers/clients/drift-results.ts"),
  ]);
  const kinds = { changed: "changed", deleted: "missing", foreign: "unexpected" } as const;
  await withPlatform((client) =>
    storeDriftResult(client, {
      tenant_id: id,
      outcome: error !== undefined ? "failed" : left.length > 0 ? "drift" : "none",
      findings: left.map(({ resource, kind, what }) => ({ resource, kind: kinds[kind], detail: what })),
      problem: error?.message ?? "",
      checked_at: new Date(),
    }),
  ).catch(() => undefined);
}

const named = (id: string): string => (id === "platform" ? "the platform" : `tenant ${id}`);

async function show({ id, drift: left, repaired = [], error }: Found): Promise<void> {
  const { complain, note, plural, say } = await import("../output.ts");
  if (error !== undefined) {
    const { codeLine } = await import("../errors.ts");
    complain(`tenant: ${error.message}`);
    return complain(codeLine(error.code));
  }
  const title = id === "platform" ? "The platform" : `Tenant ${id}`;
  if (repaired.length > 0) say(lines(`${title}: put back`, repaired));
  if (left.length === 0) {
    say(
      repaired.length > 0
        ? `${title} is as it was deployed again: ${plural(repaired.length, "difference")} put back.`
        : `${title} is as it was deployed.`,
    );
    return;
  }
  say(lines(`${title}: ${plural(left.length, "difference")}`, left));
  if (left.some(({ help }) => help === undefined)) note(`Put it back: npm run tenant -- drift ${id} --repair`);
}

function lines(title: string, all: readonly Difference[]): string {
  const width = Math.max(...all.map(({ place }) => place.length));
  const rows = all.map(({ place, resource, what, help }) => {
    const line = `  ${place.padEnd(width)}  ${resource}: ${what}`;
    return help === undefined ? line : `${line}\n  ${" ".repeat(width)}    by hand: ${help}`;
  });
  return [title, ...rows].join("\n");
}
