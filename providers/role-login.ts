// How a tenant's role gets in, if it does: its password, and no session that was opened with another. PostgreSQL lets open sessions
// live when a password changes, or the right to log in goes, and a role may set its own password: a session of somebody who is to be
// locked out would set the old one back.
import { secret, type CustomResourceOptions, type Input } from "@pulumi/pulumi";
import type { Client } from "pg";
import { withAdmin } from "./clients/postgresql.ts";
import { alterRole, dropForeignGrants, endSessions, isNoRole } from "./clients/role-sessions.ts";
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

interface Stored {
  readonly verifier: string | null;
  readonly login: boolean;
}

async function stored(client: Client, role: string): Promise<Stored | undefined> {
  const { rows } = await client.query<Stored>(
    "SELECT rolpassword AS verifier, rolcanlogin AS login FROM pg_authid WHERE rolname = $1",
    [role],
  );
  return rows[0];
}

/** Shuts the role out, ends its sessions, sets the password, lets it in if it may. */
async function change(client: Client, { role, verifier, login }: RoleLoginInputs): Promise<void> {
  const name = client.escapeIdentifier(role);
  await alterRole(client, `ALTER ROLE ${name} NOLOGIN`);
  await endSessions(client, role);
  await alterRole(client, `ALTER ROLE ${name} PASSWORD ${client.escapeLiteral(verifier)}${login ? " LOGIN" : ""}`);
}

export const provider = dynamicProvider<RoleLoginInputs, RoleLoginInputs>({
  describe: ({ role }) => `login of role ${role}`,
  id: ({ role }) => role,
  inputs: { role: "replace", database: "replace", verifier: "update", login: "update" },
  adopts: true,
  async ensure(desired) {
    await withAdmin(async (client) => {
      const { rows } = await client.query<{ now: string }>("SELECT clock_timestamp()::text AS now");
      await change(client, desired);
      // A session that was about to open when the role was shut out shows up only now.
      await endSessions(client, desired.role, rows[0]?.now);
      const after = await stored(client, desired.role);
      if (after?.verifier !== desired.verifier) {
        throw new Error("a session of the role changed the password meanwhile. Run it again");
      }
    });
    return desired;
  },
  async observe(recorded) {
    const found = await withAdmin((client) => stored(client, recorded.role));
    if (found === undefined) return undefined;
    const verifier = found.verifier === recorded.verifier ? recorded.verifier : "changed outside";
    return { ...recorded, verifier, login: found.login };
  },
  async remove({ role, database }) {
    await withAdmin(async (client) => {
      try {
        await alterRole(client, `ALTER ROLE ${client.escapeIdentifier(role)} NOLOGIN`);
      } catch (error) {
        if (isNoRole(error)) return;
        throw error;
      }
      await endSessions(client, role);
      await dropForeignGrants(client, role, database);
    });
  },
});

/** The role's password, whether it may log in, and its sessions: a change ends them. Deleted, the role cannot log in. */
export class RoleLogin extends DynamicResource {
  constructor(
    name: string,
    args: { role: Input<string>; database: string; verifier: Input<string>; login: boolean },
    opts?: CustomResourceOptions,
  ) {
    super("RoleLogin", "role-login", name, { ...args, verifier: secret(args.verifier) }, opts);
  }
}
