// npm run pr-preview -- [--base REF] [--output FILE] [--pull NUMBER]: the comment of a pull request, made here as in CI.
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { Command, InvalidArgumentError } from "commander";
import { marker } from "../cli/fleet/markdown.ts";
import { localDir, root } from "../toolchain/paths.ts";
import { repositoryOf, upsertComment } from "./github.ts";

interface Options {
  readonly base: string;
  readonly output: string;
  readonly pull?: number;
}

function numberOf(text: string): number {
  if (/^[1-9]\d*$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be the number of a pull request.");
}

/** `tenant preview`, with what it says to whoever watches. */
async function preview({ base, output }: Options): Promise<number> {
  const args = ["cli/tenant.ts", "preview", "--changed-since", base, "--markdown", "--output", output];
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, args, { cwd: root, stdio: "inherit" });
    child.on("error", fail);
    child.on("close", (code) => done(code ?? 1));
  });
}

async function main(options: Options): Promise<void> {
  process.exitCode = await preview(options);
  if (!existsSync(options.output)) return;
  const body = readFileSync(options.output, "utf8");
  process.stderr.write(`The comment: ${options.output} (${body.length} characters)\n`);
  if (options.pull === undefined) return;
  const done = await upsertComment(repositoryOf(process.env), options.pull, marker, body);
  process.stderr.write(`The comment of pull request ${options.pull} is ${done}.\n`);
}

const program = new Command("npm run pr-preview --")
  .description("preview what a branch changes, as one comment for its pull request")
  .option("--base <ref>", "the branch that the pull request is for", "origin/main")
  .option("--output <file>", "where the comment is written", join(localDir, "pr-preview.md"))
  .option(
    "--pull <number>",
    "also create or update the comment of this pull request (GITHUB_REPOSITORY, GITHUB_TOKEN)",
    numberOf,
  )
  .addHelpText(
    "after",
    "\nThe exit code is the preview's: 1 when a rule refuses a stack, or a preview fails.\n\nExample: npm run pr-preview -- --base main",
  );
try {
  await program.parseAsync();
  const { output, ...options } = program.opts<Options>();
  const file = resolve(process.env["INIT_CWD"] ?? ".", output);
  // What git or the command line refuses makes no comment; an older one is not this one.
  rmSync(file, { force: true });
  await main({ ...options, output: file });
} catch (error) {
  process.stderr.write(`pr-preview: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
