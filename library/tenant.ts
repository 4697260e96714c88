// A tenant, for a program of somebody else's.
import { all, getStack, secret, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { connectionOf, variables } from "../cli/connection.ts";
import type { Rotations } from "../components/rotation.ts";
import { Tenant as TenantComponent } from "../components/tenant.ts";
import { currentPlacement, servers } from "../providers/clients/servers.ts";
import { tenantSettings } from "../stacks/config.ts";
import { requireProviders } from "./providers.ts";
import { asConfiguration } from "./settings.ts";

/** What can be set about a tenant. */
export interface TenantArgs {
  /** a-z and 0-9, up to 40 characters; `canary` and `platform` are reserved. Every name in every store is made of it. */
  readonly id: string;
  /** The tenant's CIDRs, IPv4 or IPv6: PostgreSQL lets its role in from these only. No other tenant's may overlap. */
  readonly network: readonly string[];
  /**
   * CIDRs of the hosts that run `pulumi up`, which verifies the tenant with its own credentials.
   * @default ["127.0.0.0/8", "::1/128"]
   */
  readonly operatorNetworks?: readonly string[];
  /**
   * age public keys that open the tenant's SOPS file and its exports beside its own key, such as a recovery key.
   * @default []
   */
  readonly recipients?: readonly string[];
  /**
   * What the registry shows of the tenant beside its id, such as `{ plan: "gold" }`.
   * @default {}
   */
  readonly labels?: Readonly<Record<string, string>>;
  /**
   * Lets a destroy delete a tenant that holds data. For one run, `TENANT_CONFIRM_DESTROY=ID pulumi destroy` does too.
   * @default false
   */
  readonly allowDestroy?: boolean;
  /**
   * Shuts the tenant out of all four stores at once, open connections too. Nothing is deleted.
   * @default false
   */
  readonly suspended?: boolean;
  /**
   * Why it is suspended: one line of at most 200 characters.
   * @default ""
   */
  readonly suspensionReason?: string;
  /**
   * Connections of the tenant's role at once.
   * @default 20
   */
  readonly postgresqlConnectionLimit?: number;
  /**
   * Milliseconds a statement may take unless its session sets another value; 0 is no limit.
   * @default 0
   */
  readonly postgresqlStatementTimeout?: number;
  /**
   * Milliseconds a transaction may stand idle before its session is ended; 0 is no limit.
   * @default 600000
   */
  readonly postgresqlIdleTransactionTimeout?: number;
  /**
   * Disk space for temporary files of one session: a number with kB, MB, GB or TB.
   * @default "256MB"
   */
  readonly postgresqlTempFileLimit?: string;
  /**
   * Bytes the bucket may hold; 0 is no limit.
   * @default 10737418240
   */
  readonly bucketQuota?: number;
  /**
   * Dimensions of the collection's vectors. Another number makes another collection.
   * @default 768
   */
  readonly qdrantVectorSize?: number;
  /** @default "Cosine" */
  readonly qdrantDistance?: "Cosine" | "Dot" | "Euclid" | "Manhattan";
  /**
   * Parts the collection is cut into, for the nodes of a cluster. Only an empty collection can be cut anew.
   * @default 1
   */
  readonly qdrantShards?: number;
  /**
   * Nodes of a cluster that have a copy of each part. A change copies or drops.
   * @default 1
   */
  readonly qdrantReplicas?: number;
  /**
   * Copies that have taken a write before it is answered; at most `qdrantReplicas`.
   * @default 1
   */
  readonly qdrantWriteConsistency?: number;
  /**
   * Payload indexes by field, such as `{ document_id: "keyword" }`: the tenant's token may not make them.
   * @default {}
   */
  readonly qdrantPayloadIndexes?: Readonly<
    Record<string, "keyword" | "integer" | "float" | "bool" | "geo" | "datetime" | "text" | "uuid">
  >;
  /**
   * Points the collection may hold; 0 is no limit.
   * @default 1000000
   */
  readonly qdrantMaxPoints?: number;
  /**
   * Bytes of vectors, and as many of payload; 0 is no limit.
   * @default 4294967296
   */
  readonly qdrantQuota?: number;
  /**
   * Searches a minute; 0 is no limit.
   * @default 30000
   */
  readonly qdrantReadsPerMinute?: number;
  /**
   * Points written a minute; 0 is no limit.
   * @default 120000
   */
  readonly qdrantWritesPerMinute?: number;
  /**
   * Lets filters use fields without a payload index.
   * @default false
   */
  readonly qdrantUnindexedFilters?: boolean;
  /**
   * Days until the Qdrant token expires; 0 is never.
   * @default 0
   */
  readonly qdrantTokenDays?: number;
  /**
   * How often each secret was rotated. Raising a number rotates it, without a moment in which none works.
   * @default {}
   */
  readonly rotation?: Rotations;
}

/**
 * One tenant: a bucket, a database, a collection and a key space in the shared stores, with credentials of its own in a SOPS
 * file, proven to be isolated, recorded and registered. The update fails when a check of the proof does.
 * @example
 * const tenant = new Tenant("acme", { id: "acme", network: ["10.12.0.0/16"] }, { providers: tenantProviders() });
 * export const endpoints = tenant.endpoints;
 */
export class Tenant extends TenantComponent {
  /**
   * What an application needs to connect, as environment variables: those of `tenant credentials`. Secret; known when the
   * tenant is verified.
   */
  readonly variables: Output<Record<string, string>>;

  /** @throws RunError listing every problem of the arguments. */
  constructor(name: string, args: TenantArgs, opts?: ComponentResourceOptions) {
    const title = `new Tenant(${JSON.stringify(name)})`;
    requireProviders(title, opts);
    const settings = tenantSettings(args.id, asConfiguration({ ...args, placement: currentPlacement() }), {
      title,
      secretKeys: [],
    });
    super(name, { ...settings, stack: getStack() }, opts);
    const { minioAccessKey, minioSecretKey, postgresPassword, qdrantApiKey, redisPassword, tenantApiKey } =
      this.credentials;
    const credentials = {
      minio_access_key: minioAccessKey,
      minio_secret_key: minioSecretKey,
      postgres_password: postgresPassword,
      qdrant_api_key: qdrantApiKey,
      redis_password: redisPassword,
      tenant_api_key: tenantApiKey,
    };
    // With the report's id: of a tenant that is not proven, and of one that is being rotated, there is nothing to hand over yet.
    this.variables = secret(
      all([credentials, this.reportId]).apply(([known]) => variables(connectionOf(this.names, servers(), known))),
    );
  }
}
