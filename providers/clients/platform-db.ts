// The platform's own database: registry, reservations, audit log, reports and barred ids (plan, sections 7.1, 7.2, 8.2).
// The database itself is made by the platform stack; this file makes and repairs what is inside.
import type { Client } from "pg";
import { Problem } from "../../errors/problem.ts";
import { adminClient, closeSession, inTransaction, sqlState } from "./postgresql.ts";
import { platformServers, type Servers } from "./servers.ts";

/** The name of the database. */
export const platformDatabase = "platform";

/** The role that every write of this tool is made with, so that a bug in it cannot do more than its grants. */
export const writerRole = "platform_writer";

/**
 * The schema's versions, oldest first. Never change one that was released: append.
 * Everything is in schema `public` of the platform database, so that the plan's own words (`UPDATE tenants …`) work.
 */
const migrations: readonly string[] = [
  `
  CREATE TABLE public.verification_reports (
    report_id    uuid PRIMARY KEY,
    tenant_id    text NOT NULL,
    report       jsonb NOT NULL,
    overall_pass boolean NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX ON public.verification_reports (tenant_id, created_at DESC);

  CREATE TABLE public.tenants (
    tenant_id       text PRIMARY KEY CHECK (tenant_id ~ '^[a-z0-9]{1,40}$'),
    status          text NOT NULL CHECK (status IN ('active')),
    networks        cidr[] NOT NULL,
    endpoints       jsonb NOT NULL,
    age_public_key  text NOT NULL CHECK (age_public_key LIKE 'age1%'),
    credentials_ref text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    verified_at     timestamptz,
    report_id       uuid REFERENCES public.verification_reports
  );

  CREATE TABLE public.reservations (
    tenant_id   text PRIMARY KEY CHECK (tenant_id ~ '^[a-z0-9]{1,40}$'),
    stack       text NOT NULL,
    reserved_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE TABLE public.reservation_networks (
    tenant_id text NOT NULL REFERENCES public.reservations ON DELETE CASCADE,
    network   cidr NOT NULL,
    PRIMARY KEY (tenant_id, network),
    -- Two tenants in one network cannot be told apart by pg_hba.conf. Loopback is the exception, for local stores.
    CONSTRAINT networks_do_not_overlap EXCLUDE USING gist (network inet_ops WITH &&)
      WHERE (NOT (network <<= '127.0.0.0/8' OR network <<= '::1/128'))
  );

  CREATE TABLE public.audit_events (
    event_id          uuid PRIMARY KEY,
    tenant_id         text NOT NULL,
    -- 1, 2, 3 … within a tenant, without a gap.
    position          bigint NOT NULL,
    event_type        text NOT NULL,
    resource_type     text NOT NULL,
    resource_id       text NOT NULL,
    details           jsonb NOT NULL,
    previous_event_id uuid,
    created_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (tenant_id, event_id),
    UNIQUE (tenant_id, position),
    -- The chain cannot fork, and the previous event exists and is the same tenant's.
    UNIQUE NULLS NOT DISTINCT (tenant_id, previous_event_id),
    FOREIGN KEY (tenant_id, previous_event_id) REFERENCES public.audit_events (tenant_id, event_id)
  );

  CREATE FUNCTION public.link_audit_event() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
  BEGIN
    -- Held until the transaction ends: the next writer sees this event when it looks for the last one.
    PERFORM pg_advisory_xact_lock(hashtextextended('audit_events ' || NEW.tenant_id, 0));
    SELECT event_id, position INTO NEW.previous_event_id, NEW.position FROM public.audit_events
      WHERE tenant_id = NEW.tenant_id ORDER BY position DESC LIMIT 1;
    NEW.position := coalesce(NEW.position, 0) + 1;
    RETURN NEW;
  END $$;
  CREATE TRIGGER link BEFORE INSERT ON public.audit_events
    FOR EACH ROW EXECUTE FUNCTION public.link_audit_event();

  CREATE FUNCTION public.refuse_change() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
  BEGIN
    RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP
      USING ERRCODE = 'insufficient_privilege', HINT = 'Record a new row that corrects the old one.';
  END $$;
  CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.audit_events
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
  CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.verification_reports
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();
  `,
  `
  -- The chain over all tenants' events. Those of before have no place in it: its first event seals them.
  ALTER TABLE public.audit_events
    ADD COLUMN sequence      bigint UNIQUE,
    ADD COLUMN previous_hash bytea,
    ADD COLUMN hash          bytea,
    ADD COLUMN signature     bytea,
    ADD COLUMN key_id        text,
    ADD CHECK (num_nonnulls(sequence, previous_hash, hash, signature, key_id) IN (0, 5)),
    ADD CHECK (octet_length(hash) = 32 AND octet_length(signature) = 64);

  CREATE OR REPLACE FUNCTION public.link_audit_event() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
  DECLARE
    last record;
  BEGIN
    -- Held until the transaction ends: the next writer sees this event when it looks for the last one.
    PERFORM pg_advisory_xact_lock(hashtextextended('audit_events', 0));
    SELECT event_id, position INTO NEW.previous_event_id, NEW.position FROM public.audit_events
      WHERE tenant_id = NEW.tenant_id ORDER BY position DESC LIMIT 1;
    NEW.position := coalesce(NEW.position, 0) + 1;
    SELECT sequence, hash INTO last FROM public.audit_events WHERE sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1;
    NEW.sequence := coalesce(last.sequence, 0) + 1;
    IF NEW.previous_hash IS DISTINCT FROM coalesce(last.hash, decode(repeat('00', 32), 'hex')) THEN
      RAISE EXCEPTION 'audit event % does not follow event %, the last one', NEW.event_id, coalesce(last.sequence, 0)
        USING ERRCODE = 'insufficient_privilege', HINT = 'A checkout of before the signed audit log writes none: git pull.';
    END IF;
    -- Signed, so the writer says it; but it is the time of writing.
    IF NEW.created_at NOT BETWEEN clock_timestamp() - interval '1 minute' AND clock_timestamp() THEN
      RAISE EXCEPTION 'audit event % is of %, which is not now', NEW.event_id, NEW.created_at
        USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN NEW;
  END $$;
  `,
  `
  ALTER TABLE public.tenants DROP CONSTRAINT tenants_status_check,
    ADD CONSTRAINT tenants_status_check CHECK (status IN ('active', 'suspended')),
    ADD COLUMN suspension_reason text NOT NULL DEFAULT '';
  `,
  `
  CREATE TABLE public.deletion_reports (
    report_id  uuid PRIMARY KEY,
    tenant_id  text NOT NULL,
    report     jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
  );
  CREATE INDEX ON public.deletion_reports (tenant_id, created_at DESC);
  CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON public.deletion_reports
    FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_change();

  CREATE TABLE public.barred_ids (
    tenant_id text PRIMARY KEY CHECK (tenant_id ~ '^[a-z0-9]{1,40}$'),
    reason    text NOT NULL,
    barred_by text NOT NULL,
    barred_at timestamptz NOT NULL DEFAULT now()
  );
  `,
  `
  CREATE TABLE public.drift_results (
    tenant_id  text PRIMARY KEY,
    outcome    text NOT NULL CHECK (outcome IN ('none', 'drift', 'failed')),
    findings   jsonb NOT NULL CHECK (jsonb_typeof(findings) = 'array'),
    problem    text NOT NULL,
    checked_at timestamptz NOT NULL
  );
  `,
  `
  ALTER TABLE public.tenants ADD COLUMN labels jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(labels) = 'object');
  `,
  `
  -- The sets of the four stores that are ready for tenants.
  CREATE TABLE public.placements (
    placement   text PRIMARY KEY CHECK (placement ~ '^[a-z][a-z0-9-]{0,29}$'),
    prepared_at timestamptz NOT NULL DEFAULT now()
  );
  -- Whoever is here already lives where this database is.
  INSERT INTO public.placements (placement) VALUES ('default');
  ALTER TABLE public.reservations ADD COLUMN placement text NOT NULL DEFAULT 'default' REFERENCES public.placements;
  ALTER TABLE public.tenants ADD COLUMN placement text NOT NULL DEFAULT 'default' REFERENCES public.placements;
  `,
];

