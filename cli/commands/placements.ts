// tenant placements: the sets of the four stores that tenants may live on.
import { Command } from "commander";

interface Options {
  readonly env?: true;
  readonly json?: true;
}

export function placementsCommand(): Command {
  return new Command("placements")
    .description("the sets of the four stores that tenants may live on")
    .option("--env", "print the variables of all placements instead, with their passwords: for plain pulumi")
    .option("--json", "print JSON")
    .addHelpText(
      "after",
      `
The default placement is this environment's own servers, with the platform database for all. The others are named in the file of
TENANT_PLACEMENTS_FILE (YAML, mode 0600 or encrypted with SOPS), or by variables such as TENANT_PLACEMENT_EU_2_PGHOST. Each
is prepared once, by a platform stack of its own, before a tenant can live there. What is wrong with one is said here.

Examples:
  npm run tenant -- up platform-eu-2
  npm run tenant -- provision initech --network 10.14.0.0/16 --placement eu-2
  eval "$(npm run -s tenant -- placements --env)"`,
    )
    .action(placements);
}

async function placements({ env, json }: Options): Promise<void> {
  const { knownPlacements, placementVariables } = await import("../placements.ts");
  const { note, say, sayJson, table } = await import("../output.ts");
  if (env) {
    const { quoted } = await import("../shell.ts");
    const variables = placementVariables();
    if (json) return sayJson(variables);
    for (const [name, value] of Object.entries(variables)) say(`export ${name}=${quoted(value)}`);
    return;
  }
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig("platform");
  const { found, unasked } = await knownPlacements();
  if (json) sayJson(found);
  else {
    const rows = found.map(({ placement, servers, problem, prepared, tenants }) => [
      placement,
      problem === "" ? Object.values(servers).join("\n") : problem,
      prepared === null ? "?" : prepared ? "yes" : "no",
      tenants === null ? "?" : String(tenants),
    ]);
    say(await table(["placement", "servers", "prepared", "tenants"], rows));
    for (const { placement, prepared, stack } of found) {
      if (prepared === false) note(`Before a tenant can live on ${placement}: npm run tenant -- up ${stack}`);
    }
  }
  if (unasked !== undefined) {
    const { complain } = await import("../output.ts");
    complain(`The platform database could not be asked who lives where: ${unasked}`);
  }
  if (unasked !== undefined || found.some(({ problem }) => problem !== "")) process.exitCode = 1;
}
