// Outside changes in PostgreSQL.
import { servers } from "../../providers/clients/servers.ts";
import {
  type Change,
  attributes,
  catalogRights,
  databaseRights,
  defaultRights,
  edit,
  hba,
  members,
  rights,
  schemaRights,
  settings,
  sql,
  stranger,
} from "./change.ts";

export const postgresql: readonly Change[] = [
  {
    name: "role attributes",
    ...{ place: "PostgreSQL", resource: "Role", says: /^createDatabase: (false|nothing) → true$/ },
    make: ({ role }) => sql(`ALTER ROLE ${role} CREATEDB`),
    ask: attributes,
  },
  {
    name: "another connection limit",
    ...{ place: "PostgreSQL", resource: "Role", says: /^connectionLimit: 20 → -1$/ },
    make: ({ role }) => sql(`ALTER ROLE ${role} CONNECTION LIMIT -1`),
    ask: attributes,
  },
  {
    name: "another password",
    ...{ place: "PostgreSQL", resource: "CredentialsHandover", says: /^the password of the role was changed$/ },
    make: ({ role }) => sql(`ALTER ROLE ${role} PASSWORD 'drift'`),
    ask: attributes,
  },
  {
    name: "no login",
    ...{ place: "PostgreSQL", resource: "RoleLogin", says: /^login: true → false$/ },
    make: ({ role }) => sql(`ALTER ROLE ${role} NOLOGIN`),
    ask: attributes,
  },
  {
    name: "a member of another role",
    ...{ place: "PostgreSQL", resource: "Role", says: /^roles: added pg_read_all_data$/ },
    make: ({ role }) => sql(`GRANT pg_read_all_data TO ${role}`),
    ask: members,
  },
  {
    name: "somebody is a member of the role",
    ...{ place: "PostgreSQL", resource: "RoleLogin", says: /^role drift_stranger_\w+ is a member of it$/ },
    make: (names) => sql(`GRANT ${names.role} TO ${stranger(names)}`),
    ask: members,
  },
  {
    name: "a right on another database",
    ...{ place: "PostgreSQL", resource: "RoleLogin", says: /^it may use database platform$/ },
    make: ({ role }) => sql(`GRANT CONNECT ON DATABASE platform TO ${role}`),
    ask: rights,
  },
  {
    name: "a right on a table of the platform",
    ...{ place: "PostgreSQL", resource: "RoleLogin", says: /^it may use table public\.tenants of database platform$/ },
    make: ({ role }) => sql(`GRANT SELECT ON public.tenants TO ${role}`, "platform"),
    ask: rights,
  },
  {
    name: "a parameter it may set",
    ...{ place: "PostgreSQL", resource: "RoleLogin", says: /^it may use parameter temp_file_limit$/ },
    make: ({ role }) => sql(`GRANT SET ON PARAMETER temp_file_limit TO ${role}`),
    ask: rights,
  },
  {
    name: "a search path",
    ...{ place: "PostgreSQL", resource: "Role", says: /^searchPaths: added evil$/ },
    make: ({ role }) => sql(`ALTER ROLE ${role} SET search_path = evil`),
    ask: settings,
  },
  {
    name: "a setting of the role in its database",
    ...{ place: "PostgreSQL", resource: "RoleLimits", says: /^its sessions in database \w+ start with work_mem=1GB$/ },
    make: ({ role, database }) => sql(`ALTER ROLE ${role} IN DATABASE ${database} SET work_mem = '1GB'`),
    ask: settings,
  },
  {
    name: "no limit of temporary files",
    ...{ place: "PostgreSQL", resource: "RoleLimits", says: /^tempFileLimit: 256MB → -1$/ },
    make: ({ role }) => sql(`ALTER ROLE ${role} SET temp_file_limit = -1`),
    ask: settings,
  },
  {
    name: "a setting of the database",
    ...{ place: "PostgreSQL", resource: "DatabaseHardening", says: /^every session in it starts with work_mem=2GB$/ },
    make: ({ database }) => sql(`ALTER DATABASE ${database} SET work_mem = '2GB'`),
    ask: settings,
  },
  {
    name: "everybody may connect to the database",
    ...{ place: "PostgreSQL", resource: "Grant", says: /^privileges: added CONNECT$/ },
    make: ({ database }) => sql(`GRANT CONNECT ON DATABASE ${database} TO PUBLIC`),
    ask: databaseRights,
  },
  {
    name: "another tenant may connect to the database",
    ...{
      place: "PostgreSQL",
      resource: "DatabaseHardening",
      says: /^role tenant_canary_user has CONNECT on the database$/,
    },
    make: (names) => sql(`GRANT CONNECT ON DATABASE ${names.database} TO tenant_canary_user`),
    ask: databaseRights,
  },
  {
    name: "somebody may create in the schema",
    ...{
      place: "PostgreSQL",
      resource: "DatabaseHardening",
      says: /^role drift_stranger_\w+ has CREATE on schema public$/,
    },
    make: (names) => sql(`GRANT CREATE ON SCHEMA public TO ${stranger(names)}`, names.database),
    ask: schemaRights,
  },
  {
    name: "a grant taken away",
    ...{ place: "PostgreSQL", resource: "Grant", says: /^privileges: removed CREATE$/ },
    make: ({ role, database }) => sql(`REVOKE CREATE ON SCHEMA public FROM ${role}`, database),
    ask: schemaRights,
  },
  {
    name: "other default privileges",
    ...{ place: "PostgreSQL", resource: "DefaultPrivileges", says: /^privileges: removed DELETE$/ },
    make: ({ role, database }) =>
      sql(
        `ALTER DEFAULT PRIVILEGES FOR ROLE platform_owner IN SCHEMA public REVOKE DELETE ON TABLES FROM ${role}`,
        database,
      ),
    ask: defaultRights,
  },
  {
    name: "default privileges of somebody",
    ...{
      place: "PostgreSQL",
      resource: "DatabaseHardening",
      says: /^role drift_stranger_\w+ gets SELECT on tables that role platform_owner makes in schema public$/,
    },
    make: (names) =>
      sql(
        `ALTER DEFAULT PRIVILEGES FOR ROLE platform_owner IN SCHEMA public GRANT SELECT ON TABLES TO ${stranger(names)}`,
        names.database,
      ),
    ask: defaultRights,
  },
  {
    name: "a catalog opened to the role",
    ...{ place: "PostgreSQL", resource: "DatabaseHardening", says: /^role tenant_\w+ may use pg_authid$/ },
    make: ({ role, database }) => sql(`GRANT SELECT ON pg_authid TO ${role}`, database),
    ask: catalogRights,
  },
  {
    name: "a catalog opened to everybody",
    ...{ place: "PostgreSQL", resource: "DatabaseHardening", says: /^everybody may use pg_stat_activity$/ },
    make: ({ database }) => sql("GRANT SELECT ON pg_stat_activity TO PUBLIC", database),
    ask: catalogRights,
  },
  {
    name: "another owner",
    ...{ place: "PostgreSQL", resource: "Database", says: /^owner: platform_owner → drift_stranger_/ },
    make: (names) => sql(`ALTER DATABASE ${names.database} OWNER TO ${stranger(names)}`),
    ask: databaseRights,
  },
  {
    name: "another network in pg_hba.conf",
    ...{ place: "PostgreSQL", resource: "PgHbaEntry", says: /^networks: added 10\.66\.0\.0\/16$/ },
    make: ({ role, database }) =>
      edit(
        (text) =>
          `host${servers().postgresql.sslMode === "disable" ? "" : "ssl"} ${database} ${role} 10.66.0.0/16 scram-sha-256\n${text}`,
      ),
    ask: hba,
  },
  {
    name: "a line of pg_hba.conf for any database",
    ...{ place: "PostgreSQL", resource: "PgHbaEntry", says: /^the role is let in elsewhere by the line "host all / },
    make: ({ role }) => edit((text) => `host all ${role} 127.0.0.1/32 scram-sha-256\n${text}`),
    ask: hba,
  },
];
