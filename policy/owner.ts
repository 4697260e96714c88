// Whose resources a stack may make. The names are spelled out here once more: a rule that asked the program for them would
// agree with whatever the program does.

/** The one tenant of a stack, and its names in the stores. */
export interface Owner {
  readonly id: string;
  /** The stack of what tenants share; its tenant is the canary. */
  readonly platform: boolean;
  /** The platform of another placement: the platform database is not there. */
  readonly placed: boolean;
  readonly bucket: string;
  /** The first one; a rotation appends `-` and its number. */
  readonly minioUser: string;
  readonly minioPolicy: string;
  readonly database: string;
  readonly role: string;
  readonly collection: string;
  readonly redisUser: string;
  /** Of keys and channels. */
  readonly keyPrefix: string;
}

/** The owner of a resource, by the stack in its URN (`urn:pulumi:STACK::PROJECT::TYPE::NAME`). */
export function ownerOf(urn: string): Owner {
  const stack = urn.split("::")[0]?.split(":")[2] ?? "";
  // Ids of tenants hold no hyphen.
  const placed = stack.startsWith("platform-");
  const platform = stack === "platform" || placed;
  const id = platform ? "canary" : stack;
  return {
    ...{ id, platform, placed },
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
