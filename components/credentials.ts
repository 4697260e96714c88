// A tenant's age key, its five secrets and the SOPS file that holds them (plan, section 6).
import { ComponentResource, secret, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";
import { AgeKey } from "../providers/age-key.ts";
import { QdrantToken } from "../providers/qdrant-token.ts";
import { SopsFile } from "../providers/sops-file.ts";
import { minioUserOf, type TenantNames } from "./names.ts";
import type { Rotations, Secret } from "./rotation.ts";

export interface TenantCredentialsArgs {
  readonly names: TenantNames;
  /** Days until the Qdrant token expires; 0 is never. */
  readonly qdrantTokenDays: number;
  /** age public keys that open the SOPS file beside the tenant's own. */
  readonly recipients: readonly string[];
  /** How often each secret was rotated. */
  readonly rotation: Rotations;
  /** Those of a tenant that was adopted with them. @default new ones */
  readonly adoptedSecrets?: AdoptedSecrets;
}

/** The secrets a tenant had before it was adopted: its applications go on using them, until they are rotated. */
export interface AdoptedSecrets {
  readonly minio: string;
  readonly postgresql: string;
  readonly redis: string;
  readonly api: string;
}

/** 44 letters and digits: 262 bits, at least the plan's `openssl rand -base64 32`. (RandomBytes: its id is the secret.) */
const strength = { length: 44, special: false } as const;

/** Key pair, secrets, encrypted file. */
export class TenantCredentials extends ComponentResource {
  /** `age1…` */
  readonly agePublicKey: Output<string>;
  /** MinIO user. */
  readonly minioAccessKey: string;
  readonly minioSecretKey: Output<string>;
  readonly postgresPassword: Output<string>;
  readonly redisPassword: Output<string>;
  readonly tenantApiKey: Output<string>;
  /** The Qdrant token. */
  readonly qdrantApiKey: Output<string>;
  /** The id of the Qdrant token, not the token. */
  readonly qdrantTokenId: Output<string>;
  /** SHA-256 of the SOPS file. */
  readonly fileDigest: Output<string>;

  constructor(name: string, args: TenantCredentialsArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:TenantCredentials", name, {}, opts);
    const { names, rotation } = args;
    const child = { parent: this };
    // What makes a new secret of a resource: nothing until there was a rotation.
    const generation = (of: Secret) => ((rotation[of] ?? 0) > 0 ? { rotation: rotation[of] as number } : {});
    const keepers = (of: Secret) => ((rotation[of] ?? 0) > 0 ? { keepers: { rotation: String(rotation[of]) } } : {});

    const key = new AgeKey(name, { tenant: names.id, ...generation("age") }, child);

    const generate = (what: keyof AdoptedSecrets): Output<string> =>
      args.adoptedSecrets === undefined || (rotation[what] ?? 0) > 0
        ? new RandomPassword(`${name}-${what}`, { ...strength, ...keepers(what) }, { ...child, dependsOn: [key] })
            .result
        : secret(args.adoptedSecrets[what]);
    this.minioAccessKey = minioUserOf(names, rotation.minio ?? 0);
    this.minioSecretKey = generate("minio");
    this.postgresPassword = generate("postgresql");
    this.redisPassword = generate("redis");
    this.tenantApiKey = generate("api");
    const token = new QdrantToken(
      name,
      {
        tenant: names.id,
        collection: names.collection,
        days: args.qdrantTokenDays,
        ...generation("qdrant"),
      },
      { ...child, dependsOn: [key] },
    );

    const file = new SopsFile(
      name,
      {
        tenant: names.id,
        // In the order in which the file is read back: a difference is a difference in who can open it.
        recipients: key.recipient.apply((own) => [...new Set([own, ...args.recipients])].sort()),
        credentials: {
          minio_access_key: this.minioAccessKey,
          minio_secret_key: this.minioSecretKey,
          postgres_password: this.postgresPassword,
          qdrant_api_key: token.token,
          redis_password: this.redisPassword,
          tenant_api_key: this.tenantApiKey,
        },
      },
      child,
    );

    this.agePublicKey = key.recipient;
    this.qdrantApiKey = token.token;
    this.qdrantTokenId = token.jti;
    this.fileDigest = file.digest;
    this.registerOutputs({ agePublicKey: this.agePublicKey });
  }
}
