// A tenant's credentials and its place in the four stores: steps 1 to 7 of the plan's section 7.1.
import { ComponentResource, type ComponentResourceOptions } from "@pulumi/pulumi";
import { CredentialsHandover } from "../providers/credentials-handover.ts";
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

/** Credentials first; then the four stores, which do not wait for each other; then the credentials are the tenant's. */
export class TenantStores extends ComponentResource {
  readonly credentials: TenantCredentials;

  constructor(name: string, args: TenantStoresArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:TenantStores", name, {}, opts);
    const { names, qdrantTokenDays, recipients, rotation, suspended } = args;
    const child = { parent: this };

    const adopted = args.adoptedSecrets === undefined ? {} : { adoptedSecrets: args.adoptedSecrets };
    const own = { names, qdrantTokenDays, recipients, rotation, ...adopted };
    const credentials = new TenantCredentials(name, own, child);
    const store = { ...child, dependsOn: [credentials] };

    const { minioAccessKey: accessKey, minioSecretKey: secretKey } = credentials;
    const objects = new ObjectStorage(name, { names, accessKey, secretKey, quota: args.bucketQuota, suspended }, store);
    const database = new Database(
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
    const vectors = new VectorStore(
      name,
      {
        names,
        vectorSize: args.qdrantVectorSize,
        distance: args.qdrantDistance,
        payloadIndexes: args.qdrantPayloadIndexes,
        layout: args,
        limits: args,
        jti: credentials.qdrantTokenId,
        suspended,
      },
      store,
    );
    const keys = new KeySpace(name, { names, password: credentials.redisPassword, suspended }, store);

    new CredentialsHandover(
      name,
      {
        tenant: names.id,
        role: database.role,
        verifier: database.verifier,
        login: !suspended,
        digest: credentials.fileDigest,
      },
      { ...child, dependsOn: [objects, database, vectors, keys] },
    );

    this.credentials = credentials;
    this.registerOutputs();
  }
}
