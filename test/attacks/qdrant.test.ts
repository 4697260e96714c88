// What somebody with one tenant's Qdrant token can do to the other tenants and to the platform, by REST: at the gateway, and past
// it at the server itself, which refuses alone.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { refusal } from "../../gateway/nginx.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { servers } from "../../providers/clients/servers.ts";
import { root } from "../../toolchain/paths.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { call, doors, urlOf, type Answer, type Door } from "../support/qdrant-calls.ts";
import { trustStoresAuthority } from "../support/tls.ts";

let attacker: Deployed;
let victim: Deployed;
let own: string;
let theirs: string;
let before: unknown;
const secret = "what only the victim knows";
const id = "0badcafe-0000-4000-8000-000000000001";
const vector = Array.from({ length: 768 }, (_, index) => (index === 0 ? 1 : 0));

/** Everything of the server that an attack could change. */
async function state(): Promise<unknown> {
  const admin = await qdrantClient(servers());
  const { points } = await admin.scroll(theirs, { limit: 1000, with_payload: true, with_vector: true });
  const info = await admin.getCollection(theirs);
  const mine = await admin.getCollection(own);
  const { collections } = await admin.getCollections();
  return {
    ...{ points, theirs: [info.config, info.payload_schema], own: [mine.config, mine.payload_schema] },
    // Other test files make and delete theirs meanwhile.
    strange: collections.map(({ name }) => name).filter((name) => /^(tenant_attacker|tenant_victim)./.test(name)),
    aliases: (await admin.getAliases()).aliases,
    snapshots: [await admin.listSnapshots(theirs), await admin.listSnapshots(own), await admin.listFullSnapshots()],
  };
}

beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
  own = attacker.names.collection;
  theirs = victim.names.collection;
  const upsert = (payload: Record<string, unknown>) => ({ wait: true, points: [{ id, vector, payload }] });
  const admin = await qdrantClient(servers());
  await admin.upsert(theirs, upsert({ secret }));
  await admin.upsert(own, upsert({ own: true }));
  before = await state();
}, 300_000);
afterAll(async () => {
  const admin = await qdrantClient(servers());
  for (const collection of [own, theirs]) await admin.delete(collection, { wait: true, points: [id] });
});

const attack = (door: Door, method: string, path: string, body?: unknown): Promise<Answer> =>
  call(door, attacker.credentials.qdrant_api_key, method, path, body);
const filled = (text: string): string => text.replaceAll("OWN", own).replaceAll("THEIRS", theirs);

const global = "Forbidden: Global access is required";
const foreign = "Forbidden: Access to collection THEIRS is required";
const points = "Forbidden: Only points access is allowed for collection OWN";

