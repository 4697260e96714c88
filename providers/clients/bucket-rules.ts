// What stands beside the objects of a tenant's bucket and decides about them: policies, rules and versions. None is ours.
import type { Client } from "minio";
import { bucketPrefixes, prefixPurposes } from "../../components/names.ts";
import { prefixKeeper, s3Code } from "./minio.ts";

/** Something in the way of a bucket, and what takes it away without touching a tenant's object. */
interface Rule {
  readonly what: string;
  readonly undo: () => Promise<unknown>;
}

/** What the server answers when there is no such thing. */
const none = [
  "NoSuchBucketPolicy",
  "NoSuchLifecycleConfiguration",
  "ReplicationConfigurationNotFoundError",
  "NoSuchKey",
  "NotFound",
];

async function orNothing<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (none.includes(s3Code(error) ?? "")) return undefined;
    throw error;
  }
}

/** Whether the bucket keeps versions. Once it did, a server only suspends that. */
export async function isVersioned(client: Client, bucket: string): Promise<boolean> {
  // Without any the answer is empty.
  const answer = (await client.getBucketVersioning(bucket)) as { Status?: string } | string;
  return typeof answer !== "string" && answer.Status === "Enabled";
}

async function policies(client: Client, bucket: string): Promise<Rule[]> {
  const text = await orNothing(client.getBucketPolicy(bucket));
  if (!text) return [];
  const { Statement: statements = [] } = JSON.parse(text) as { Statement?: object[] };
  const undo = () => client.setBucketPolicy(bucket, "");
  return statements.map((statement) => ({ what: `a bucket policy: ${JSON.stringify(statement)}`, undo }));
}

// The first of the declared overloads is another one.
const replicationOf = (client: Client, bucket: string) =>
  (client.getBucketReplication as (bucket: string) => Promise<unknown>).call(client, bucket);

async function rules(client: Client, bucket: string): Promise<Rule[]> {
  const [lifecycle, replication, notification] = await Promise.all([
    orNothing(client.getBucketLifecycle(bucket)),
    orNothing(replicationOf(client, bucket)),
    orNothing(client.getBucketNotification(bucket)),
  ]);
  const found: (Rule | false)[] = [
    Boolean(lifecycle) && {
      what: `a lifecycle, which may delete objects: ${JSON.stringify(lifecycle)}`,
      undo: () => client.removeBucketLifecycle(bucket),
    },
    Boolean(replication) && {
      what: `a replication, which copies objects elsewhere: ${JSON.stringify(replication)}`,
      undo: () => client.removeBucketReplication(bucket),
    },
    // Empty lists where there are none.
    notification !== undefined &&
      /"Id"|"Queue"|"Topic"|"CloudFunction"/.test(JSON.stringify(Object.values(notification).flat())) && {
        what: `a notification about objects: ${JSON.stringify(notification)}`,
        undo: () => client.removeAllBucketNotification(bucket),
      },
  ];
  return found.filter((one) => one !== false);
}

/** The objects that hold the prefixes open, where somebody wrote something else into them. One that is gone is the native resource's. */
async function keepers(client: Client, bucket: string): Promise<Rule[]> {
  const found = await Promise.all(
    bucketPrefixes.map(async (prefix): Promise<Rule[]> => {
      const [name, wanted] = [`${prefix}${prefixKeeper}`, `${prefixPurposes[prefix]}\n`];
      const stat = await orNothing(client.statObject(bucket, name));
      if (stat === undefined) return [];
      const undo = () => client.putObject(bucket, name, wanted);
      const size = Buffer.byteLength(wanted);
      if (stat.size !== size) return [{ what: `${name} holds ${stat.size} bytes in place of ${size}`, undo }];
      const chunks: Buffer[] = [];
      for await (const chunk of await client.getObject(bucket, name)) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString("utf8") === wanted ? [] : [{ what: `${name} says something else`, undo }];
    }),
  );
  return found.flat();
}

/**
 * Everything of that. No object of the tenant is touched by undoing it.
 * @param versioned whether the bucket is to keep versions
 */
export async function foreignRules(client: Client, bucket: string, versioned: boolean): Promise<Rule[]> {
  const [now, ...found] = await Promise.all([
    isVersioned(client, bucket),
    policies(client, bucket),
    rules(client, bucket),
    keepers(client, bucket),
  ]);
  const Status = versioned ? "Enabled" : "Suspended";
  const undo = () => client.setBucketVersioning(bucket, { Status });
  return [
    ...(now === versioned ? [] : [{ what: `it ${now ? "keeps" : "no longer keeps"} versions`, undo }]),
    ...found.flat(),
  ];
}
