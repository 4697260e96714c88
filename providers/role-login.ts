// Whether a tenant's role may log in, and its first password. Later passwords are CredentialsHandover's: a password must not change
// before the file that holds it does.
import { secret, type CustomResourceOptions, type Input } from "@pulumi/pulumi";
import { undoAll, words } from "./clients/foreign.ts";
import { withAdmin } from "./clients/postgresql.ts";
import { withEveryNode } from "./clients/postgresql-nodes.ts";
import { forcePassword, storedLogin } from "./clients/role-password.ts";
import { foreignOfRole } from "./clients/role-rights.ts";
import { alterRole, dropForeignGrants, endSessions, isNoRole, shutOut } from "./clients/role-sessions.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface RoleLoginInputs {
  readonly role: string;
  /** The role's own database. */
  readonly database: string;
  /** `SCRAM-SHA-256$…` of the password. Secret. */
  readonly verifier: string;
  /** false: the password is kept and lets nobody in. */
  readonly login: boolean;
}

export const provider = dynamicProvider<RoleLoginInputs, RoleLoginInputs>({
  describe: ({ role }) => `login of role ${role}`,
  id: ({ role }) => role,
  inputs: { role: "replace", database: "replace", verifier: "update", login: "update" },
  adopts: true,
  async ensure(desired, previous) {
    await withEveryNode(async (nodes) => {
      const [{ client }] = nodes;
      for (const { database, found } of await foreignOfRole(client, desired.role, desired.database)) {
        if (found.length > 0) await withAdmin((there) => undoAll(there, found), database);
      }
      if (previous === undefined) return forcePassword(nodes, desired, () => undefined);
      const { role, login } = desired;
      if (login) return alterRole(client, `ALTER ROLE ${client.escapeIdentifier(role)} LOGIN`);
      await shutOut(nodes, role);
      // A session that was about to open when the role was shut out shows up only now.
      await endSessions(nodes, role);
    });
    return desired;
  },
  async observe(recorded) {
    const found = await withAdmin((client) => storedLogin(client, recorded.role));
    return found && { ...recorded, login: found.login };
  },
  foreign: async ({ role, database }) =>
    withAdmin(async (client) => words((await foreignOfRole(client, role, database)).flatMap(({ found }) => found))),
  async remove({ role, database }) {
    await withEveryNode(async (nodes) => {
      try {
        await shutOut(nodes, role);
      } catch (error) {
        if (isNoRole(error)) return;
        throw error;
      }
      await dropForeignGrants(nodes[0].client, role, database);
    });
  },
});

/** Whether the role may log in: if not, no session of it is left. Deleted, the role cannot. */
export class RoleLogin extends DynamicResource {
  constructor(
    name: string,
    args: { role: Input<string>; database: string; verifier: Input<string>; login: boolean },
    opts?: CustomResourceOptions,
  ) {
    super("RoleLogin", "role-login", name, { ...args, verifier: secret(args.verifier) }, opts);
  }
}