/** Method, path, body, and the server's own words. */
const attacks: readonly (readonly [string, string, unknown, string])[] = [
  // Another tenant's points.
  ["GET", "/collections/THEIRS", undefined, foreign],
  ["GET", "/collections/THEIRS/exists", undefined, foreign],
  ["GET", `/collections/THEIRS/points/${id}`, undefined, foreign],
  ["POST", "/collections/THEIRS/points", { ids: [id] }, foreign],
  ["POST", "/collections/THEIRS/points/scroll", {}, foreign],
  ["POST", "/collections/THEIRS/points/count", {}, foreign],
  ["POST", "/collections/THEIRS/points/query", { query: id }, foreign],
  ["POST", "/collections/THEIRS/points/query/batch", { searches: [{ query: id }] }, foreign],
  ["POST", "/collections/THEIRS/points/query/groups", { query: id, group_by: "a" }, foreign],
  ["POST", "/collections/THEIRS/points/search", { vector: [1], limit: 1 }, foreign],
  ["POST", "/collections/THEIRS/points/search/batch", { searches: [{ vector: [1], limit: 1 }] }, foreign],
  [
    "POST",
    "/collections/THEIRS/points/search/groups",
    { vector: [1], limit: 1, group_by: "a", group_size: 1 },
    foreign,
  ],
  ["POST", "/collections/THEIRS/points/search/matrix/pairs", {}, foreign],
  ["POST", "/collections/THEIRS/points/search/matrix/offsets", {}, foreign],
  ["POST", "/collections/THEIRS/points/recommend", { positive: [id], limit: 1 }, foreign],
  ["POST", "/collections/THEIRS/points/recommend/batch", { searches: [{ positive: [id], limit: 1 }] }, foreign],
  [
    "POST",
    "/collections/THEIRS/points/recommend/groups",
    { positive: [id], limit: 1, group_by: "a", group_size: 1 },
    foreign,
  ],
  ["POST", "/collections/THEIRS/points/discover", { target: id, limit: 1 }, foreign],
  ["POST", "/collections/THEIRS/points/discover/batch", { searches: [{ target: id, limit: 1 }] }, foreign],
  ["POST", "/collections/THEIRS/facet", { key: "a" }, foreign],
  ["PUT", "/collections/THEIRS/points?wait=true", { points: [{ id, vector: [1] }] }, foreign],
  ["POST", "/collections/THEIRS/points/delete?wait=true", { points: [id] }, foreign],
  ["PUT", "/collections/THEIRS/points/vectors", { points: [{ id, vector: [1] }] }, foreign],
  ["POST", "/collections/THEIRS/points/vectors/delete", { points: [id], vector: [""] }, foreign],
  ["POST", "/collections/THEIRS/points/payload", { payload: { a: 1 }, points: [id] }, foreign],
  ["PUT", "/collections/THEIRS/points/payload", { payload: {}, points: [id] }, foreign],
  ["POST", "/collections/THEIRS/points/payload/delete", { keys: ["secret"], points: [id] }, foreign],
  ["POST", "/collections/THEIRS/points/payload/clear", { points: [id] }, foreign],
  ["POST", "/collections/THEIRS/points/batch", { operations: [{ delete: { points: [id] } }] }, foreign],
  // Through the own collection.
  ["POST", "/collections/OWN/points/query", { query: id, lookup_from: { collection: "THEIRS" } }, foreign],
  [
    "POST",
    "/collections/OWN/points/query",
    { query: { recommend: { positive: [id] } }, lookup_from: { collection: "THEIRS" } },
    foreign,
  ],
  [
    "POST",
    "/collections/OWN/points/query",
    { query: { discover: { target: id, context: [] } }, lookup_from: { collection: "THEIRS" } },
    foreign,
  ],
  [
    "POST",
    "/collections/OWN/points/query",
    { query: { context: [{ positive: id, negative: id }] }, lookup_from: { collection: "THEIRS" } },
    foreign,
  ],
  [
    "POST",
    "/collections/OWN/points/query",
    { query: id, prefetch: [{ query: id, lookup_from: { collection: "THEIRS" } }] },
    foreign,
  ],
  [
    "POST",
    "/collections/OWN/points/query/batch",
    { searches: [{ query: id }, { query: id, lookup_from: { collection: "THEIRS" } }] },
    foreign,
  ],
  [
    "POST",
    "/collections/OWN/points/recommend",
    { positive: [id], limit: 1, lookup_from: { collection: "THEIRS" } },
    foreign,
  ],
  [
    "POST",
    "/collections/OWN/points/recommend/batch",
    { searches: [{ positive: [id], limit: 1, lookup_from: { collection: "THEIRS" } }] },
    foreign,
  ],
  [
    "POST",
    "/collections/OWN/points/recommend/groups",
    { positive: [id], limit: 1, group_by: "a", group_size: 1, with_lookup: "THEIRS" },
    foreign,
  ],
  [
    "POST",
    "/collections/OWN/points/discover",
    { target: id, limit: 1, lookup_from: { collection: "THEIRS" } },
    foreign,
  ],
  // Prefixes of names, and the platform's own collection.
  ["GET", "/collections/tenant_", undefined, "Forbidden: Access to collection tenant_ is required"],
  ["GET", "/collections/OWN2", undefined, "Forbidden: Access to collection OWN2 is required"],
  [
    "POST",
    "/collections/platform_token_state/points/scroll",
    {},
    "Forbidden: Access to collection platform_token_state is required",
  ],
  [
    "PUT",
    "/collections/platform_token_state/points",
    { points: [{ id, vector: [1] }] },
    "Forbidden: Access to collection platform_token_state is required",
  ],
  // Collections, aliases, the own collection's settings (strict mode) and indexes.
  ["PUT", "/collections/OWN2", { vectors: { size: 4, distance: "Dot" } }, global],
  ["PATCH", "/collections/OWN", { strict_mode_config: { enabled: false } }, global],
  ["PATCH", "/collections/THEIRS", { strict_mode_config: { enabled: true, max_query_limit: 1 } }, global],
  ["DELETE", "/collections/OWN", undefined, global],
  ["DELETE", "/collections/THEIRS", undefined, global],
  [
    "POST",
    "/collections/aliases",
    { actions: [{ create_alias: { collection_name: "THEIRS", alias_name: "OWN2" } }] },
    global,
  ],
  [
    "POST",
    "/collections/aliases",
    { actions: [{ create_alias: { collection_name: "OWN", alias_name: "OWN2" } }] },
    global,
  ],
  [
    "POST",
    "/collections/aliases",
    { actions: [{ rename_alias: { old_alias_name: "a", new_alias_name: "b" } }] },
    global,
  ],
  ["GET", "/collections/THEIRS/aliases", undefined, foreign],
  ["PUT", "/collections/OWN/index", { field_name: "a", field_schema: "keyword" }, points],
  ["DELETE", "/collections/OWN/index/a", undefined, points],
  ["PUT", "/collections/THEIRS/index", { field_name: "secret", field_schema: "keyword" }, foreign],
  // Snapshots: whole copies; to recover one the server fetches a URL.
  ["GET", "/collections/OWN/snapshots", undefined, points],
  ["POST", "/collections/OWN/snapshots", undefined, points],
  ["GET", "/collections/OWN/snapshots/any.snapshot", undefined, points],
  ["DELETE", "/collections/OWN/snapshots/any.snapshot", undefined, points],
  ["PUT", "/collections/OWN/snapshots/recover", { location: "http://127.0.0.1:1/x" }, global],
  ["GET", "/collections/THEIRS/snapshots", undefined, foreign],
  ["POST", "/collections/THEIRS/snapshots", undefined, foreign],
  ["PUT", "/collections/THEIRS/snapshots/recover", { location: "http://127.0.0.1:1/x" }, global],
  ["GET", "/collections/OWN/shards/0/snapshots", undefined, points],
  ["POST", "/collections/OWN/shards/0/snapshots", undefined, points],
  ["GET", "/collections/OWN/shards/0/snapshot", undefined, points],
  ["GET", "/collections/THEIRS/shards/0/snapshot", undefined, foreign],
  ["PUT", "/collections/OWN/shards/0/snapshots/recover", { location: "http://127.0.0.1:1/x" }, global],
  ["GET", "/snapshots", undefined, global],
  ["POST", "/snapshots", undefined, global],
  ["GET", "/snapshots/any.snapshot", undefined, global],
  ["DELETE", "/snapshots/any.snapshot", undefined, global],
  // The cluster, shards, and the server itself.
  ["GET", "/cluster", undefined, global],
  ["POST", "/cluster/recover", undefined, global],
  ["DELETE", "/cluster/peer/1", undefined, global],
  ["GET", "/cluster/metadata/keys", undefined, global],
  ["PUT", "/cluster/metadata/keys/a", {}, global],
  ["DELETE", "/cluster/metadata/keys/a", undefined, global],
  ["GET", "/collections/OWN/cluster", undefined, points],
  ["GET", "/collections/THEIRS/cluster", undefined, foreign],
  ["POST", "/collections/OWN/cluster", { drop_replica: { shard_id: 0, peer_id: 0 } }, points],
  ["POST", "/collections/THEIRS/cluster", { drop_replica: { shard_id: 0, peer_id: 0 } }, foreign],
  ["PUT", "/collections/OWN/shards", { shard_key: "a" }, points],
  ["POST", "/collections/OWN/shards/delete", { shard_key: "a" }, points],
  ["GET", "/metrics", undefined, global],
  ["DELETE", "/issues", undefined, global],
  ["GET", "/logger", undefined, global],
  ["POST", "/logger", {}, global],
  ["GET", "/stacktrace", undefined, global],
  ["GET", "/debugger", undefined, global],
  ["GET", "/profiler/slow_requests", undefined, global],
];

