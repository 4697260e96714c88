// tenant report [ID…]: the fleet and its tenants on one page.
import { Command, InvalidArgumentError, Option } from "commander";
import { sizeChoices, type SizeChoice } from "../report/size-choices.ts";

interface Options {
  readonly html?: string;
  readonly serve?: true;
  readonly port?: number;
  readonly json?: true;
  readonly sizes: SizeChoice;
}

/** The same for every command that asks the stores. */
export function sizesOption(): Option {
  return new Option(
    "--sizes <which>",
    "none: ask no store; fast: all but Redis' keys; all: walk those, too (seconds for a million)",
  )
    .choices(sizeChoices)
    .default("fast");
}

export function reportCommand(): Command {
  return new Command("report")
    .description("the fleet on one page: verification, isolation, drift, sizes, credentials' age, what happened")
    .argument("[id...]", "these tenants; without it, all")
    .option("--html <file>", "write one self-contained page")
    .option("--serve", "show it live, on this machine only, until Ctrl-C")
    .option("--port <number>", "with --serve: this port, in place of a free one", port)
    .option("--json", "print JSON")
    .addOption(sizesOption())
    .addHelpText(
      "after",
      `
The page holds no secret, loads nothing and runs nothing: send it, print it, keep it. --serve also answers /metrics and
/fleet.json. Exit code 0 as soon as the platform database answers: a store that does not is on the page.

Example: npm run tenant -- report --html fleet.html`,
    )
    .action(report);
}

function port(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value > 0 && value < 65_536) return value;
  throw new InvalidArgumentError("Give a port from 1 to 65535.");
}

async function report(only: readonly string[], options: Options): Promise<void> {
  await requireSense(options);
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  const { note, plural, sayJson } = await import("../output.ts");
  const gathered = await gatherer(only, options.sizes);
  if (options.serve) return serveUntilInterrupted(gathered, options.port ?? 0);
  const { beginProgress } = await import("../progress.ts");
  const progress = await beginProgress("Reading the fleet");
  const fleet = await gathered().finally(progress.end);
  for (const { store, problem } of fleet.stores) if (problem !== "") note(`${store}: ${problem}`);
  if (options.json) return sayJson(fleet);
  const { writeAtomically } = await import("../../providers/clients/files.ts");
  const { page } = await import("../report/page.ts");
  const file = options.html ?? "";
  await writeAtomically(file, await page(fleet), 0o600);
  note(`${plural(fleet.tenants.length, "tenant")} in ${file}`);
}

async function requireSense({ html, serve, json, port: number }: Options): Promise<void> {
  const { Problem } = await import("../errors.ts");
  const ways = [html !== undefined, serve, json].filter((one) => one === true);
  const problems = [
    ways.length !== 1 && "say one of --html FILE, --serve and --json",
    number !== undefined && !serve && "--port is for --serve",
  ].filter((one) => typeof one === "string");
  if (problems.length > 0) throw new Problem("usage", `${problems.join("; ")}. Help: npm run tenant -- report --help`);
}

/** Gathers, once every id is known to be a tenant. */
async function gatherer(only: readonly string[], sizes: SizeChoice) {
  const { gather } = await import("../report/gather.ts");
  if (only.length > 0) {
    const { withPlatform } = await import("../../providers/clients/platform-db.ts");
    const { listTenants } = await import("../../providers/clients/registry.ts");
    const known = new Set((await withPlatform(listTenants)).map(({ tenant_id }) => tenant_id));
    for (const id of only) {
      if (known.has(id)) continue;
      const { unknownTenant } = await import("../tenants.ts");
      throw await unknownTenant(id);
    }
  }
  return async () => gather({ only, sizes });
}

async function serveUntilInterrupted(gathered: Awaited<ReturnType<typeof gatherer>>, at: number): Promise<void> {
  const { serve } = await import("../report/serve.ts");
  const { note, say } = await import("../output.ts");
  const serving = await serve(gathered, at);
  say(serving.url);
  note("Ctrl-C ends it.");
  await new Promise<void>((done) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => done());
  });
  await serving.close();
}