/** What this checkout makes of the schema. */
export const schemaVersion = migrations.length;

/** Run every time, each a no-op unless something was changed by hand: they put the guarantees back. */
const guarantees: readonly string[] = [
  // ALWAYS: also in a session with session_replication_role = replica.
  `DO $$ DECLARE found record; BEGIN
     FOR found IN SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger
       WHERE tgname IN ('append_only', 'link') AND NOT tgisinternal AND tgenabled <> 'A'
     LOOP EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', found.relation, found.tgname); END LOOP;
   END $$`,
  `DO $$ BEGIN
     IF EXISTS (SELECT FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl
                WHERE datname = current_database() AND acl.grantee = 0)
     THEN EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()); END IF;
   END $$`,
  `REVOKE ALL ON SCHEMA public FROM PUBLIC`,
  `REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, ${writerRole}`,
  `REVOKE ALL ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, ${writerRole}`,
  `GRANT USAGE ON SCHEMA public TO ${writerRole}`,
  `GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${writerRole}`,
  `GRANT INSERT, UPDATE, DELETE ON public.tenants, public.reservations, public.reservation_networks, public.barred_ids,
     public.drift_results, public.placements TO ${writerRole}`,
  // By column: the place of an event is not the writer's to choose.
  `GRANT INSERT (event_id, tenant_id, event_type, resource_type, resource_id, details, created_at, previous_hash, hash, signature,
     key_id) ON public.audit_events TO ${writerRole}`,
  `GRANT INSERT (report_id, tenant_id, report, overall_pass) ON public.verification_reports TO ${writerRole}`,
  `GRANT INSERT (report_id, tenant_id, report) ON public.deletion_reports TO ${writerRole}`,
];

