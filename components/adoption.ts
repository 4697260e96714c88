// Taking over a tenant that somebody else made (the plan as a shell runbook, for one): which of its resources Pulumi imports,
// which ours record as they are, and which wait for the first ordinary update. Nothing that exists is changed.
import { runtime, type CustomResourceOptions, type Resource } from "@pulumi/pulumi";
import type { Existing } from "../providers/clients/existing.ts";
import type { TenantNames } from "./names.ts";

interface TakenOver {
  /** What must exist for it. Nothing: it is made, it is no part of a store. */
  readonly when: readonly (keyof Existing)[];
  /** A native resource's import id. Ours record what they find (providers/lifecycle.ts). */
  readonly importId?: (names: TenantNames) => string;
}

/**
 * By type. What is not here is made by the first ordinary update: what no server knows yet, and the official plugin's grants,
 * which cannot be imported.
 */
const takenOver: Readonly<Record<string, TakenOver>> = {
  "pulumi-nodejs:dynamic/tenant:Reservation": { when: [] },
  "pulumi-nodejs:dynamic/tenant:AgeKey": { when: [] },
  "random:index/randomPassword:RandomPassword": { when: [] },
  "pulumi-nodejs:dynamic/tenant:QdrantToken": { when: [] },
  "pulumi-nodejs:dynamic/tenant:SopsFile": { when: [] },
  "minio:index/s3Bucket:S3Bucket": { when: ["bucket"], importId: ({ bucket }) => bucket },
  "pulumi-nodejs:dynamic/tenant:BucketEncryption": { when: ["bucket"] },
  "pulumi-nodejs:dynamic/tenant:BucketContents": { when: ["bucket"] },
  "minio:index/iamPolicy:IamPolicy": { when: ["minioPolicy"], importId: ({ minioPolicy }) => minioPolicy },
  "minio:index/iamUser:IamUser": { when: ["minioUser"], importId: ({ minioUser }) => minioUser },
  "minio:index/iamUserPolicyAttachment:IamUserPolicyAttachment": {
    when: ["minioUser", "minioPolicy", "attached"],
    importId: ({ minioUser, minioPolicy }) => `${minioUser}/${minioPolicy}`,
  },
  "pulumi-nodejs:dynamic/tenant:MinioAccess": { when: ["minioUser"] },
  "postgresql:index/role:Role": { when: ["role"], importId: ({ role }) => role },
  "pulumi-nodejs:dynamic/tenant:RoleLogin": { when: ["role"] },
  "pulumi-nodejs:dynamic/tenant:RoleLimits": { when: ["role"] },
  "postgresql:index/database:Database": { when: ["database"], importId: ({ database }) => database },
  "pulumi-nodejs:dynamic/tenant:DatabaseHardening": { when: ["database"] },
  "pulumi-nodejs:dynamic/tenant:PgHbaEntry": { when: ["role", "database"] },
  "pulumi-nodejs:dynamic/tenant:QdrantCollection": { when: ["collection"] },
  "pulumi-nodejs:dynamic/tenant:QdrantAccess": { when: ["collection"] },
  "pulumi-nodejs:dynamic/tenant:RedisAclUser": { when: ["redisUser"] },
  "pulumi-nodejs:dynamic/tenant:RedisPassword": { when: ["redisUser"] },
  "pulumi-nodejs:dynamic/tenant:DataGuard": { when: [] },
};

/** The components they are parts of. */
const components = [
  "Tenant",
  "TenantStores",
  "TenantCredentials",
  "ObjectStorage",
  "Database",
  "VectorStore",
  "KeySpace",
];

function isTakenOver(type: string, existing: Existing): boolean {
  return takenOver[type]?.when.every((what) => existing[what]) === true;
}

/** For `pulumi up --target`: what a run that takes a tenant over may touch. */
export function adoptionTargets(existing: Existing): string[] {
  const types = [
    ...components.map((name) => `tenant-storage:index:${name}`),
    ...Object.keys(takenOver).filter((type) => isTakenOver(type, existing)),
  ];
  return types.map((type) => `**${type}::*`);
}

/**
 * Makes the resources that the program registers from now on take over what exists, each as it is.
 * Protected: until the adoption is complete, no destroy deletes any of them.
 */
export function takeOver(names: TenantNames, existing: Existing): void {
  const adopted: Resource[] = [];
  runtime.registerStackTransformation(({ type, props, opts, resource }) => {
    if (!isTakenOver(type, existing)) return undefined;
    const { dependsOn, ...others } = opts as CustomResourceOptions;
    // What waits for the first ordinary update cannot be waited for.
    const needs = [dependsOn ?? []].flat().filter((one) => adopted.includes(one as Resource));
    const importId = takenOver[type]?.importId?.(names);
    const guard = type.endsWith(":DataGuard");
    const result = {
      ...others,
      // The guard stands before all of it.
      dependsOn: guard ? [...adopted] : (needs as Resource[]),
      protect: true,
      ...(importId === undefined ? {} : { import: importId, ignoreChanges: ["*"] }),
    };
    adopted.push(resource);
    return { props, opts: result };
  });
}
