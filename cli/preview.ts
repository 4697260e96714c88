// npm run preview: what the stacks' files would change, and whether the policy pack agrees. For pull requests, CI and people.
import { enableCompileCache } from "node:module";
import { join } from "node:path";
import { Command } from "commander";
import { localDir } from "../toolchain/paths.ts";
import type { Previewed } from "./engine/preview.ts";
import { errorOutput, showError } from "./errors.ts";
import { catchTheRest, withManners } from "./manners.ts";
import { complain, note, plural, say, sayJson, table } from "./output.ts";

enableCompileCache(process.env["NODE_COMPILE_CACHE"] ?? join(localDir, "compile-cache"));

interface Options {
  readonly json?: true;
  readonly diff?: true;
}

const program = withManners(new Command("npm run preview --"))
  .description("show what pulumi up would change, and refuse what would break the isolation of tenants (policy/)")
  .argument("[stacks...]", "names of stacks; without any, every stack that has a file in stacks/")
  .option("--diff", "show the properties that change")
  .option("--json", "print one JSON document instead: by stack the changes, what the rules say, and errors")
  .addHelpText(
    "after",
    `
The exit code is 1 when a rule refuses a stack or its preview fails. Nothing is made or changed. Servers: as for
npm run tenant, the local stores unless the environment names others.

Example: npm run preview -- acme --diff`,
  )
  .action(preview);

async function preview(names: readonly string[], { json, diff }: Options): Promise<void> {
  const [{ useEnvironment }, { interrupted, withInterrupts }, { previewStack, stacksWithFiles }] = await Promise.all([
    import("./environment.ts"),
    import("./engine/interrupt.ts"),
    import("./engine/preview.ts"),
  ]);
  await useEnvironment();
  const stacks = names.length > 0 ? [...new Set(names)] : stacksWithFiles();
  const all: Previewed[] = [];
  const onOutput = (text: string): void => void (json ? undefined : process.stdout.write(text));
  await withInterrupts(async () => {
    for (const stack of stacks)
      if (!interrupted()) all.push(await previewStack(stack, { diff: diff === true, onOutput }));
  });
  if (json) sayJson(all);
  else await summary(all);
  if (interrupted() || all.some(({ refused, errors }) => refused.length + errors.length > 0)) process.exitCode = 1;
}

async function summary(all: readonly Previewed[]): Promise<void> {
  if (all.length === 0) return note("No stack has a file in stacks/: npm run tenant -- provision ID --network CIDR");
  say(
    await table(
      ["stack", "policy", "changes"],
      all.map((one) => [one.stack, policyOf(one), changesOf(one)]),
    ),
  );
  const refused = all.filter((one) => one.refused.length > 0).map(({ stack }) => stack);
  const failed = all.filter((one) => one.errors.length > 0).map(({ stack }) => stack);
  if (refused.length > 0) complain(`The policy pack refuses ${refused.join(", ")}: see "Policies" above.`);
  if (failed.length > 0) complain(`The preview of ${failed.join(", ")} failed: see "Diagnostics" above.`);
}

function policyOf({ refused, warnings, errors }: Previewed): string {
  const rules = [...new Set(refused.map(({ rule }) => rule))];
  if (rules.length > 0) return `refused: ${rules.join(", ")}`;
  if (errors.length > 0) return "failed";
  return warnings.length > 0 ? `passes, ${plural(warnings.length, "warning")}` : "passes";
}

function changesOf({ changes }: Previewed): string {
  const named = Object.entries(changes).filter(([op]) => op !== "same");
  return named.length === 0 ? "none" : named.map(([op, count]) => `${count} to ${op}`).join(", ");
}

catchTheRest("preview");
try {
  await program.parseAsync();
} catch (error) {
  showError("preview", error, errorOutput(process.argv));
  process.exitCode = 1;
}
