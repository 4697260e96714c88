// Qdrant of three nodes: where a tenant's collection lies, who may read it on each node, and what the loss of one changes.
import { expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { qdrantClient, tokenStateCollection } from "../../providers/clients/qdrant.ts";
import { servers } from "../../providers/clients/servers.ts";
import { planned, pulumi, run, setConfig } from "../support/pulumi.ts";
import { until } from "../support/redis-lab.ts";
import { everyMinioNodeKnows, minioAnswers } from "./minio.ts";
import { connectionFor, kill, revive } from "./world.ts";

export const qdrantNodes = () => servers().qdrant.nodes ?? [];

/** How many copies there are of each part, and their states. */
async function copies(collection: string): Promise<{ parts: number[]; states: string[] }> {
  const info = await (await qdrantClient(servers())).collectionClusterInfo(collection);
  const all = [...info.local_shards, ...info.remote_shards];
  const parts = [...Map.groupBy(all, ({ shard_id }) => shard_id).values()].map(({ length }) => length);
  return { parts, states: [...new Set(all.map(({ state }) => state))] };
}

const tokenOf = async (id: string): Promise<string> => (await connectionFor(id)).qdrant.api_key;

/** What the node answers the tenant that lists the points of a collection: HTTP's status. */
export async function answerOf(node: URL, token: string, collection: string): Promise<number> {
  const client = await qdrantClient(servers(), token, node);
  return client.scroll(collection, { limit: 1 }).then(
    () => 200,
    (error: { status?: number }) => error.status ?? 0,
  );
}

/** @param id of a tenant with 3 shards and 2 copies of each */
export function qdrantCluster(id: string): void {
  const { collection } = tenantNames(id);
  const ids = Array.from({ length: 60 }, (_, index) => index);
  async function up(): Promise<void> {
    const { code, all } = await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]);
    expect(all).not.toContain("error:");
    expect(code).toBe(0);
  }

  it("the collection and the tokens' lie where the settings say", async () => {
    expect(await copies(collection)).toEqual({ parts: [2, 2, 2], states: ["Active"] });
    expect(await copies(tokenStateCollection)).toEqual({ parts: [3], states: ["Active"] });
    expect(await planned(id)).toEqual([]);
    expect(await planned("platform")).toEqual([]);
  });

  it("every node lets the token into its own collection and into no other", async () => {
    const token = await tokenOf(id);
    const answers = (of: string) => Promise.all(qdrantNodes().map((node) => answerOf(node, token, of)));
    expect(await answers(collection)).toEqual([200, 200, 200]);
    for (const other of [tenantNames("canary").collection, tokenStateCollection]) {
      expect(await answers(other)).toEqual([403, 403, 403]);
    }
  });

  it("a node that is lost changes nothing for the tenant, and comes back complete", async () => {
    const token = await tokenOf(id);
    const { qdrant } = servers();
    const points = ids.map((point) => ({ id: point, vector: [point, 1] }));
    const tenant = await qdrantClient(servers(), token, qdrant.tenantUrl);
    await tenant.upsert(collection, { wait: true, points: points.slice(0, 30) });
    await kill("qdrant");
    // The gateway's first answer may be that of the lost node.
    await until("the gateway has another node", async () => (await tenant.count(collection)).count === 30);
    await tenant.upsert(collection, { wait: true, points: points.slice(30) });
    expect((await tenant.count(collection)).count).toBe(60);
    expect((await run(process.execPath, ["cli/tenant.ts", "verify", id])).code).toBe(0);
    await revive("qdrant");
    await until("the lost node has every point", async () => {
      const { states } = await copies(collection);
      const client = await qdrantClient(servers(), qdrant.apiKey, qdrant.url);
      return states.join() === "Active" && (await client.count(collection)).count === 60;
    });
    expect((await planned(id, ["preview", "--refresh"])).filter(({ op }) => op !== "refresh")).toEqual([]);
  });

  it("a change of the copies copies; a suspended tenant is shut out by every node at once, and by one that was down", async () => {
    const token = await tokenOf(id);
    const answers = () => Promise.all(qdrantNodes().map((node) => answerOf(node, token, collection)));
    await setConfig(id, "qdrantReplicas", "3");
    await setConfig(id, "suspended", "true");
    await kill("minio-3");
    await up();
    await revive("minio-3");
    for (const answer of await minioAnswers(id)) expect(answer).toMatch(/^(AccessDenied|InvalidAccessKeyId)$/);
    expect(await copies(collection)).toEqual({ parts: [3, 3, 3], states: ["Active"] });
    expect(await answers()).toEqual([401, 401, 401]);
    await setConfig(id, "qdrantReplicas", "4");
    await setConfig(id, "qdrantShards", "2");
    const preview = await pulumi(["preview", "--stack", id]);
    expect(preview.code).not.toBe(0);
    expect(preview.all).toContain("qdrantReplicas is 4, and Qdrant has 3 nodes");
    expect(preview.all).toContain("it holds 60 points with qdrantShards: 3 and cannot become qdrantShards: 2");
    await setConfig(id, "qdrantReplicas", "2");
    await setConfig(id, "qdrantShards", "3");
    await setConfig(id, "suspended", "false");
    await up();
    expect(await copies(collection)).toEqual({ parts: [2, 2, 2], states: ["Active"] });
    expect(await answers()).toEqual([200, 200, 200]);
    await everyMinioNodeKnows(id);
  });
}