/** Which of them somebody has taken away, in words. */
export async function weakened(client: Client): Promise<string[]> {
  const { rows } = await client.query<{ what: string }>(
    `SELECT format('trigger %s of %s is not always enabled', tgname, tgrelid::regclass) AS what FROM pg_trigger
       WHERE tgname IN ('append_only', 'link') AND NOT tgisinternal AND tgenabled <> 'A'
     UNION ALL
     SELECT DISTINCT format('everybody has rights on %s', name) FROM (
       SELECT 'the database' AS name, coalesce(datacl, acldefault('d', datdba)) AS acl FROM pg_database
         WHERE datname = current_database()
       UNION ALL SELECT 'schema public', nspacl FROM pg_namespace WHERE nspname = 'public'
       UNION ALL SELECT format('table %s', relname), relacl FROM pg_class WHERE relnamespace = 'public'::regnamespace) AS objects,
       aclexplode(acl) WHERE grantee = 0
     ORDER BY 1`,
  );
  return rows.map(({ what }) => what);
}

const createWriter = `DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${writerRole}') THEN
    BEGIN
      CREATE ROLE ${writerRole} NOLOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT;
    EXCEPTION WHEN duplicate_object OR unique_violation THEN
      NULL; -- Made meanwhile, from another database: the lock is this database's, the role the server's.
    END;
  END IF;
  -- A superuser may take any role; on a managed service the administrator is none. Since 16 membership alone is not enough.
  IF NOT pg_has_role(current_user, '${writerRole}',
                     CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END) THEN
    EXECUTE format('GRANT ${writerRole} TO %I', current_user);
  END IF;
END $$`;

/**
 * Makes or repairs the schema of the platform database `client` is connected to, as an administrator. Safe to repeat
 * and to run at the same time: one transaction under one lock. Returns the schema's version.
 * @throws Error when the schema is newer than this checkout.
 */
export async function ensurePlatformSchema(client: Client): Promise<number> {
  return inTransaction(client, async () => {
    await client.query("SELECT pg_advisory_xact_lock(hashtextextended('platform schema', 0))");
    await client.query(`CREATE TABLE IF NOT EXISTS public.schema_versions
      (version int PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())`);
    const { rows } = await client.query<{ version: number }>(
      "SELECT coalesce(max(version), 0) AS version FROM public.schema_versions",
    );
    const applied = rows[0]?.version ?? 0;
    if (applied > migrations.length) {
      throw new Problem(
        "checkout-old",
        `The platform database has schema version ${applied}, this checkout knows ${migrations.length}: ` +
          `use the checkout that made it, or a newer one: git pull`,
      );
    }
    await client.query(createWriter);
    for (const [index, migration] of migrations.entries()) {
      if (index < applied) continue;
      await client.query(migration);
      await client.query("INSERT INTO public.schema_versions (version) VALUES ($1)", [index + 1]);
    }
    await client.query(guarantees.join(";\n"));
    return migrations.length;
  });
}

/**
 * Runs `fn` with a connection to the platform database that acts as `platform_writer`, and ends it.
 * @throws Error naming the command that makes the platform when it is not there yet.
 */
export async function withPlatform<T>(
  fn: (client: Client) => Promise<T>,
  all: Pick<Servers, "postgresql"> = platformServers(),
): Promise<T> {
  let client: Client;
  try {
    client = await adminClient(all, platformDatabase, { role: writerRole });
  } catch (cause) {
    // 22023: the role does not exist.
    if (sqlState(cause) !== "22023") throw cause;
    throw notPrepared(cause);
  }
  try {
    return await fn(client);
  } catch (cause) {
    // 42P01, 42703: a table or a column does not exist: of none, or of an older checkout.
    throw ["42P01", "42703"].includes(sqlState(cause) ?? "") ? notPrepared(cause) : cause;
  } finally {
    await closeSession(client);
  }
}

function notPrepared(cause: unknown): Error {
  const message =
    "The platform database is not prepared, or by an older checkout. Prepare it: pulumi up --stack platform";
  return Object.assign(new Problem("platform-missing", message, { cause }), { code: sqlState(cause) });
}
