// Placements: sets of the four stores, each by a name. The default one is the environment's own variables and holds the platform
// database; the variables of another one have its name in theirs, TENANT_PLACEMENT_EU_2_PGHOST. They are the operator's: a stack's
// file only names a placement, so that whoever proposes a change of it cannot say where a credential is sent.

/** The placement that the environment's own variables are. */
export const defaultPlacement = "default";

/** Variables of placements begin with it. */
const prefix = "TENANT_PLACEMENT_";

/** The beginning of the variables of a placement. */
export const variablesOf = (placement: string): string => `${prefix}${placement.toUpperCase().replaceAll("-", "_")}_`;

/** The variable of a placement that says what `variable` says of the default one. */
export const placementVariable = (placement: string, variable: string): string =>
  placement === defaultPlacement ? variable : `${variablesOf(placement)}${variable}`;

/** Why a name is none of a placement, in one sentence; undefined when it is one. */
export function placementProblem(name: string): string | undefined {
  if (name.length <= 30 && /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(name)) return undefined;
  return `must be the name of a placement, such as eu-2: at most 30 of a-z, 0-9 and single hyphens, first a letter`;
}

/** The environment of a placement: its own variables by their plain names, and nothing of the default one's. */
export function placementEnvironment(
  placement: string,
  variables: readonly string[],
  env: NodeJS.ProcessEnv,
): Record<string, string> {
  const found = variables.map((name) => [name, env[placementVariable(placement, name)]] as const);
  return Object.fromEntries(found.filter((one): one is [string, string] => Boolean(one[1])));
}

/** The placements that the environment names beside the default one, by name. */
export function placementsIn(variables: readonly string[], env: NodeJS.ProcessEnv = process.env): string[] {
  const names = Object.keys(env).flatMap((key) => {
    const end = key.startsWith(prefix) && env[key] ? variables.find((one) => key.endsWith(`_${one}`)) : undefined;
    return end === undefined
      ? []
      : key
          .slice(prefix.length, -end.length - 1)
          .toLowerCase()
          .replaceAll("_", "-");
  });
  return [...new Set(names)].filter((name) => name !== defaultPlacement && placementProblem(name) === undefined).sort();
}

/** The stack of what the tenants of a placement share. */
export const platformStack = (placement: string): string =>
  placement === defaultPlacement ? "platform" : `platform-${placement}`;

/** The placement whose tenants share what this stack makes; undefined when it is a tenant's. Ids of tenants hold no hyphen. */
export function placementOfPlatform(stack: string): string | undefined {
  return stack === "platform" ? defaultPlacement : /^platform-(.+)$/.exec(stack)?.[1];
}
