// The database every tenant's database is copied from, and what must not be open to everybody beside it (isolation.md,
// PostgreSQL): in a default cluster any role can connect to postgres and template1, and read every session's activity.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import type { Client } from "pg";
import { closeCatalogs } from "./clients/catalogs.ts";
import { withAdmin } from "./clients/postgresql.ts";
import { onEveryServer, withEveryNode } from "./clients/postgresql-nodes.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface TenantTemplateInputs {
  /** Name of the template database. */
  readonly template: string;
  /** The role, without login, that owns the template and every tenant's database. */
  readonly owner: string;
  /** Raised when the lists in clients/catalogs.ts change. */
  readonly version: number;
}

/** Every server's own databases. */
const shared = ["postgres", "template0", "template1"];

async function hardenShared(client: Client): Promise<void> {
  // Nobody connects to the shared databases but those who are named.
  await client.query(`REVOKE ALL ON DATABASE ${shared.join(", ")} FROM PUBLIC`);
  // A session on template1 blocks every CREATE DATABASE from it.
  await client.query("ALTER DATABASE template1 ALLOW_CONNECTIONS false");
}

/**
 * The servers that store other things of a password than they should. A role may set its own in the clear: what is then stored is
 * the server's to choose, a standby's once it takes over.
 */
async function weakEncryption(): Promise<string[]> {
  return withEveryNode(async (nodes) => {
    const found = await onEveryServer(nodes, async ({ client, name }) => {
      const { rows } = await client.query<{ password_encryption: string }>("SHOW password_encryption");
      return { name, value: rows[0]?.password_encryption ?? "" };
    });
    return found
      .filter(({ value }) => value !== "scram-sha-256")
      .map(
        ({ name, value }) => `the server's password_encryption is ${value}${nodes.length === 1 ? "" : ` on ${name}`}`,
      );
  });
}

/** @throws Error naming the servers */
async function checkEncryption(): Promise<void> {
  const weak = await weakEncryption();
  if (weak.length === 0) return;
  throw new Error(
    `${weak.join("; ")}: what it stores of a password could be used in place of the password. ` +
      `Change it: psql -c "ALTER SYSTEM SET password_encryption = 'scram-sha-256'" -c "SELECT pg_reload_conf()"`,
  );
}

async function exists(client: Client, template: string): Promise<boolean> {
  return (await client.query("SELECT FROM pg_database WHERE datname = $1", [template])).rowCount === 1;
}

/** Databases copied from the template start that way. */
async function hardenInside(client: Client): Promise<void> {
  await closeCatalogs(client);
  await client.query("REVOKE ALL ON SCHEMA public FROM PUBLIC");
}

/** What is open to everybody, in words. */
async function openToAll(client: Client, template: string): Promise<string[]> {
  const { rows } = await client.query<{ what: string }>(
    `SELECT format('database %s lets sessions in', datname) AS what FROM pg_database
       WHERE datname IN ('template1', $2) AND datallowconn
     UNION ALL SELECT DISTINCT format('everybody has rights on database %s', datname)
       FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
       WHERE (datname = ANY ($1) OR datname = $2) AND grantee = 0
     ORDER BY 1`,
    [shared, template],
  );
  return rows.map(({ what }) => what);
}

export const provider = dynamicProvider<TenantTemplateInputs, TenantTemplateInputs>({
  describe: ({ template }) => `template database ${template}`,
  id: ({ template }) => template,
  inputs: { template: "replace", owner: "update", version: "update" },
  async ensure(desired) {
    await checkEncryption();
    await withAdmin(async (client) => {
      const [template, owner] = [client.escapeIdentifier(desired.template), client.escapeIdentifier(desired.owner)];
      await hardenShared(client);
      if (!(await exists(client, desired.template))) {
        await client.query(`CREATE DATABASE ${template} TEMPLATE template0 OWNER ${owner}`);
      }
      await client.query(`ALTER DATABASE ${template} ALLOW_CONNECTIONS true`);
      await client.query(`ALTER DATABASE ${template} OWNER TO ${owner}`);
      await client.query(`REVOKE ALL ON DATABASE ${template} FROM PUBLIC`);
    });
    await withAdmin(hardenInside, desired.template);
    // A session on it would block every tenant's CREATE DATABASE.
    await withAdmin((client) =>
      client.query(`ALTER DATABASE ${client.escapeIdentifier(desired.template)} ALLOW_CONNECTIONS false`),
    );
    return desired;
  },
  observe: async (recorded) =>
    withAdmin(async (client) => {
      if (!(await exists(client, recorded.template))) return undefined;
      return recorded;
    }),
  foreign: async ({ template }) => [
    ...(await withAdmin((client) => openToAll(client, template))),
    ...(await weakEncryption()),
  ],
  async remove({ template }) {
    // postgres and template1 stay closed: opening them again is nobody's wish.
    await withAdmin((client) => client.query(`DROP DATABASE IF EXISTS ${client.escapeIdentifier(template)}`));
  },
});

/** A hardened template, and hardened shared databases beside it. */
export class TenantTemplate extends DynamicResource {
  constructor(
    name: string,
    args: { template: string; owner: Input<string>; version: number },
    opts?: CustomResourceOptions,
  ) {
    super("TenantTemplate", "tenant-template", name, args, opts);
  }
}
