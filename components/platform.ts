// What tenants share, made once: the platform's database, the hardened template, the token registry and the canary.
import * as postgresql from "@pulumi/postgresql";
import { ComponentResource, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { AuditKey } from "../providers/audit-key.ts";
import { catalogsVersion } from "../providers/clients/catalogs.ts";
import { tokenStateCollection } from "../providers/clients/qdrant.ts";
import { platformDatabase, schemaVersion } from "../providers/clients/platform-db.ts";
import { defaultPlacement } from "../providers/clients/placements.ts";
import { PgHbaClosing } from "../providers/pg-hba-closing.ts";
import { Placement } from "../providers/placement.ts";
import { PlatformSchema } from "../providers/platform-schema.ts";
import { QdrantCollection } from "../providers/qdrant-collection.ts";
import { TenantTemplate } from "../providers/tenant-template.ts";
import { canaryId, tenantNames } from "./names.ts";
import { databaseOwner, templateDatabase } from "./shared.ts";
import { TenantStores } from "./tenant-stores.ts";

export interface PlatformArgs {
  /** Which servers these are; the default ones have the platform database, for all. */
  readonly placement: string;
  /** Where verification runs: the canary's role may connect from there. */
  readonly operatorNetworks: readonly string[];
  /** age public keys that open the canary's SOPS file beside its own. */
  readonly recipients: readonly string[];
}

/** The platform stack. */
export class Platform extends ComponentResource {
  /** The audit log's id; undefined but on the default placement. */
  readonly auditLog: Output<string> | undefined;
  /** What auditors verify the log with: PEM. */
  readonly auditPublicKeys: Output<string> | undefined;

  constructor(name: string, args: PlatformArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:Platform", name, {}, opts);
    const child = { parent: this };

    const records = args.placement === defaultPlacement ? recordsOf(name, child) : undefined;

    const owner = new postgresql.Role(databaseOwner, { name: databaseOwner, login: false, inherit: false }, child);
    const template = new TenantTemplate(
      templateDatabase,
      { template: templateDatabase, owner: owner.name, version: catalogsVersion },
      child,
    );

    // Before a tenant's role can connect: no answer may say which databases exist.
    const closing = new PgHbaClosing(name, child);

    const tokens = new QdrantCollection(
      tokenStateCollection,
      {
        collection: tokenStateCollection,
        vectorSize: 1,
        distance: "Dot",
        strictMode: {},
        payloadIndexes: { jti: "keyword", tenant: "keyword" },
        // Every request of every tenant looks a token up here: no node may depend on another one for it.
        replicas: "all",
      },
      child,
    );

    // Every tenant is verified against it: the first tenant's proof is as strong as the hundredth's.
    const canary = new TenantStores(
      canaryId,
      {
        names: tenantNames(canaryId),
        networks: args.operatorNetworks,
        recipients: args.recipients,
        postgresqlConnectionLimit: 5,
        postgresqlStatementTimeout: 0,
        postgresqlIdleTransactionTimeout: 0,
        postgresqlTempFileLimit: "16MB",
        bucketQuota: 0,
        qdrantVectorSize: 768,
        qdrantDistance: "Cosine",
        qdrantPayloadIndexes: {},
        qdrantShards: 1,
        qdrantReplicas: 1,
        qdrantWriteConsistency: 1,
        qdrantMaxPoints: 1000,
        qdrantQuota: 16 * 1024 * 1024,
        qdrantReadsPerMinute: 0,
        qdrantWritesPerMinute: 0,
        qdrantUnindexedFilters: false,
        qdrantTokenDays: 0,
        suspended: false,
        rotation: {},
      },
      { ...child, dependsOn: [...(records ? [records.schema] : []), template, closing, tokens] },
    );
    // The default one is open as soon as there is a platform database.
    if (records === undefined) new Placement(name, { placement: args.placement }, { ...child, dependsOn: [canary] });
    this.auditLog = records?.key.log;
    this.auditPublicKeys = records?.key.publicKeys;
    this.registerOutputs({ auditLog: this.auditLog, auditPublicKeys: this.auditPublicKeys });
  }
}

/** The platform database, for the tenants of all placements: registry, audit log, reports. */
function recordsOf(name: string, child: ComponentResourceOptions) {
  const database = new postgresql.Database(
    name,
    { name: platformDatabase, template: "template0" },
    // It holds the audit log: `pulumi destroy` must be told twice (pulumi state unprotect).
    { ...child, protect: true },
  );
  const key = new AuditKey(name, { database: platformDatabase }, child);
  const schema = new PlatformSchema(name, { database: database.name, version: schemaVersion, log: key.log }, child);
  return { key, schema };
}
