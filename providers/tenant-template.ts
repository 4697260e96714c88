// The database every tenant's database is copied from, and what must not be open to everybody beside it (isolation.md,
// PostgreSQL): in a default cluster any role can connect to postgres and template1, and read every session's activity.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import type { Client } from "pg";
import { withAdmin } from "./clients/postgresql.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface TenantTemplateInputs {
  /** Name of the template database. */
  readonly template: string;
  /** The role, without login, that owns the template and every tenant's database. */
  readonly owner: string;
  /** Raised when the revoked lists below change. */
  readonly version: number;
}

/** Raise it with every change of the lists: `pulumi up --stack platform` then repairs the template. */
export const templateVersion = 1;

/** Views that show other tenants' sessions, statistics or the write-ahead log. */
const views = [
  ..."pg_stat_activity pg_stat_ssl pg_stat_gssapi pg_locks pg_stat_database pg_stat_database_conflicts".split(" "),
  ..."pg_stat_replication pg_stat_replication_slots pg_replication_slots pg_stat_wal pg_stat_wal_receiver".split(" "),
  ..."pg_stat_bgwriter pg_stat_checkpointer pg_stat_io pg_stat_slru pg_stat_archiver pg_prepared_xacts".split(" "),
  ..."pg_stat_progress_analyze pg_stat_progress_basebackup pg_stat_progress_cluster pg_stat_progress_copy".split(" "),
  ..."pg_stat_progress_create_index pg_stat_progress_vacuum pg_stat_subscription pg_stat_recovery_prefetch".split(" "),
];

/** The functions behind those views, and some that reach beyond the tenant's own data. LIKE patterns. */
const functions = [
  ..."pg_stat_get_activity pg_stat_get_backend_% pg_stat_get_db_% pg_stat_get_wal% pg_stat_get_slru".split(" "),
  ..."pg_stat_get_archiver pg_stat_get_bgwriter_% pg_stat_get_checkpointer% pg_stat_get_buf_% pg_stat_get_io".split(
    " ",
  ),
  ..."pg_stat_get_progress_info pg_stat_get_replication_slot pg_get_replication_slots pg_stat_get_subscription".split(
    " ",
  ),
  ..."pg_stat_get_recovery_prefetch pg_lock_status pg_blocking_pids pg_safe_snapshot_blocking_pids".split(" "),
  ..."pg_prepared_xact pg_current_wal_% pg_last_wal_% pg_notification_queue_usage pg_logical_emit_message".split(" "),
  ..."lo_create lo_creat lo_from_bytea".split(" "),
];

async function hardenShared(client: Client): Promise<void> {
  // Nobody connects to the shared databases but those who are named.
  await client.query("REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC");
  // A session on template1 blocks every CREATE DATABASE from it.
  await client.query("ALTER DATABASE template1 ALLOW_CONNECTIONS false");
}

async function exists(client: Client, template: string): Promise<boolean> {
  return (await client.query("SELECT FROM pg_database WHERE datname = $1", [template])).rowCount === 1;
}

/** Revokes inside the template; databases copied from it start that way. */
async function hardenInside(client: Client): Promise<void> {
  await client.query(`DO $$ DECLARE found record; BEGIN
    FOR found IN SELECT oid::regclass AS name FROM pg_class
      WHERE relnamespace = 'pg_catalog'::regnamespace AND relname = ANY (string_to_array('${views.join(",")}', ','))
    LOOP EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', found.name); END LOOP;
    FOR found IN SELECT oid::regprocedure AS name FROM pg_proc
      WHERE pronamespace = 'pg_catalog'::regnamespace AND proname LIKE ANY (string_to_array('${functions.join(",")}', ','))
    LOOP EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', found.name); END LOOP;
  END $$`);
  await client.query("REVOKE ALL ON SCHEMA public FROM PUBLIC");
}

async function openToAll(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ open: boolean }>(
    `SELECT bool_or(datname = 'template1' AND datallowconn OR grantee = 0) AS open
     FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba)))
     WHERE datname IN ('postgres', 'template1')`,
  );
  return rows[0]?.open ?? false;
}

export const provider = dynamicProvider<TenantTemplateInputs, TenantTemplateInputs>({
  describe: ({ template }) => `template database ${template}`,
  id: ({ template }) => template,
  inputs: { template: "replace", owner: "update", version: "update" },
  async ensure(desired) {
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
      return { ...recorded, version: (await openToAll(client)) ? 0 : recorded.version };
    }),
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
