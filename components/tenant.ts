// The architecture: a tenant is a reservation, credentials, a place in four stores, a proof, an event and a row, in the
// order of the plan's section 7.1. Destroying takes it away in the exact reverse.
import { all, ComponentResource, unsecret, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import { AuditEvent } from "../providers/audit-event.ts";
import { catalogsVersion } from "../providers/clients/catalogs.ts";
import { nodesOf } from "../providers/clients/postgresql.ts";
import { postgresqlUrl } from "../providers/clients/postgresql-list.ts";
import { tenantCommands } from "../providers/clients/redis-commands.ts";
import { formatRedisUrl } from "../providers/clients/redis-url.ts";
import { defaultPlacement } from "../providers/clients/placements.ts";
import { servers } from "../providers/clients/servers.ts";
import { DataGuard } from "../providers/data-guard.ts";
import type { QdrantCollectionInputs } from "../providers/qdrant-collection.ts";
import { RegistryRow } from "../providers/registry-row.ts";
import { Reservation } from "../providers/reservation.ts";
import type { AdoptedSecrets, TenantCredentials } from "./credentials.ts";
import type { Labels } from "./labels.ts";
import { tenantNames, type TenantNames } from "./names.ts";
import { bucketPolicy } from "./object-storage.ts";
import { everRotated, type Rotations } from "./rotation.ts";
import { TenantStores } from "./tenant-stores.ts";
import { strictMode, type VectorLayout, type VectorLimits } from "./vector-store.ts";
import { Verification } from "./verification.ts";

/** What can be set about a tenant's place in the stores. */
export interface StoreSettings extends VectorLimits, VectorLayout {
  readonly postgresqlConnectionLimit: number;
  /** Milliseconds; 0 is no limit. */
  readonly postgresqlStatementTimeout: number;
  /** Milliseconds; 0 is no limit. */
  readonly postgresqlIdleTransactionTimeout: number;
  /** Such as 256MB. */
  readonly postgresqlTempFileLimit: string;
  /** Bytes; 0 is no limit. */
  readonly bucketQuota: number;
  /** Dimensions. */
  readonly qdrantVectorSize: number;
  readonly qdrantDistance: QdrantCollectionInputs["distance"];
  readonly qdrantPayloadIndexes: Readonly<Record<string, string>>;
  /** Days; 0 is never. */
  readonly qdrantTokenDays: number;
  /** Shut out of all four stores. Everything stays: data, credentials, settings. */
  readonly suspended: boolean;
  /** How often each secret was rotated. */
  readonly rotation: Rotations;
}

/** What a stack's file says about its tenant. */
export interface TenantSettings extends StoreSettings {
  readonly id: string;
  /** The tenant's CIDRs. No other tenant's overlap. */
  readonly networks: readonly string[];
  /** Where verification runs; the PostgreSQL role may connect from there too. */
  readonly operatorNetworks: readonly string[];
  /** age public keys that open the SOPS file and exports, beside the tenant's own: a recovery key, for one. */
  readonly recipients: readonly string[];
  /** Lets a destroy delete data. */
  readonly allowDestroy: boolean;
  /** For commands that select tenants; in the registry. */
  readonly labels: Labels;
  /** Why it is suspended, for registry and audit log; empty when nobody said. */
  readonly suspensionReason: string;
  /** Which set of the four stores it lives on. Never changes. */
  readonly placement: string;
}

export type TenantArgs = TenantSettings & {
  readonly stack: string;
  /** Secret. Those of a tenant that was adopted with them. @default new ones */
  readonly adoptedSecrets?: AdoptedSecrets;
};

/** One tenant: isolated storage in four stores, proven, recorded, registered. */
export class Tenant extends ComponentResource {
  readonly names: TenantNames;
  readonly endpoints: Readonly<Record<string, string>>;
  readonly agePublicKey: Output<string>;
  readonly credentials: TenantCredentials;
  /** UUIDv7 of the verification report. */
  readonly reportId: Output<string>;

  constructor(name: string, args: TenantArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:Tenant", name, {}, opts);
    const { id, networks, labels, suspended, suspensionReason } = args;
    // The default one is nothing to be said, also of tenants that were made before there were others.
    const placed = args.placement === defaultPlacement ? {} : { placement: args.placement };
    const names = tenantNames(id);
    const child = { parent: this };

    const rotation = everRotated(args.rotation);
    const rotated = rotation === undefined ? {} : { rotation };
    const reservation = new Reservation(
      name,
      { tenant: id, stack: args.stack, networks, ...placed, ...rotated },
      child,
    );

    const lines = [...new Set([...networks, ...args.operatorNetworks])];
    const stores = new TenantStores(name, { ...args, names, networks: lines }, { ...child, dependsOn: [reservation] });

    const verification = new Verification(
      name,
      { tenant: id, suspended, recipients: args.recipients, triggers: [digest(args, stores)] },
      { ...child, dependsOn: [stores] },
    );

    const event = new AuditEvent(
      name,
      { tenant: id, reportId: verification.reportId, suspended, reason: suspensionReason, ...rotated },
      child,
    );

    const endpoints = endpointsOf(names);
    const row = new RegistryRow(
      name,
      {
        tenant: id,
        networks,
        endpoints,
        agePublicKey: stores.credentials.agePublicKey,
        credentialsRef: `${id}/secrets.enc.yaml`,
        reportId: verification.reportId,
        verifiedAt: verification.verifiedAt,
        suspended,
        suspensionReason,
        // None: then nothing is to be said, also of tenants that were registered before there were labels.
        ...(Object.keys(labels).length === 0 ? {} : { labels }),
        ...placed,
      },
      { ...child, dependsOn: [event] },
    );

    // Made last, so that it is deleted first: a destroy that is not allowed touches nothing else.
    new DataGuard(name, { tenant: id, allowDestroy: args.allowDestroy }, { ...child, dependsOn: [row] });

    this.names = names;
    this.endpoints = endpoints;
    this.agePublicKey = stores.credentials.agePublicKey;
    this.credentials = stores.credentials;
    this.reportId = verification.reportId;
    this.registerOutputs({ names, endpoints, agePublicKey: this.agePublicKey, reportId: this.reportId });
  }
}

/** Changes with every setting, rule and secret of the tenant, and gives none of them away. */
function digest(
  { allowDestroy: _, adoptedSecrets: __, rotation: ___, labels: ____, placement: _____, ...settings }: TenantArgs,
  { credentials }: TenantStores,
): Output<string> {
  const rules = [bucketPolicy(tenantNames(settings.id).bucket), strictMode(settings), tenantCommands, catalogsVersion];
  const { minioSecretKey, postgresPassword, redisPassword, tenantApiKey } = credentials;
  const secrets = [minioSecretKey, postgresPassword, redisPassword, tenantApiKey];
  const parts = all([...secrets, credentials.qdrantTokenId, credentials.agePublicKey]);
  return unsecret(
    parts.apply((known) =>
      createHash("sha256")
        .update(JSON.stringify([settings, rules, known]))
        .digest("hex"),
    ),
  );
}

/** Where an application finds the tenant's stores; it adds the credentials itself. */
function endpointsOf({ bucket, collection, database, keyPrefix }: TenantNames): Record<string, string> {
  const { minio, postgresql, qdrant, redis } = servers();
  return {
    minio: `${minio.endpoint.origin}/${bucket}`,
    postgresql: postgresqlUrl(nodesOf({ postgresql }), database),
    qdrant: `${qdrant.tenantUrl.origin}/collections/${collection}`,
    ...(qdrant.tenantGrpcUrl && { qdrantGrpc: qdrant.tenantGrpcUrl.origin }),
    redis: formatRedisUrl(redis),
    redisKeyPrefix: keyPrefix,
  };
}