/** The calls that the gateway lets pass, so that the server's own refusal is seen there too. */
const passes = (method: string, path: string): boolean =>
  /^\/collections\/(OWN2?|THEIRS)(\/exists|\/points.*|\/facet)?$/.test(path) &&
  (path.split("/").length > 3 || method === "GET");

describe.each(doors)("at the %s", (door) => {
  it.each(attacks)("%s %s %j", async (method, path, body, words) => {
    const sent = body === undefined ? undefined : (JSON.parse(filled(JSON.stringify(body))) as unknown);
    const { status, text } = await attack(door, method, filled(path), sent);
    const expected = door === "server" || passes(method, path) ? filled(words) : refusal;
    expect({ status, text }).toMatchObject({ status: 403, text: expect.stringContaining(expected) as string });
  });
});

describe("a snapshot from the attacker's machine", () => {
  it.each(["/collections/THEIRS/snapshots/upload", "/collections/THEIRS/shards/0/snapshots/upload"])(
    "%s is refused",
    async (path) => {
      trustStoresAuthority();
      for (const door of doors) {
        const body = new FormData();
        body.append("snapshot", new Blob(["no snapshot"]), "any.snapshot");
        const headers = { "api-key": attacker.credentials.qdrant_api_key };
        const answer = await fetch(new URL(filled(path), urlOf(door)), { method: "POST", headers, body });
        expect(answer.status).toBe(403);
        expect(await answer.text()).toContain(door === "gateway" ? refusal : "Forbidden: ");
      }
    },
  );
});

