// What somebody with one tenant's Qdrant token can do by gRPC: at the gateway, and past it at the server itself.
import { beforeAll, describe, expect, it } from "vitest";
import type { QdrantClient } from "@qdrant/js-client-grpc";
import { refusal } from "../../gateway/nginx.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { doors } from "../support/qdrant-calls.ts";
import { grpcCode, qdrantGrpc } from "../support/qdrant-grpc.ts";

let attacker: Deployed;
let victim: Deployed;
beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
}, 300_000);

const global = "Forbidden: Global access is required";
const foreign = "Forbidden: Access to collection THEIRS is required";
const points = "Forbidden: Only points access is allowed for collection OWN";
const filled = (text: string): string =>
  text.replaceAll("OWN", attacker.names.collection).replaceAll("THEIRS", victim.names.collection);

interface Names {
  readonly own: string;
  readonly theirs: string;
}
type Attack = readonly [string, (client: QdrantClient, names: Names) => Promise<unknown>, string];
const id = { pointIdOptions: { case: "num", value: 1n } } as const;
const nearest = { variant: { case: "nearest", value: { variant: { case: "id", value: id } } } } as const;

/** Calls that the gateway lets pass: the server refuses them. */
const open: readonly Attack[] = [
  ["Get", (c, { theirs }) => c.api("collections").get({ collectionName: theirs }), foreign],
  ["CollectionExists", (c, { theirs }) => c.api("collections").collectionExists({ collectionName: theirs }), foreign],
  ["Points.Get", (c, { theirs }) => c.api("points").get({ collectionName: theirs, ids: [id] }), foreign],
  ["Scroll", (c, { theirs }) => c.api("points").scroll({ collectionName: theirs }), foreign],
  ["Count", (c, { theirs }) => c.api("points").count({ collectionName: theirs }), foreign],
  ["Query", (c, { theirs }) => c.api("points").query({ collectionName: theirs, query: nearest }), foreign],
  [
    "QueryBatch",
    (c, { theirs }) =>
      c.api("points").queryBatch({ collectionName: theirs, queryPoints: [{ collectionName: theirs }] }),
    foreign,
  ],
  // One collection in the request, another in its parts: the request's counts.
  [
    "QueryBatch, mixed",
    (c, { own, theirs }) =>
      c.api("points").queryBatch({ collectionName: theirs, queryPoints: [{ collectionName: own }] }),
    foreign,
  ],
  ["Search", (c, { theirs }) => c.api("points").search({ collectionName: theirs, vector: [1], limit: 1n }), foreign],
  [
    "Recommend",
    (c, { theirs }) => c.api("points").recommend({ collectionName: theirs, positive: [id], limit: 1n }),
    foreign,
  ],
  ["Discover", (c, { theirs }) => c.api("points").discover({ collectionName: theirs, limit: 1n }), foreign],
  ["Facet", (c, { theirs }) => c.api("points").facet({ collectionName: theirs, key: "a" }), foreign],
  ["SearchMatrixPairs", (c, { theirs }) => c.api("points").searchMatrixPairs({ collectionName: theirs }), foreign],
  ["Upsert", (c, { theirs }) => c.api("points").upsert({ collectionName: theirs, points: [] }), foreign],
  [
    "Delete",
    (c, { theirs }) =>
      c
        .api("points")
        .delete({ collectionName: theirs, points: { pointsSelectorOneOf: { case: "points", value: { ids: [id] } } } }),
    foreign,
  ],
  [
    "SetPayload",
    (c, { theirs }) =>
      c.api("points").setPayload({
        collectionName: theirs,
        payload: {},
        pointsSelector: { pointsSelectorOneOf: { case: "points", value: { ids: [id] } } },
      }),
    foreign,
  ],
  [
    "UpdateBatch",
    (c, { theirs }) =>
      c.api("points").updateBatch({
        collectionName: theirs,
        operations: [{ operation: { case: "upsert", value: { points: [] } } }],
      }),
    foreign,
  ],
  [
    "Query, lookup_from",
    (c, { own, theirs }) =>
      c.api("points").query({ collectionName: own, query: nearest, lookupFrom: { collectionName: theirs } }),
    foreign,
  ],
  [
    "Query, lookup_from of a prefetch",
    (c, { own, theirs }) =>
      c.api("points").query({
        collectionName: own,
        query: nearest,
        prefetch: [{ query: nearest, lookupFrom: { collectionName: theirs } }],
      }),
    foreign,
  ],
  [
    "Recommend, lookup_from",
    (c, { own, theirs }) =>
      c
        .api("points")
        .recommend({ collectionName: own, positive: [id], limit: 1n, lookupFrom: { collectionName: theirs } }),
    foreign,
  ],
];

