// What a program gives as arguments, as the configuration that it would be in a stack's file: checked and completed by the same rules.

/** Configuration by key, for `tenantSettings` and `platformSettings`. Arguments that are not given are left out. */
export function asConfiguration(args: object): Record<string, string> {
  const given = Object.entries(args as Record<string, unknown>).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    given.map(([key, value]) => [`tenant-storage:${key}`, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}
