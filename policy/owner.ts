// Whose resources a stack may make. The names are spelled out here once more: a rule that asked the program for them would
// agree with whatever the program does.

/** The one tenant of a stack, and its names in the stores. */
export interface Owner {
  readonly id: string;
  /** The stack of what tenants share; its tenant is the canary. */
  readonly platform: boolean;
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
  const platform = stack === "platform";
  const id = platform ? "canary" : stack;
  return {
    ...{ id, platform },
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
