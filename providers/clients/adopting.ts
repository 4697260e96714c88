// The switch of an adoption: a tenant that somebody made without this tool is taken over as it is, and nothing of it is changed.

/** `tenant adopt ID` sets it to the tenant's id for the run that takes it over. */
export const adoptVariable = "TENANT_ADOPT";

/** The tenant that this run of Pulumi takes over; undefined in every other run. */
export function adopting(env: NodeJS.ProcessEnv = process.env): string | undefined {
  return env[adoptVariable] || undefined;
}
