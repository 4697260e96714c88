// What the observation of a tenant finds: each difference between what was deployed and what the servers say.

/** Where it is. */
export const places = ["files", "MinIO", "PostgreSQL", "Qdrant", "Redis", "platform database"] as const;
export type Place = (typeof places)[number];

/** One difference. */
export interface Difference {
  readonly place: Place;
  /** `IamPolicy acme`; of what belongs to no resource its own name. */
  readonly resource: string;
  /** `foreign`: somebody added it, or it is no setting of the resource. */
  readonly kind: "changed" | "deleted" | "foreign";
  /** In words, without secrets: `connectionLimit: 20 → -1`. */
  readonly what: string;
  /** What an update cannot put back safely: the command, or what a person has to look at. */
  readonly help?: string;
}

/** By place, then by resource. */
export function sorted(all: readonly Difference[]): Difference[] {
  const order = ({ place, resource }: Difference) => `${places.indexOf(place)} ${resource}`;
  return [...all].sort((one, other) => order(one).localeCompare(order(other), "en"));
}

/** `IamPolicy acme: policy.Statement: added {…}`. */
export const told = ({ resource, what }: Difference): string => `${resource}: ${what}`;