/** Calls that the gateway refuses; and the server's words. */
const closed: readonly Attack[] = [
  ["Create", (c, { own }) => c.api("collections").create({ collectionName: `${own}2` }), global],
  [
    "Update",
    (c, { own }) => c.api("collections").update({ collectionName: own, strictModeConfig: { enabled: false } }),
    global,
  ],
  ["Delete", (c, { theirs }) => c.api("collections").delete({ collectionName: theirs }), global],
  [
    "UpdateAliases",
    (c, { own, theirs }) =>
      c.api("collections").updateAliases({
        actions: [{ action: { case: "createAlias", value: { collectionName: theirs, aliasName: `${own}2` } } }],
      }),
    global,
  ],
  [
    "ListCollectionAliases",
    (c, { theirs }) => c.api("collections").listCollectionAliases({ collectionName: theirs }),
    foreign,
  ],
  [
    "CollectionClusterInfo",
    (c, { own }) => c.api("collections").collectionClusterInfo({ collectionName: own }),
    points,
  ],
  [
    "CreateShardKey",
    (c, { own }) =>
      c
        .api("collections")
        .createShardKey({ collectionName: own, request: { shardKey: { key: { case: "keyword", value: "a" } } } }),
    points,
  ],
  [
    "CreateFieldIndex",
    (c, { own }) => c.api("points").createFieldIndex({ collectionName: own, fieldName: "a", fieldType: 0 }),
    points,
  ],
  [
    "DeleteFieldIndex",
    (c, { own }) => c.api("points").deleteFieldIndex({ collectionName: own, fieldName: "a" }),
    points,
  ],
  ["Snapshots.Create", (c, { own }) => c.api("snapshots").create({ collectionName: own }), points],
  ["Snapshots.List", (c, { own }) => c.api("snapshots").list({ collectionName: own }), points],
  [
    "Snapshots.Delete",
    (c, { theirs }) => c.api("snapshots").delete({ collectionName: theirs, snapshotName: "a" }),
    foreign,
  ],
  ["Snapshots.CreateFull", (c) => c.api("snapshots").createFull({}), global],
  ["Snapshots.ListFull", (c) => c.api("snapshots").listFull({}), global],
  ["Snapshots.DeleteFull", (c) => c.api("snapshots").deleteFull({ snapshotName: "a" }), global],
];

describe.each(doors)("at the %s", (door) => {
  const refused = async (run: Attack[1]): Promise<{ code: string; message: string }> => {
    const client = qdrantGrpc(attacker.credentials.qdrant_api_key, door);
    return grpcCode(run(client, { own: attacker.names.collection, theirs: victim.names.collection }));
  };

  it.each(open)("%s", async (_name, run, words) => {
    expect(await refused(run)).toEqual({ code: "PermissionDenied", message: filled(words) });
  });

  it.each(closed)("%s", async (_name, run, words) => {
    const message = door === "gateway" ? refusal : filled(words);
    expect(await refused(run)).toEqual({ code: "PermissionDenied", message });
  });
});

it("lists are closed at the gateway, and name no other tenant at the server", async () => {
  const [gateway, server] = doors.map((door) =>
    qdrantGrpc(attacker.credentials.qdrant_api_key, door).api("collections"),
  );
  if (gateway === undefined || server === undefined) throw new Error("two doors");
  expect(await grpcCode(gateway.list({}))).toEqual({ code: "PermissionDenied", message: refusal });
  expect(await grpcCode(gateway.listAliases({}))).toEqual({ code: "PermissionDenied", message: refusal });
  expect((await server.list({})).collections.map(({ name }) => name)).toEqual([attacker.names.collection]);
  expect((await server.listAliases({})).aliases).toEqual([]);
});

it("without a token nothing works", async () => {
  const get = qdrantGrpc("", "gateway").api("collections").get({ collectionName: attacker.names.collection });
  expect(await grpcCode(get)).toMatchObject({ code: "Unauthenticated" });
});
