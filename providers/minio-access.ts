// Who a tenant's MinIO user is and what it may do, beyond what the native resources see: its secret, whether it is enabled, and every
// other way to rights (a second policy, groups, service accounts).
import { secret, type CustomResourceOptions, type Input } from "@pulumi/pulumi";
import { acceptsSecret, correctUser, differencesOf, exists, userOf, type WantedUser } from "./clients/minio-user.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export type MinioAccessInputs = WantedUser;

export const provider = dynamicProvider<MinioAccessInputs, MinioAccessInputs>({
  describe: ({ user }) => `rights of MinIO user ${user}`,
  id: ({ user }) => user,
  // With another user comes another access: the former user's goes with it.
  inputs: { user: "renew", policy: "update", secret: "update" },
  adopts: true,
  async ensure(desired) {
    const all = servers();
    const found = await userOf(all, desired.user);
    if (found === undefined) throw new Error("there is no such user: pulumi refresh, then pulumi up");
    await correctUser(all, desired, found);
    return desired;
  },
  observe: async (recorded) => ((await exists(servers(), recorded.user)) ? recorded : undefined),
  async foreign(recorded) {
    const all = servers();
    const [found, accepted] = await Promise.all([userOf(all, recorded.user), acceptsSecret(all, recorded)]);
    return found === undefined ? [] : differencesOf(found, recorded, accepted);
  },
  remove: async () => undefined, // Nothing but the user, which is the native resource's.
});

/** Keeps a user at one policy and one secret. */
export class MinioAccess extends DynamicResource {
  constructor(
    name: string,
    args: { user: Input<string>; policy: Input<string>; secret: Input<string> },
    opts?: CustomResourceOptions,
  ) {
    super("MinioAccess", "minio-access", name, { ...args, secret: secret(args.secret) }, opts);
  }
}
