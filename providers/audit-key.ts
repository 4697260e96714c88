// The key that signs the audit log (clients/audit-key.ts). The private key is a 0600 file of the operator's and never in the state:
// a database's administrator who had it could write the log anew.
import type { CustomResourceOptions, Output } from "@pulumi/pulumi";
import { rm } from "node:fs/promises";
import { newEventId } from "./clients/audit.ts";
import {
  auditDir,
  auditFiles,
  generateSigner,
  keepSigner,
  knownLogs,
  publicPem,
  readSeen,
  readSigner,
  readTrustedKeys,
} from "./clients/audit-key.ts";
import { logOf } from "./clients/audit-log.ts";
import { platformDatabase } from "./clients/platform-db.ts";
import { sqlState, withAdmin } from "./clients/postgresql.ts";
import { platformServers } from "./clients/servers.ts";
import { shred } from "./clients/shred.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface AuditKeyInputs {
  /** Of the log. */
  readonly database: string;
}

interface AuditKeyState extends AuditKeyInputs {
  /** The log's id: a UUIDv7, that of its first event. */
  readonly log: string;
  /** All that ever signed, SPKI PEM, the present one last. */
  readonly publicKeys: string;
}

/** The log that the database has begun; undefined when there is none, or no database. */
async function begun(): Promise<string | undefined> {
  return withAdmin(logOf, platformDatabase, platformServers()).catch((error: unknown) => {
    if (sqlState(error) === "3D000") return undefined;
    throw error;
  });
}

async function stateOf(inputs: AuditKeyInputs, log: string): Promise<AuditKeyState> {
  const keys = await readTrustedKeys(log);
  return { ...inputs, log, publicKeys: [...keys.values()].map(publicPem).join("") };
}

/** A key that an interrupted run made and no log was begun with. */
async function unused(): Promise<string | undefined> {
  for (const log of await knownLogs()) {
    if ((await readSeen(log)) === undefined && (await readSigner(log)) !== undefined) return log;
  }
  return undefined;
}

export const provider = dynamicProvider<AuditKeyInputs, AuditKeyState>({
  describe: () => `key of the audit log in ${auditDir()}`,
  id: ({ database }) => database,
  inputs: { database: "replace" },
  async ensure(desired) {
    const present = await begun();
    const log = present ?? (await unused()) ?? newEventId();
    if ((await readSigner(log)) === undefined) {
      if (present !== undefined) {
        throw new Error(
          `the platform's audit log ${log} has a key, and it is not here: ${auditFiles(log).key}. Copy that folder from a colleague ` +
            `or a backup; when the key is lost, begin a new one: npm run tenant -- audit --new-key --reason TEXT`,
        );
      }
      await keepSigner(log, generateSigner());
    }
    return stateOf(desired, log);
  },
  async observe({ database, log }) {
    const present = await begun();
    if (present !== undefined && present !== log) {
      throw new Error(
        `the platform database has the audit log ${present}, and this stack's is ${log}: somebody replaced it. Restore the ` +
          `database from a backup`,
      );
    }
    // The log is gone with its database, or the key is.
    if (present === undefined && (await readSeen(log)) !== undefined) return undefined;
    return (await readSigner(log)) === undefined ? undefined : stateOf({ database }, log);
  },
  async remove({ log }) {
    const { folder, key } = auditFiles(log);
    await shred(key);
    await rm(folder, { recursive: true, force: true });
  },
});

/** An Ed25519 key pair for the audit log of a database. */
export class AuditKey extends DynamicResource {
  declare readonly log: Output<string>;
  declare readonly publicKeys: Output<string>;

  constructor(name: string, args: AuditKeyInputs, opts?: CustomResourceOptions) {
    super("AuditKey", "audit-key", name, { ...args, log: undefined, publicKeys: undefined }, opts);
  }
}
