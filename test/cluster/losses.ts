// A node is lost in the middle of a run: the run succeeds, or says which node is missing and what to do. With the node back the next
// run finishes the work, and nothing is left on any node.
import { expect, it } from "vitest";
import { canaryId, tenantNames } from "../../components/names.ts";
import { nodePorts, type StoreName } from "../../local/settings.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { topologyOf, withRedisNodes } from "../../providers/clients/redis-nodes.ts";
import { servers } from "../../providers/clients/servers.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { initStack, pulumi, run, type Outcome } from "../support/pulumi.ts";
import { until } from "../support/redis-lab.ts";
import { everyMinioNodeKnows, minioAnswers, minioNodes } from "./minio.ts";
import { pulumiWith, type Moment } from "./moments.ts";
import { answerOf, qdrantNodes } from "./qdrant.ts";
import { clusterClient } from "./redis.ts";
import { connectionFor, kill, revive, stores } from "./world.ts";

interface Loss {
  readonly id: string;
  readonly network: string;
  /** Which node is killed. */
  readonly node: () => Promise<StoreName>;
  readonly up: Moment;
  readonly destroy: Moment;
  /** What a run that fails says. */
  readonly says: RegExp;
}

/** A Redis node that is a master now. */
async function aMaster(): Promise<StoreName> {
  const { nodes } = await topologyOf(servers());
  const port = nodes.find(({ role }) => role === "master")?.port;
  const number = [1, 2, 3, 4, 5, 6].find((one) => nodePorts.redis(stores.ports, one).clients === port);
  return (number === 1 ? "redis" : `redis-${number}`) as StoreName;
}

const losses: Readonly<Record<string, Loss>> = {
  // A new collection needs each node that gets a part of it.
  "a Qdrant node": {
    id: "lostvectors",
    network: "10.95.0.0/16",
    node: async () => "qdrant-2",
    up: { when: "begun", type: "AgeKey" },
    destroy: { when: "begun", type: "QdrantAccess" },
    says: /the Qdrant nodes http\S+ do not answer the others: start them, then run it again/,
  },
  // Users are on every node, so every node is needed.
  "a Redis master": {
    id: "lostkeys",
    network: "10.96.0.0/16",
    node: aMaster,
    up: { when: "done", type: "RedisAclUser" },
    destroy: { when: "begun", type: "RedisAclUser" },
    says: /Redis .*127\.0\.0\.1:\d+.*[Ss]tart .* run it again|the cluster is not whole .*: run it again when it is/,
  },
  // Three of four are enough.
  "a MinIO node": {
    id: "lostobjects",
    network: "10.97.0.0/16",
    node: async () => "minio-2",
    up: { when: "done", type: "S3Bucket" },
    destroy: { when: "begun", type: "BucketContents" },
    says: /MinIO answers HTTP 50\d: .*Start what is down, then run it again/,
  },
};

/** Succeeds, or fails for the lost node and says so. */
function expectSuccessOr(says: RegExp, { code, all }: Outcome): void {
  if (code !== 0) expect(all).toMatch(says);
}

function expectSuccess({ code, all }: Outcome): void {
  expect(all).not.toContain("error:");
  expect(code).toBe(0);
}

/** Starts what was killed, and waits until all of its cluster are one again. */
async function back(node: StoreName): Promise<void> {
  await revive(node);
  await until("the Redis nodes are one cluster", () => withRedisNodes(servers(), async () => true));
}

/** Something in each store that is a cluster. */
async function fill(id: string): Promise<void> {
  const { bucket, collection, keyPrefix } = tenantNames(id);
  const [minio, qdrant] = await Promise.all([minioClient(servers()), qdrantClient(servers())]);
  const points = Array.from({ length: 30 }, (_, point) => ({ id: point, vector: [point, 1] }));
  await Promise.all([
    minio.putObject(bucket, "raw/object", "kept"),
    qdrant.upsert(collection, { wait: true, points }),
    clusterClient((redis) =>
      Promise.all(Array.from({ length: 30 }, (_, key) => redis.set(`${keyPrefix}cache:${key}`, "kept"))),
    ),
  ]);
}

/** What any node of MinIO and Qdrant still has of a tenant (tracesOf asks every Redis node, and one of these). */
async function leftOnNodes(id: string): Promise<string[]> {
  const names = tenantNames(id);
  const inMinio = minioNodes().map(async ({ endpoint, name }) => {
    const at = { ...servers(), minio: { ...servers().minio, endpoint } };
    const traces = await tracesOf(names, at, { keys: false });
    return traces.map(({ what }) => `${name}: ${what}`);
  });
  const inQdrant = qdrantNodes().map(async (url) => {
    const client = await qdrantClient(servers(), servers().qdrant.apiKey, url);
    return (await client.collectionExists(names.collection)).exists ? [`${url.origin}: ${names.collection}`] : [];
  });
  return (await Promise.all([...inMinio, ...inQdrant])).flat();
}

export function lostInTheMiddle(): void {
  const table = Object.entries(losses).map(([title, loss]) => ({ title, ...loss }));
  it.each(table)(
    "$title is lost during up, and during destroy",
    async ({ id, network, node, up, destroy, says }) => {
      await initStack(id, { id, network: [network], qdrantShards: 3, qdrantReplicas: 2, qdrantVectorSize: 2 });
      const first = await node();
      const interrupted = await pulumiWith("up", id, up, () => kill(first));
      expectSuccessOr(says, interrupted);
      await back(first);
      if (interrupted.code === 0) await everyMinioNodeKnows(id);
      expectSuccess(await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]));
      const { code, all } = await run(process.execPath, ["cli/tenant.ts", "verify", id]);
      expect(code, all).toBe(0);
      expect(await minioAnswers(id, canaryId)).toEqual(Array(4).fill("AccessDenied"));

      await fill(id);
      const { qdrant } = await connectionFor(id);
      const second = await node();
      expectSuccessOr(says, await pulumiWith("destroy", id, destroy, () => kill(second)));
      await back(second);
      expectSuccess(
        await pulumi(["destroy", "--stack", id, "--yes", "--skip-preview"], { TENANT_CONFIRM_DESTROY: id }),
      );
      expect(await tracesOf(tenantNames(id), servers(), { keys: true })).toEqual([]);
      await until("nothing is left on any node", async () => (await leftOnNodes(id)).length === 0, 120);
      const answers = qdrantNodes().map((url) => answerOf(url, qdrant.api_key, tenantNames(id).collection));
      expect(await Promise.all(answers)).toEqual([401, 401, 401]);
    },
    400_000,
  );
}
