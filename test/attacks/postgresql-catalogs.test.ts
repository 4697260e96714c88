// What the system catalogs tell somebody with one tenant's PostgreSQL credentials about the others. Everything that is left open
// was reviewed: a newer server's new view or function fails these tests until somebody has looked at it.
import type { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeSession } from "../../providers/clients/postgresql.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { answerToSql, tenantSession } from "../support/postgresql-tenant.ts";

let attacker: Deployed;
let client: Client;
beforeAll(async () => {
  ({ attacker } = await deployedTenants());
  client = await tenantSession(attacker);
});
afterAll(() => closeSession(client));

const names = async (query: string): Promise<string[]> =>
  (await client.query<{ name: string }>(query)).rows.map(({ name }) => name);
const words = (text: string): string[] => text.trim().split(/\s+/);

/** Of the tenant's own database or session only, or of the server as everybody may know it. */
const reviewedViews = words(`
  pg_available_extension_versions pg_available_extensions pg_cursors pg_group pg_indexes pg_matviews pg_policies
  pg_prepared_statements pg_publication_tables pg_roles pg_rules pg_seclabels pg_sequences pg_settings pg_stat_all_indexes
  pg_stat_all_tables pg_stat_sys_indexes pg_stat_sys_tables pg_stat_user_functions pg_stat_user_indexes
  pg_stat_user_tables pg_stat_xact_all_tables pg_stat_xact_sys_tables pg_stat_xact_user_functions
  pg_stat_xact_user_tables pg_statio_all_indexes pg_statio_all_sequences pg_statio_all_tables pg_statio_sys_indexes
  pg_statio_sys_sequences pg_statio_sys_tables pg_statio_user_indexes pg_statio_user_sequences pg_statio_user_tables
  pg_stats pg_stats_ext pg_stats_ext_exprs pg_tables pg_timezone_abbrevs pg_timezone_names pg_user pg_user_mappings pg_views
`);
/** Catalogs of the whole server. pg_database, pg_auth_members and pg_db_role_setting give away names, and what a
 * role has set for itself: residual risk. The others hold nothing of a tenant. */
const reviewedShared = words(`
  pg_auth_members pg_database pg_db_role_setting pg_parameter_acl pg_replication_origin pg_shdescription pg_shseclabel pg_subscription
  pg_tablespace
`);
const closedRelations = words(`
  pg_authid pg_file_settings pg_hba_file_rules pg_locks pg_prepared_xacts pg_replication_slots
  pg_shadow pg_shdepend pg_stat_activity pg_stat_archiver pg_stat_bgwriter pg_stat_database pg_stat_database_conflicts
  pg_stat_gssapi pg_stat_progress_analyze pg_stat_progress_basebackup pg_stat_progress_cluster pg_stat_progress_copy
  pg_stat_progress_create_index pg_stat_progress_vacuum pg_stat_recovery_prefetch pg_stat_replication
  pg_stat_replication_slots pg_stat_slru pg_stat_ssl pg_stat_subscription pg_stat_subscription_stats pg_stat_wal
  pg_stat_wal_receiver pg_backend_memory_contexts pg_shmem_allocations pg_ident_file_mappings pg_config
`);

describe("views and tables", () => {
  it("only reviewed views are open, in part or whole", async () => {
    const open = await names(`SELECT relname AS name FROM pg_class WHERE relnamespace = 'pg_catalog'::regnamespace
      AND relkind = 'v' AND has_any_column_privilege(oid, 'SELECT') ORDER BY relname`);
    expect(open.filter((name) => !reviewedViews.includes(name))).toEqual([]);
    expect(open).toContain("pg_stat_user_tables");
  });

  it("only reviewed catalogs of the whole server are open", async () => {
    const open = await names(`SELECT relname AS name FROM pg_class WHERE relisshared AND relkind = 'r'
      AND has_any_column_privilege(oid, 'SELECT') ORDER BY relname`);
    expect(open.filter((name) => !reviewedShared.includes(name))).toEqual([]);
    expect(open).toContain("pg_database");
  });

  it.each(closedRelations)("%s is closed", async (name) => {
    expect(await answerToSql(client, `SELECT * FROM pg_catalog.${name}`)).toMatch(
      new RegExp(`^42501: permission denied for (view|table|function) `),
    );
  });

  it("its own rights on them cannot be widened", async () => {
    expect(await answerToSql(client, "CREATE VIEW public.again AS SELECT * FROM pg_stat_activity")).toBe("done");
    expect(
      await answerToSql(
        client,
        "CREATE VIEW public.again AS SELECT * FROM pg_stat_activity",
        "SELECT * FROM public.again",
      ),
    ).toBe("42501: permission denied for view pg_stat_activity");
  });
});

