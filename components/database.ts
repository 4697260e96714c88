// A tenant's PostgreSQL database and role (plan, section 3).
import * as postgresql from "@pulumi/postgresql";
import { ComponentResource, output, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { catalogsVersion } from "../providers/clients/catalogs.ts";
import { scramVerifier } from "../providers/clients/scram.ts";
import { servers } from "../providers/clients/servers.ts";
import { DatabaseHardening } from "../providers/database-hardening.ts";
import { PgHbaEntry } from "../providers/pg-hba-entry.ts";
import { RoleLimits } from "../providers/role-limits.ts";
import { RoleLogin } from "../providers/role-login.ts";
import type { TenantNames } from "./names.ts";
import { databaseOwner, templateDatabase } from "./shared.ts";

export interface DatabaseArgs {
  readonly names: TenantNames;
  /** Secret. */
  readonly password: Input<string>;
  /** CIDRs the role may connect from. */
  readonly networks: readonly string[];
  readonly connectionLimit: number;
  /** Milliseconds; 0 is no limit. */
  readonly statementTimeout: number;
  /** Milliseconds; 0 is no limit. */
  readonly idleTransactionTimeout: number;
  /** Such as 256MB. */
  readonly tempFileLimit: string;
  /** The role keeps its password and may not log in. */
  readonly suspended: boolean;
}

/** Database, role, grants, default privileges, pg_hba.conf lines. */
export class Database extends ComponentResource {
  readonly database: Output<string>;
  readonly role: Output<string>;
  /** What the server is told of the password. Secret. */
  readonly verifier: Output<string>;

  constructor(name: string, args: DatabaseArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:Database", name, {}, opts);
    const { names } = args;
    const child = { parent: this };

    // The password itself would be in the server's log wherever that has statements.
    const verifier = output(args.password).apply((password) => scramVerifier(names.role, password));
    const role = new postgresql.Role(
      name,
      {
        name: names.role,
        login: !args.suspended,
        password: verifier,
        inherit: false,
        connectionLimit: args.connectionLimit,
        ...(args.statementTimeout > 0 ? { statementTimeout: args.statementTimeout } : {}),
        ...(args.idleTransactionTimeout > 0 ? { idleInTransactionSessionTimeout: args.idleTransactionTimeout } : {}),
      },
      // The first one: later ones are CredentialsHandover's.
      { ...child, ignoreChanges: ["password"] },
    );
    const login = new RoleLogin(
      name,
      { role: role.name, database: names.database, verifier, login: !args.suspended },
      child,
    );
    // Depends on the role: it is dropped before, and a role that owns objects in it could not be dropped.
    const database = new postgresql.Database(
      name,
      {
        name: names.database,
        owner: databaseOwner,
        template: templateDatabase,
        // A little more than the role's: administrators still get in when the tenant uses all of its own.
        connectionLimit: args.connectionLimit + 5,
      },
      // What a database was copied from cannot be changed, nor read: an adopted one's would be a difference that replaces it.
      { ...child, dependsOn: [login], ignoreChanges: ["template"] },
    );

    // Before the first session of a native resource inside: it would find functions of the tenant by unqualified names.
    const hardening = new DatabaseHardening(name, { database: database.name, version: catalogsVersion }, child);

    // One after the other: grants at the same time fail with "tuple concurrently updated".
    const inDatabase = { role: role.name, database: database.name };
    // The plan's REVOKE CONNECT … FROM PUBLIC, and TEMPORARY with it.
    const closed = new postgresql.Grant(
      `${name}-public`,
      { database: database.name, role: "public", objectType: "database", privileges: [] },
      { ...child, dependsOn: [hardening], deleteBeforeReplace: true },
    );
    const connect = new postgresql.Grant(
      `${name}-connect`,
      { ...inDatabase, objectType: "database", privileges: ["CONNECT", "CREATE", "TEMPORARY"] },
      { ...child, dependsOn: [closed], deleteBeforeReplace: true },
    );
    let last: postgresql.Grant | postgresql.DefaultPrivileges = new postgresql.Grant(
      `${name}-schema`,
      { ...inDatabase, schema: "public", objectType: "schema", privileges: ["CREATE", "USAGE"] },
      { ...child, dependsOn: [connect], deleteBeforeReplace: true },
    );
    const all = {
      table: ["DELETE", "INSERT", "REFERENCES", "SELECT", "TRIGGER", "TRUNCATE", "UPDATE"],
      sequence: ["SELECT", "UPDATE", "USAGE"],
    };
    for (const objectType of ["table", "sequence"] as const) {
      // For what the platform makes in the tenant's database (a restore, a migration): the tenant can use it.
      last = new postgresql.DefaultPrivileges(
        `${name}-${objectType}s`,
        { ...inDatabase, schema: "public", owner: databaseOwner, objectType, privileges: all[objectType] },
        { ...child, dependsOn: [last], deleteBeforeReplace: true },
      );
    }
    const limits = new RoleLimits(name, { role: role.name, tempFileLimit: args.tempFileLimit }, child);
    // Last: until everything above holds, nobody can connect.
    new PgHbaEntry(
      name,
      {
        database: database.name,
        role: role.name,
        networks: [...args.networks],
        encrypted: servers().postgresql.sslMode !== "disable",
      },
      { ...child, dependsOn: [last, limits] },
    );

    this.database = database.name;
    this.role = role.name;
    this.verifier = verifier;
    this.registerOutputs({ database: this.database, role: this.role });
  }
}
