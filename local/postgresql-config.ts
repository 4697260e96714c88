// The files that make PostgreSQL safe to share.

/**
 * postgresql.conf.
 * @param addresses loopback addresses to listen on
 * @param tls with the certificate beside the data
 */
export function serverSettings(port: number, addresses: readonly string[], tls: boolean): string {
  // Paths start at the data: no folder's name can break a line.
  const encryption = tls
    ? `ssl = on
ssl_cert_file = '../tls/public.crt'
ssl_key_file = '../tls/private.key'
ssl_min_protocol_version = 'TLSv1.2'`
    : "ssl = off";
  return `# Written at every start by local/postgresql.ts: changes here are lost, ALTER SYSTEM's are kept.
listen_addresses = '${addresses.join(",")}'
port = ${port}
# No socket file: one way in, pg_hba.conf, and no limit of 107 bytes on the checkout's path.
unix_socket_directories = ''
max_connections = 200
shared_buffers = 128MB
dynamic_shared_memory_type = posix
password_encryption = 'scram-sha-256'
fsync = on
full_page_writes = on
${encryption}
timezone = 'UTC'
log_timezone = 'UTC'
datestyle = 'iso, ymd'
lc_messages = 'C'
# Only to standard error, which is the log file.
log_destination = 'stderr'
logging_collector = off
log_line_prefix = '%m [%p] %q%u@%d '
# Statements hold passwords and verifiers: none is logged, neither as run, nor with its error, nor as an error's context.
log_statement = 'none'
log_min_duration_statement = -1
log_min_error_statement = 'panic'
log_error_verbosity = 'terse'
log_parameter_max_length = 0
log_parameter_max_length_on_error = 0
`;
}

/** As whom a standby asks its primary. No tenant can have the name (tenants' start with `tenant`). */
export const replicationUser = "platform_replication";

/** Where a standby has that user's password, in libpq's form: in the server's folder, beside the data. */
export const passwordFile = "replication.pgpass";

/**
 * More of postgresql.conf for one of two servers, whichever of them is the primary.
 * @param other the other one's port
 * @param slot what this one is called there: the primary keeps what it has not received yet
 */
export function pairSettings(other: number, slot: string): string {
  return `wal_level = replica
hot_standby = on
# A standby that does not come back must not fill the primary's disk.
max_slot_wal_keep_size = 1GB
# In force while there is a file standby.signal: paths start at the data.
primary_conninfo = 'host=127.0.0.1 port=${other} user=${replicationUser} passfile=../${passwordFile} application_name=${slot}'
primary_slot_name = '${slot}'
`;
}

/** pg_hba.conf with the line that lets the other server in, and nobody else: `all` is no replication. */
export function withReplication(rules: string): string {
  const line = `host  replication  ${replicationUser}  127.0.0.1/32  scram-sha-256\n`;
  return rules.includes(line) ? rules : line + rules;
}

/** Nothing in the clear, whatever the lines below it say. */
const rejectUnencrypted = "hostnossl  all  all  all  reject\n";

/** pg_hba.conf with that line first; without TLS not, and with no line that only TLS could match: the server calls it an error. */
export function onlyEncrypted(rules: string, tls: boolean): string {
  const rest = rules.replace(rejectUnencrypted, "");
  return tls ? rejectUnencrypted + rest : rest.replace(/^hostssl (?=tenant_)/gm, "host ");
}

/** pg_hba.conf as it starts out. The first line that matches decides. */
export function hostRules(admin: string): string {
  return `# TYPE  DATABASE  USER  ADDRESS  METHOD
host  all  ${admin}  127.0.0.1/32  scram-sha-256
host  all  ${admin}  ::1/128       scram-sha-256

# Tenants: one line each, above the last one (the tenant's database, the tenant's role).

# Everybody else, every other database: with this line, asking for another tenant's database gets the same answer
# whether it exists or not. No broader line may stand above it.
host  all  all  all  reject
`;
}
