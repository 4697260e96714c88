// Which secrets a tenant has, and how often each was rotated. A number that is raised asks for a new secret.

/** The five credentials of a tenant, and the key they are encrypted with. */
export const rotatable = ["minio", "postgresql", "qdrant", "redis", "api", "age"] as const;

export type Secret = (typeof rotatable)[number];

/** How many rotations there were of each secret; 0, or none at all, is the first secret. */
export type Rotations = Readonly<Partial<Record<Secret, number>>>;

/** The numbers of what was ever rotated; undefined when nothing was: then every resource has the inputs it always had. */
export function everRotated(of: Rotations): Rotations | undefined {
  const raised = rotatable.filter((secret) => (of[secret] ?? 0) > 0);
  return raised.length === 0 ? undefined : Object.fromEntries(raised.map((secret) => [secret, of[secret]]));
}

/** The secrets whose number differs. */
export function differing(one: Rotations = {}, other: Rotations = {}): Secret[] {
  return rotatable.filter((secret) => (one[secret] ?? 0) !== (other[secret] ?? 0));
}
