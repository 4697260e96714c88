// An application's ordinary work with its tenant's Qdrant token, at the gateway, with the clients that people use; and what it may
// ask for at most.
import { QdrantClient } from "@qdrant/js-client-rest";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { httpStatus, qdrantClient } from "../../providers/clients/qdrant.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployed, type Deployed } from "../support/deployed.ts";
import { deployWith, destroy } from "../support/deploy-with.ts";
import { call, claimsOf } from "../support/qdrant-calls.ts";
import { grpcCode, qdrantGrpc } from "../support/qdrant-grpc.ts";

const id = "vectorwork";
let worker: Deployed;
let victim: Deployed;
let client: QdrantClient;
let own: string;

const point = (n: number) => ({
  id: n,
  vector: [1, n / 10, 0, 0],
  payload: { kind: n % 2 === 0 ? "even" : "odd", size: n },
});

beforeAll(async () => {
  worker = await deployWith(id, {
    ...{ octet: 242, qdrantVectorSize: 4, qdrantTokenDays: 7, qdrantMaxPoints: 500 },
    ...{ qdrantReadsPerMinute: 3000, qdrantPayloadIndexes: { kind: "keyword", size: "integer" } },
  });
  victim = await deployed("victim");
  own = worker.names.collection;
  client = await qdrantClient(servers(), worker.credentials.qdrant_api_key, servers().qdrant.tenantUrl);
}, 400_000);
afterAll(async () => destroy(id), 200_000);

describe("by REST", () => {
  it("the client finds a server of its version", async () => {
    const { status, text } = await call("gateway", worker.credentials.qdrant_api_key, "GET", "/");
    expect({ status, text }).toEqual({
      status: 200,
      text: expect.stringContaining("qdrant - vector search engine") as string,
    });
  });

  it("has the payload indexes of the configuration", async () => {
    const { payload_schema, config } = await client.getCollection(own);
    expect(
      Object.entries(payload_schema)
        .map(([field, schema]) => [field, schema?.data_type])
        .sort(),
    ).toEqual([
      ["kind", "keyword"],
      ["size", "integer"],
    ]);
    expect(config.params.vectors).toMatchObject({ size: 4 });
    expect((await client.collectionExists(own)).exists).toBe(true);
  });

  it("writes, in one call and in a batch", async () => {
    await client.upsert(own, { wait: true, points: [1, 2, 3, 4, 5, 6].map(point) });
    await client.batchUpdate(own, {
      wait: true,
      operations: [
        { upsert: { points: [7, 8].map(point) } },
        { set_payload: { payload: { read: true }, points: [1] } },
      ],
    });
    await client.updateVectors(own, { wait: true, points: [{ id: 8, vector: [0, 0, 1, 0] }] });
    expect((await client.count(own, { exact: true })).count).toBe(8);
  });

  it("filters, scrolls and counts by indexed fields", async () => {
    const even = { must: [{ key: "kind", match: { value: "even" } }] };
    const { points } = await client.scroll(own, { filter: even, with_payload: true });
    expect(points.map((one) => one.id)).toEqual([2, 4, 6, 8]);
    const large = { must: [{ key: "size", range: { gt: 5 } }] };
    expect((await client.count(own, { filter: large, exact: true })).count).toBe(3);
    const ordered = await client.scroll(own, { order_by: { key: "size", direction: "desc" }, limit: 2 });
    expect(ordered.points.map((one) => one.id)).toEqual([8, 7]);
    const { hits } = await client.facet(own, { key: "kind" });
    expect(hits).toEqual([
      { value: "even", count: 4 },
      { value: "odd", count: 4 },
    ]);
  });

  it("searches, recommends, discovers, groups", async () => {
    const nearest = await client.query(own, { query: [1, 0.1, 0, 0], limit: 1, with_payload: true });
    expect(nearest.points[0]).toMatchObject({ id: 1, payload: { read: true } });
    const alike = await client.query(own, { query: { recommend: { positive: [1], negative: [8] } }, limit: 2 });
    expect(alike.points.map((one) => one.id)).toEqual([2, 3]);
    const batch = await client.queryBatch(own, {
      searches: [
        { query: 1, limit: 1 },
        { query: 7, limit: 1 },
      ],
    });
    expect(batch.map(({ points }) => points[0]?.id)).toEqual([2, 6]);
    const { groups } = await client.queryGroups(own, { query: [1, 0, 0, 0], group_by: "kind", group_size: 1 });
    expect(groups.map((group) => group.id).sort()).toEqual(["even", "odd"]);
    const { pairs } = await client.searchMatrixPairs(own, { sample: 8, limit: 2 });
    expect(pairs.length).toBeGreaterThan(0);
    const context = await client.query(own, { query: { context: [{ positive: 1, negative: 8 }] }, limit: 1 });
    expect(context.points).toHaveLength(1);
  });

  it("changes and deletes", async () => {
    await client.setPayload(own, { wait: true, payload: { seen: 1 }, points: [2] });
    await client.overwritePayload(own, { wait: true, payload: { kind: "even" }, points: [4] });
    await client.deletePayload(own, { wait: true, keys: ["seen"], points: [2] });
    await client.clearPayload(own, { wait: true, points: [6] });
    const found = await client.retrieve(own, { ids: [2, 4, 6] });
    expect(found.map((one) => one.payload)).toEqual([{ kind: "even", size: 2 }, { kind: "even" }, {}]);
    await client.delete(own, { wait: true, filter: { must: [{ key: "kind", match: { value: "odd" } }] } });
    expect((await client.count(own, { exact: true })).count).toBe(4);
  });
});

