// npm run drift-issue -- [--post]: what somebody changed from outside, as one issue that is kept up to date.
import { spawn } from "node:child_process";
import { text } from "node:stream/consumers";
import { Command } from "commander";
import { root } from "../toolchain/paths.ts";
import { driftIssue, marker, type DriftDocument } from "./drift-text.ts";
import { repositoryOf, upsertIssue } from "./github.ts";

/** `tenant drift --all --json`, with what it says to whoever watches. Its exit code says less than what it prints. */
async function look(): Promise<DriftDocument> {
  const args = ["cli/tenant.ts", "drift", "--all", "--json"];
  const child = spawn(process.execPath, args, { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const printed = await text(child.stdout);
  if (printed === "") throw new Error("tenant drift could not begin; what it said stands above");
  const document = JSON.parse(printed) as DriftDocument;
  // Not the same as no drift, and no reason to close an issue.
  if (document.tenants.length === 0) throw new Error("no stack has a file in stacks/ here: nothing was looked at");
  return document;
}

async function main(post: boolean): Promise<void> {
  // What is missing is said before the stores are asked.
  const repository = post ? repositoryOf(process.env) : undefined;
  const body = driftIssue(await look());
  process.stdout.write(body ?? "No drift.\n");
  if (repository === undefined) {
    if (body !== undefined) process.exitCode = 1;
    return;
  }
  const title = "Drift: tenants are not as they were deployed";
  process.stderr.write(`The issue: ${await upsertIssue(repository, { marker, title, body })}\n`);
}

const program = new Command("npm run drift-issue --")
  .description("look for drift of all tenants, and print the issue that tells of it")
  .option("--post", "open the issue, bring it up to date, or close it (GITHUB_REPOSITORY, GITHUB_TOKEN)")
  .addHelpText(
    "after",
    "\nExit code 0: nothing differs, or with --post the issue tells what does. 1: there is something to tell, or it failed.",
  );
try {
  await program.parseAsync();
  await main(program.opts<{ post?: true }>().post === true);
} catch (error) {
  process.stderr.write(`drift-issue: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