describe("calls that belong to no collection", () => {
  // The reason for the gateway: on the day this fails, the server closes it itself.
  it("the server tells every token the names of all collections", async () => {
    const { status, text } = await attack("server", "GET", "/telemetry?details_level=2&anonymize=false");
    expect(status).toBe(200);
    expect(text).toContain(theirs);
  });

  it.each([
    "/telemetry",
    "/telemetry?details_level=10&anonymize=false",
    "/issues",
    "/aliases",
    "/collections",
    "/healthz",
  ])("%s is refused at the gateway", async (path) => {
    expect(await attack("gateway", "GET", path)).toEqual({
      status: 403,
      text: expect.stringContaining(refusal) as string,
    });
  });

  it.each(["/collections", "/aliases", "/issues"])("%s of the server names no other tenant", async (path) => {
    const { status, text } = await attack("server", "GET", path);
    expect(status).toBe(200);
    expect(text).not.toContain(theirs);
  });
});

/** Every path that the REST interface has, with the victim's collection in it. */
function documented(): string[] {
  const file = join(root, "node_modules/@qdrant/js-client-rest/dist/types/openapi/generated_schema.d.ts");
  const paths = [...readFileSync(file, "utf8").matchAll(/^ {4}"(\/[^"]*)"/gm)].map((match) => match[1] ?? "");
  const values: Readonly<Record<string, string>> = { collection_name: "THEIRS", id, shard_id: "0", peer_id: "1" };
  return [...new Set(paths)].map((path) =>
    path.replaceAll(/\{(\w+)\}/g, (_, name: string) => values[name] ?? "secret"),
  );
}

describe("every path of the interface, with every method", () => {
  const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"];

  it("has many", () => {
    expect(documented().length).toBeGreaterThan(45);
  });

  it.each(documented())("%s on the victim's collection", async (path) => {
    for (const method of methods) {
      const answers = [
        await attack("gateway", method, filled(path), {}),
        await attack("server", method, filled(path), {}),
      ];
      for (const [index, { status, text }] of answers.entries()) {
        expect(text).not.toContain(secret);
        // The server reads the body first; and it answers to health checks and the scoped lists above.
        const fine = index === 1 ? [400, 401, 403, 404, 405, 415, 422] : [400, 403];
        const open = method === "GET" && (path === "/" || (index === 1 && !path.includes("THEIRS")));
        if (!open) expect(fine, `${method} ${path}: ${status} ${text}`).toContain(status);
      }
    }
  });
});

it("nothing has changed", async () => {
  expect(await state()).toEqual(before);
});