describe("by gRPC", () => {
  it("writes, filters, scrolls, searches, counts and deletes", async () => {
    const grpc = qdrantGrpc(worker.credentials.qdrant_api_key);
    expect((await grpc.api("service").healthCheck({})).title).toContain("qdrant");
    expect((await grpc.api("collections").get({ collectionName: own })).result?.status).toBe(1);
    const points = grpc.api("points");
    const idOf = (n: bigint) => ({ pointIdOptions: { case: "num", value: n } }) as const;
    await points.upsert({
      collectionName: own,
      wait: true,
      points: [101n, 102n].map((n) => ({
        id: idOf(n),
        vectors: {
          vectorsOptions: {
            case: "vector",
            value: { vector: { case: "dense", value: { data: [0, 0, 0, Number(n)] } } },
          },
        },
        payload: { kind: { kind: { case: "stringValue", value: "grpc" } } },
      })),
    });
    const field = { key: "kind", match: { matchValue: { case: "keyword", value: "grpc" } } } as const;
    const filter = { must: [{ conditionOneOf: { case: "field" as const, value: field } }] };
    expect(
      (await points.scroll({ collectionName: own, filter })).result.map((one) => one.id?.pointIdOptions.value),
    ).toEqual([101n, 102n]);
    expect((await points.count({ collectionName: own, filter, exact: true })).result?.count).toBe(2n);
    const query = { variant: { case: "nearest", value: { variant: { case: "id", value: idOf(101n) } } } } as const;
    expect((await points.query({ collectionName: own, query, limit: 1n })).result[0]?.id?.pointIdOptions.value).toBe(
      102n,
    );
    expect(
      (await points.facet({ collectionName: own, key: "kind" })).hits.map((hit) => hit.value?.variant.value),
    ).toContain("grpc");
    await points.delete({
      collectionName: own,
      wait: true,
      points: { pointsSelectorOneOf: { case: "filter", value: filter } },
    });
    expect((await points.count({ collectionName: own, filter, exact: true })).result?.count).toBe(0n);
  });
});

it("the token expires when the configuration says", () => {
  const { exp, iat } = claimsOf(worker.credentials.qdrant_api_key) as { exp: number; iat: number };
  expect(exp - iat).toBe(7 * 24 * 3600);
});

describe("with an index of its own, no lookup reaches another tenant", () => {
  it.each([
    ["with_lookup", { with_lookup: "THEIRS" }],
    ["lookup_from", { lookup_from: { collection: "THEIRS" } }],
  ])("%s of a grouped query", async (_what, lookup) => {
    const body = { query: 2, group_by: "kind", ...lookup };
    const theirs = victim.names.collection;
    const sent = JSON.parse(JSON.stringify(body).replace("THEIRS", theirs)) as unknown;
    expect(
      await call("gateway", worker.credentials.qdrant_api_key, "POST", `/collections/${own}/points/query/groups`, sent),
    ).toEqual({
      status: 403,
      text: expect.stringContaining(`Access to collection ${theirs} is required`) as string,
    });
  });
});