describe("functions", () => {
  /** As regular expressions of whole names. */
  const reviewed = words(`
    inet_(client|server)_(addr|port)
    lo_(close|get|lseek|lseek64|open|put|tell|tell64|truncate|truncate64|unlink) loread lowrite
    pg_(try_)?advisory_(xact_)?(lock|unlock)(_all)?(_shared)?
    pg_available_extension(s|_versions) pg_extension_(config_dump|update_paths)
    pg_(backend_pid|my_temp_schema|is_other_temp_schema|trigger_depth|listening_channels|notify|cursor|prepared_statement)
    pg_(cancel|terminate)_backend
    pg_(client_encoding|char_to_encoding|encoding_to_char|typeof|column_size|column_compression|sleep|sleep_for|sleep_until)
    pg_(database_)?collation_(actual_version|for|is_visible)
    pg_\\w+_is_(visible|updatable|publishable) pg_index(am)?_(column_)?has_property
    pg_(conf_load_time|postmaster_start_time|jit_available|is_in_recovery|is_wal_replay_paused|get_wal_replay_pause_state)
    pg_(get_wal_resource_managers|last_xact_replay_timestamp|export_snapshot|has_role)
    pg_(copy|create)_(logical|physical)_replication_slot pg_drop_replication_slot pg_replication_slot_advance
    pg_logical_slot_(get|peek)_(binary_)?changes
    pg_(current_snapshot|current_xact_id(_if_assigned)?|xact_status) txid_(current(_if_assigned|_snapshot)?|status)
    pg_(database|indexes|relation|table|total_relation)_size pg_relation_file(node|path) pg_filenode_relation
    pg_(describe|identify)_object(_as_address)? pg_event_trigger_\\w+
    pg_get_(catalog_foreign_keys|keywords|multixact_members|object_address|publication_tables|serial_sequence|userbyid|expr)
    pg_get_(constraint|function|index|rule|trigger|view|statisticsobj|partition_constraint)def pg_get_partkeydef
    pg_get_(function_\\w+|statisticsobjdef_\\w+|replica_identity_index)
    pg_import_system_collations pg_nextoid pg_stop_making_pinned_objects pg_(read_file|rotate_logfile)_old
    pg_(dependencies|mcv_list|ndistinct|node_tree)_(recv|send|items) pg_options_to_table pg_partition_(ancestors|tree)
    pg_sequence_(last_value|parameters) pg_settings_get_flags pg_show_all_settings pg_tablespace_(databases|location)
    pg_timezone_(abbrevs|names)
    pg_stat_(clear_snapshot|force_next_flush|get_snapshot_timestamp)
    pg_stat_get_(xact_)?(blocks|tuples|function)_\\w+ pg_stat_get_(xact_)?numscans
    pg_stat_get_(dead|live)_tuples pg_stat_get_(mod_since_analyze|ins_since_vacuum)
    pg_stat_get_(last_)?(auto)?(analyze|vacuum)_(count|time)
  `).map((pattern) => new RegExp(`^${pattern}$`));

  it("only reviewed functions of the server are open", async () => {
    const open =
      await names(`SELECT DISTINCT proname AS name FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace
      AND provolatile <> 'i' AND proname ~ '^(pg_|lo|txid_|inet_)' AND proname !~ '^lower'
      AND has_function_privilege(oid, 'EXECUTE') ORDER BY proname`);
    expect(open.filter((name) => !reviewed.some((pattern) => pattern.test(name)))).toEqual([]);
    expect(open).toContain("pg_stat_get_live_tuples");
  });

  it.each(
    words(`
      pg_stat_get_activity(NULL) pg_stat_get_backend_idset() pg_stat_get_backend_activity(1) pg_stat_get_db_sessions(1)
      pg_stat_get_db_xact_commit(1) pg_stat_get_wal() pg_stat_get_wal_senders() pg_stat_get_wal_receiver()
      pg_stat_get_slru() pg_stat_get_archiver() pg_stat_get_bgwriter_timed_checkpoints() pg_stat_get_checkpoint_write_time()
      pg_stat_get_buf_alloc() pg_stat_get_progress_info('VACUUM') pg_stat_get_replication_slot('x')
      pg_get_replication_slots() pg_stat_get_subscription(NULL) pg_stat_get_subscription_stats(1) pg_lock_status()
      pg_blocking_pids(1) pg_safe_snapshot_blocking_pids(1) pg_isolation_test_session_is_blocked(1,'{2}')
      pg_prepared_xact() pg_current_wal_lsn() pg_current_wal_insert_lsn() pg_current_wal_flush_lsn()
      pg_last_wal_receive_lsn() pg_last_wal_replay_lsn() pg_control_checkpoint() pg_control_system() pg_control_init()
      pg_control_recovery() pg_tablespace_size('pg_default') pg_tablespace_size(1663) pg_notification_queue_usage()
      pg_last_committed_xact() pg_xact_commit_timestamp('3') pg_stat_get_recovery_prefetch()
    `),
  )("%s is closed", async (call) => {
    expect(await answerToSql(client, `SELECT ${call}`)).toBe(
      `42501: permission denied for function ${call.split("(")[0]}`,
    );
  });

  it("the size of another tenant's database is not told", async () => {
    expect(await answerToSql(client, "SELECT pg_database_size('tenant_victim')")).toBe(
      "42501: permission denied for database tenant_victim",
    );
  });
});
