// An audit log of a test's own: its key and what was seen of it are in a folder that goes with the test.
import type { Client } from "pg";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newEventId } from "../../providers/clients/audit.ts";
import { generateSigner, keepSigner, type Signer } from "../../providers/clients/audit-key.ts";
import { beginLog } from "../../providers/clients/audit-log.ts";

export interface OwnAuditLog {
  /** The log's id. */
  readonly log: string;
  readonly signer: Signer;
  /** Puts the environment back and removes the folder. */
  readonly end: () => Promise<void>;
}

/** Begins the log of the database that `client` writes to. */
export async function ownAuditLog(client: Client): Promise<OwnAuditLog> {
  const before = process.env["TENANT_AUDIT_DIR"];
  const folder = await mkdtemp(join(tmpdir(), "audit-"));
  process.env["TENANT_AUDIT_DIR"] = folder;
  const log = newEventId();
  const signer = generateSigner();
  await keepSigner(log, signer);
  await beginLog(client, log, {});
  return {
    log,
    signer,
    end: async () => {
      if (before === undefined) delete process.env["TENANT_AUDIT_DIR"];
      else process.env["TENANT_AUDIT_DIR"] = before;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
