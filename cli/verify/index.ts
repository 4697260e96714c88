// The cross-store verification (plan, section 8): with the tenant's own credentials, through ordinary clients.
import { canaryId, tenantNames } from "../../components/names.ts";
import { readCredentials } from "../../providers/clients/credentials.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { storeReport } from "../../providers/clients/reports.ts";
import { platformServers, servers, type Servers } from "../../providers/clients/servers.ts";
import { runStore, type Subject } from "./checks.ts";
import { encryption } from "./encryption.ts";
import { minio } from "./minio.ts";
import { postgresql } from "./postgresql.ts";
import { newTrace } from "./probe.ts";
import { qdrant } from "./qdrant.ts";
import { redis } from "./redis.ts";
import type { Report } from "./report.ts";
import { suspendedMinio, suspendedPostgresql, suspendedQdrant, suspendedRedis } from "./suspended.ts";

export { formatReport, type Check, type Report, type Result, type Store } from "./report.ts";

export interface VerifyOptions {
  /** Prove that the tenant's valid credentials are refused, in place of what they open. */
  readonly suspended?: boolean;
  /**
   * The tenant that must be out of reach.
   * @default "canary"
   */
  readonly other?: string;
  /** age recipients every SOPS file has besides the tenant's, such as a recovery key. None by default. */
  readonly extraRecipients?: readonly string[];
  /**
   * Milliseconds for each check.
   * @default 10000
   */
  readonly timeout?: number;
  /** From the environment and the configuration by default. */
  readonly servers?: Servers;
}

/** A report, and whether it is in the platform database. */
export interface StoredVerification {
  readonly report: Report;
  readonly stored: boolean;
  /** Why it is not stored. */
  readonly problem?: string;
}

/**
 * Verifies a tenant: every store at the same time, with the credentials in its SOPS file. Leaves nothing behind. A server
 * that cannot be reached, or credentials that cannot be read, are ERROR results.
 * @throws RangeError when `id` is no tenant id or is the other tenant itself; Error when no servers are configured.
 */
export async function verifyTenant(id: string, options: VerifyOptions = {}): Promise<Report> {
  const names = tenantNames(id);
  const other = tenantNames(options.other ?? canaryId);
  if (names.id === other.id) {
    throw new RangeError(`Tenant ${id} cannot be verified against itself: name another tenant, such as a real one`);
  }
  const credentials = readCredentials(id);
  credentials.catch(() => undefined); // Every store reports it.
  const subject: Subject = {
    names,
    other,
    servers: options.servers ?? servers(),
    credentials,
    extraRecipients: options.extraRecipients ?? [],
    timeout: options.timeout ?? 30_000,
  };
  const { suspended = false } = options;
  const stores = await Promise.all([
    ...(suspended
      ? [
          runStore(suspendedMinio, subject),
          runStore(suspendedPostgresql, subject),
          runStore(suspendedQdrant, subject),
          runStore(suspendedRedis, subject),
        ]
      : [runStore(minio, subject), runStore(postgresql, subject), runStore(qdrant, subject), runStore(redis, subject)]),
    runStore(encryption, subject),
  ]);
  const checks = stores.flat();
  return {
    tenant_id: id,
    against: other.id,
    ...(suspended ? { suspended } : {}),
    checks,
    overall_pass: checks.every((check) => check.pass),
    report_id: newTrace(),
  };
}

/** Verifies a tenant and stores the report for audit. Connects to the platform database meanwhile. */
export async function verifyAndStore(id: string, options: VerifyOptions = {}): Promise<StoredVerification> {
  const verification = verifyTenant(id, options);
  const storing = withPlatform(
    async (client) => storeReport(client, await verification),
    options.servers ?? platformServers(),
  );
  const [verified, stored] = await Promise.allSettled([verification, storing]);
  if (verified.status === "rejected") throw verified.reason;
  if (stored.status === "fulfilled") return { report: verified.value, stored: true };
  return { report: verified.value, stored: false, problem: (stored.reason as Error).message };
}
