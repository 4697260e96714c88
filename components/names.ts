// Every name a tenant has in every store: a pure function of its id. Rejects, never sanitises.

/** The ids nobody may choose: both belong to the platform stack. */
export const reservedIds = ["canary", "platform"] as const;

/** The tenant every other tenant must be refused by. Made by the platform stack. */
export const canaryId = "canary";

/** The plan's bucket structure (section 2.2). */
export const bucketPrefixes = ["raw/", "parsed/", "receipts/", "exports/"] as const;

/** What each is for: the text of the object that holds it open. */
export const prefixPurposes: Readonly<Record<(typeof bucketPrefixes)[number], string>> = {
  "raw/": "Original uploaded documents",
  "parsed/": "Canonical JSON after parsing",
  "receipts/": "Intake receipts",
  "exports/": "Compliance evidence exports",
};

/** The names of one tenant. */
export interface TenantNames {
  readonly id: string;
  readonly bucket: string;
  /** The first MinIO user, which is also its access key. Those of later rotations: `minioUserOf`. */
  readonly minioUser: string;
  readonly minioPolicy: string;
  readonly database: string;
  /** PostgreSQL role. */
  readonly role: string;
  /** Qdrant collection. */
  readonly collection: string;
  readonly redisUser: string;
  /** Every Redis key and channel of the tenant starts with it. It ends with a colon: `tenant:acme` would read `acme2`. */
  readonly keyPrefix: string;
}

/** The MinIO user after that many rotations. Ids hold no hyphen: it is nobody else's. */
export function minioUserOf({ minioUser }: TenantNames, rotation: number): string {
  return rotation === 0 ? minioUser : `${minioUser}-${rotation}`;
}

/** Whether a name is the tenant's MinIO user after some rotation. */
export function isMinioUserOf({ minioUser }: TenantNames, name: string): boolean {
  return (
    name === minioUser || (name.startsWith(`${minioUser}-`) && /^[1-9]\d*$/.test(name.slice(minioUser.length + 1)))
  );
}

/** Why an id is not a tenant id, in one sentence; undefined when it is one. */
export function idProblem(id: string): string | undefined {
  if (!/^[a-z0-9]{1,40}$/.test(id)) {
    return `${JSON.stringify(id)} is not a tenant id: 1 to 40 characters, only a-z and 0-9 (no hyphen, underscore or capital)`;
  }
  if ((reservedIds as readonly string[]).includes(id)) {
    return `${JSON.stringify(id)} is reserved for the platform (reserved: ${reservedIds.join(", ")}): choose another id`;
  }
  return undefined;
}

/**
 * The names of the tenant `id`.
 * @throws RangeError when `id` is no tenant id (`canary` is accepted: the platform stack makes it).
 */
export function tenantNames(id: string): TenantNames {
  const problem = id === canaryId ? undefined : idProblem(id);
  if (problem !== undefined) throw new RangeError(problem);
  return {
    id,
    bucket: `tenant-${id}-bucket`,
    minioUser: `tenant-${id}-access`,
    minioPolicy: `tenant-${id}-policy`,
    database: `tenant_${id}`,
    role: `tenant_${id}_user`,
    collection: `tenant_${id}`,
    redisUser: `tenant_${id}_user`,
    keyPrefix: `tenant:${id}:`,
  };
}
