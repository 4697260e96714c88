// A tenant's Redis key space: an ACL user for one prefix (plan, section 5).
import { ComponentResource, output, type ComponentResourceOptions, type Input } from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import { RedisAclUser } from "../providers/redis-acl-user.ts";
import { RedisPassword } from "../providers/redis-password.ts";
import type { TenantNames } from "./names.ts";

export interface KeySpaceArgs {
  readonly names: TenantNames;
  /** Secret. */
  readonly password: Input<string>;
  /** The user keeps its password and rules, and is off. */
  readonly suspended: boolean;
}

/** The ACL user and its password. The server is given the password's hash, never the password. */
export class KeySpace extends ComponentResource {
  constructor(name: string, args: KeySpaceArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:KeySpace", name, {}, opts);
    const { names } = args;
    const passwordHash = output(args.password).apply((text) => createHash("sha256").update(text).digest("hex"));
    const user = new RedisAclUser(
      name,
      { user: names.redisUser, prefix: names.keyPrefix, passwordHash, enabled: !args.suspended },
      { parent: this },
    );
    new RedisPassword(name, { user: names.redisUser, passwordHash }, { parent: this, dependsOn: [user] });
    this.registerOutputs();
  }
}