describe("limits", () => {
  const post = (path: string, body: unknown) =>
    call("gateway", worker.credentials.qdrant_api_key, "POST", `/collections/${own}${path}`, body);
  const filter = {
    must: [
      { key: "size", match: { value: 1 } },
      { key: "unindexed", match: { value: 1 } },
    ],
  };
  const many = (count: number) => Array.from({ length: count }, (_, n) => n);

  it.each([
    ["points of a query", "/points/query", { query: 2, limit: 100_000 }, "Limit exceeded 100000 > 1000"],
    [
      "points of a prefetch",
      "/points/query",
      { query: 2, prefetch: [{ query: 2, limit: 100_000 }] },
      "Limit exceeded 100000 > 1000",
    ],
    ["points of a page", "/points/scroll", { limit: 100_000 }, "Limit exceeded 100000 > 1000"],
    ["a matrix", "/points/search/matrix/pairs", { sample: 1000, limit: 1000 }, "Limit exceeded 1000000 > 1000"],
    [
      "depth of the search",
      "/points/query",
      { query: 2, params: { hnsw_ef: 100_000 } },
      "Limit exceeded 100000 > 1024",
    ],
    ["time", "/points/query?timeout=3600", { query: 2 }, "Limit exceeded 3600 > 60"],
    ["a filter without index", "/points/scroll", { filter }, 'Index required but not found for \\"unindexed\\"'],
    ["a deletion without index", "/points/delete", { filter }, 'Index required but not found for \\"unindexed\\"'],
    [
      "conditions",
      "/points/scroll",
      { filter: { must: many(101).map((n) => ({ has_id: [n] })) } },
      "Filter condition limit reached (101 > 100)",
    ],
    [
      "size of a condition",
      "/points/scroll",
      { filter: { must: [{ has_id: many(1001) }] } },
      "Condition size limit reached (1001 > 1000)",
    ],
  ])("%s", async (_what, path, body, words) => {
    expect(await post(path, body)).toEqual({ status: 400, text: expect.stringContaining(words) as string });
  });

  it("points of one write", async () => {
    const operations = [{ upsert: { points: many(1001).map(point) } }];
    expect(await post("/points/batch", { operations })).toEqual({
      status: 400,
      text: expect.stringContaining("Limit exceeded 1001 > 1000") as string,
    });
  });

  it("a flood of searches ends with 429 for this tenant, also inside a batch, and the other's go on", async () => {
    const searches = many(3001).map(() => ({ query: 2, limit: 1 }));
    expect(await post("/points/query/batch", { searches })).toEqual({
      status: 429,
      text: expect.stringContaining("Rate limiting exceeded: Read rate limit exceeded") as string,
    });
    // Each of these within a third of a minute's allowance, far faster than it comes back.
    const flood = async () => (await post("/points/query/batch", { searches: searches.slice(0, 1000) })).status;
    const answers: number[] = [];
    while (answers.at(-1) !== 429 && answers.length < 20) answers.push(await flood());
    expect(answers).toContain(200);
    expect(answers.at(-1)).toBe(429);
    const theirs = await call(
      "gateway",
      victim.credentials.qdrant_api_key,
      "POST",
      `/collections/${victim.names.collection}/points/count`,
      {},
    );
    expect(theirs.status).toBe(200);
  });

  it("a collection that is full takes no more, 31 writes late at most, and takes again after points were deleted", async () => {
    const upsert = async (n: number) =>
      client.upsert(own, { wait: true, points: many(20).map((m) => point(n * 20 + m + 1)) }).then(
        () => undefined,
        (error: unknown) => error,
      );
    let refusals: unknown;
    let sent = 0;
    while (refusals === undefined && sent < 25 + 32) refusals = await upsert(sent++);
    expect(httpStatus(refusals)).toBe(400);
    expect(JSON.stringify(refusals)).toContain("Max points count limit of 500 reached");
    expect(sent).toBeGreaterThan(25);

    // Reading and deleting go on.
    expect((await client.retrieve(own, { ids: [1] })).length).toBe(1);
    await client.delete(own, { wait: true, filter: {} });
    let again = 0;
    while (again < 32 && (await upsert(0)) !== undefined) again += 1;
    expect(again).toBeLessThan(32);
  });

  it("gRPC has them too", async () => {
    const points = qdrantGrpc(worker.credentials.qdrant_api_key).api("points");
    expect(await grpcCode(points.scroll({ collectionName: own, limit: 100_000 }))).toEqual({
      code: "InvalidArgument",
      message: expect.stringContaining("Limit exceeded 100000 > 1000") as string,
    });
  });
});
