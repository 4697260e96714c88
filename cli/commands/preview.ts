// tenant preview, npm run preview: what the stacks' files would change, and whether the policy pack agrees. For pull requests, CI and people.
import { Command } from "commander";
import type { Previewed } from "../engine/preview.ts";
import type { Change } from "../fleet/changed.ts";
import { some, type Kind } from "../fleet/kinds.ts";
import type { Outcome } from "../fleet/scheduler.ts";
import { addFleetOptions, type FleetOptions } from "../fleet/options.ts";

interface Options extends FleetOptions {
  readonly diff?: true;
  readonly summary?: true;
  readonly markdown?: true;
  readonly output?: string;
}

export function previewCommand(): Command {
  const command = new Command("preview")
    .description("show what pulumi up would change, and refuse what would break the isolation of tenants (policy/)")
    .argument("[ids...]", "names of stacks; without any, every stack that has a file in stacks/");
  return addFleetOptions(command)
    .option("--diff", "show the properties that change")
    .option("--summary", "only what would change in how many tenants, by kind of change")
    .option("--markdown", "print it as one comment for a pull request, at most 65,536 characters")
    .option("--output <file>", "with --markdown: into this file")
    .option("--json", "print one JSON document instead: by stack the changes, what the rules say, and errors")
    .addHelpText(
      "after",
      `
The exit code is 1 when a rule refuses a stack or its preview fails. Nothing is made or changed. Servers: the local stores unless
the environment names others.

Examples:
  npm run preview -- acme --diff
  npm run preview -- --all --summary
  npm run preview -- --changed-since origin/main --markdown --output preview.md`,
    )
    .action(preview);
}

async function preview(ids: readonly string[], options: Options): Promise<void> {
  const { Problem } = await import("../errors.ts");
  if (options.output !== undefined && !options.markdown)
    throw new Problem("usage", "--output is for --markdown. Nothing was done.");
  const shapes = (["json", "markdown", "summary"] as const).filter((one) => options[one]);
  if (shapes.length > 1)
    throw new Problem("usage", `--${shapes.join(" and --")} exclude each other. Nothing was done.`);
  const { previewStack } = await import("../engine/preview.ts");
  const { runFleet } = await import("../fleet/run.ts");
  const { findTargets } = await import("../fleet/targets.ts");
  const { Kinds } = await import("../fleet/kinds.ts");
  // No word about which means every stack.
  const asked = ids.length > 0 || options.select !== undefined || options.changedSince !== undefined;
  const which: FleetOptions = asked ? options : { ...options, all: true };
  const targets = await findTargets(ids, which, { source: "files", withPlatform: "among" });
  const details = new Map<string, string>();
  const kinds = new Kinds();
  const outcomes = await runFleet<Previewed>(
    {
      name: `preview${options.diff ? " --diff" : ""}`,
      doing: "Previewing",
      work: async (stack) => {
        const printed: string[] = [];
        const quiet = shapes.length > 0;
        const onOutput = (text: string): void => void (quiet ? undefined : printed.push(text));
        const found = await previewStack(stack, { diff: options.diff === true, onOutput });
        if (printed.length > 0) details.set(stack, printed.join(""));
        kinds.add(found);
        return options.summary ? { ...found, steps: [] } : found;
      },
      details: (stack) => {
        const text = details.get(stack) ?? "";
        details.delete(stack);
        return text;
      },
      failed: ({ refused, errors }) => refused.length + errors.length > 0,
      said: (one) => `${policyOf(one)}; ${changesOf(one)}`,
      json: ({ stack: _, ...found }) => found,
    },
    targets,
    options,
    { quiet: options.markdown === true || options.summary === true },
  );
  if (options.summary) await showKinds(kinds.all(), outcomes);
  if (!options.markdown) return;
  const { comment } = await import("../fleet/markdown.ts");
  const { change } = targets;
  const text = comment({
    previews: outcomes.map(previewOf),
    removed: change?.removed ?? [],
    because: change === undefined ? "These stacks were asked for." : reason(change),
  });
  if (options.output === undefined) return void process.stdout.write(text);
  const { mkdir, writeFile } = await import("node:fs/promises");
  const path = await import("node:path");
  const file = path.resolve(process.env["INIT_CWD"] ?? ".", options.output);
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(file, text);
}

/** Also of a stack that could not be previewed at all. */
function previewOf({ id: stack, result }: Outcome<Previewed>): Previewed {
  if (result.status === "done") return result.value;
  const error = result.status === "failed" ? result.error.message : `not previewed: ${result.why}`;
  return { stack, changes: {}, steps: [], refused: [], warnings: [], errors: [error] };
}

function reason({ program, stacks }: Change): string {
  if (program.length > 0) {
    const files = program.length === 1 ? "1 file" : `${program.length} files`;
    return `The program changed (${files}: ${some(program)}), so every stack was looked at.`;
  }
  return stacks.length > 0
    ? `Stack files changed: ${some(stacks, 20)}.`
    : "The change touches no stack's file, and nothing of the program.";
}

async function showKinds(kinds: readonly Kind[], outcomes: readonly Outcome<Previewed>[]): Promise<void> {
  const { note, plural, say, table } = await import("../output.ts");
  const rows = kinds.map(({ op, type, properties, stacks, resources }) => [
    op,
    type,
    properties.join("\n"),
    String(stacks.length),
    String(resources),
    some(stacks),
  ]);
  if (rows.length > 0) say(await table(["would", "resource", "properties", "stacks", "resources", "such as"], rows));
  // A run that failed knows of no changes: that is not the same as none.
  const done = outcomes.filter(({ result }) => result.status === "done" && result.value.errors.length === 0).length;
  if (done === 0) return;
  note(
    rows.length === 0
      ? `Nothing would change in ${plural(done, "stack")}.`
      : `In ${plural(done, "stack")}. One in full: npm run preview -- ${kinds[0]?.stacks[0]} --diff`,
  );
}

function policyOf({ refused, warnings, errors }: Previewed): string {
  const rules = [...new Set(refused.map(({ rule }) => rule))];
  if (rules.length > 0) return `refused: ${rules.join(", ")}`;
  if (errors.length > 0) return `failed: ${errors.join("; ")}`;
  return warnings.length > 0 ? `passes with ${warnings.length} warnings` : "passes";
}

function changesOf({ changes }: Previewed): string {
  const named = Object.entries(changes).filter(([op]) => op !== "same");
  return named.length === 0 ? "no changes" : named.map(([op, count]) => `${count} to ${op}`).join(", ");
}
