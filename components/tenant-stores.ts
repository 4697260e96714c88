// A tenant's credentials and its place in the four stores: steps 1 to 7 of the plan's section 7.1.
import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi";
import { TenantCredentials, type AdoptedSecrets } from "./credentials.ts";
import { Database } from "./database.ts";
import { KeySpace } from "./key-space.ts";
import type { TenantNames } from "./names.ts";
import { ObjectStorage } from "./object-storage.ts";
import type { StoreSettings } from "./tenant.ts";
import { VectorStore } from "./vector-store.ts";

export type TenantStoresArgs = StoreSettings & {
  readonly names: TenantNames;
  /** CIDRs the PostgreSQL role may connect from. */
  readonly networks: readonly string[];
  /** age public keys that open the SOPS file beside the tenant's own. */
  readonly recipients: readonly string[];
  readonly adoptedSecrets?: AdoptedSecrets;
};

/** Credentials first; then the four stores, which do not wait for each other. */
export class TenantStores extends ComponentResource {
  readonly credentials: TenantCredentials;

  constructor(name: string, args: TenantStoresArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:TenantStores", name, {}, opts);
    const { names, qdrantTokenDays, recipients, suspended } = args;
    const child = { parent: this };

    const adopted = args.adoptedSecrets === undefined ? {} : { adoptedSecrets: args.adoptedSecrets };
    const credentials = new TenantCredentials(name, { names, qdrantTokenDays, recipients, ...adopted }, child);
    const store = { ...child, dependsOn: [credentials] };

    new ObjectStorage(
      name,
      { names, secretKey: credentials.minioSecretKey, quota: args.bucketQuota, suspended },
      store,
    );
    new Database(
      name,
      {
        names,
        password: credentials.postgresPassword,
        networks: args.networks,
        connectionLimit: args.postgresqlConnectionLimit,
        statementTimeout: args.postgresqlStatementTimeout,
        idleTransactionTimeout: args.postgresqlIdleTransactionTimeout,
        tempFileLimit: args.postgresqlTempFileLimit,
        suspended,
      },
      store,
    );
    new VectorStore(
      name,
      {
        names,
        vectorSize: args.qdrantVectorSize,
        distance: args.qdrantDistance,
        payloadIndexes: args.qdrantPayloadIndexes,
        limits: args,
        jti: credentials.qdrantTokenId,
        suspended,
      },
      store,
    );
    new KeySpace(name, { names, password: credentials.redisPassword, suspended }, store);

    this.credentials = credentials;
    this.registerOutputs();
  }
}
