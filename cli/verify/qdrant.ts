// Qdrant: the tenant's token reaches its collection and no other (plan, section 4.2).
import type { QdrantClient } from "@qdrant/js-client-rest";
import { getCollectionName, PermissionError, verifyTenantAccess } from "../../components/qdrant-guards.ts";
import { httpStatus, qdrantClient } from "../../providers/clients/qdrant.ts";
import {
  Mismatch,
  messageOf,
  refused,
  works,
  type Attempt,
  type Dialect,
  type StoreDefinition,
  type Subject,
} from "./checks.ts";
import { isLeftover, newTrace } from "./probe.ts";

export const dialect: Dialect = {
  code: (error) => httpStatus(error)?.toString(),
  refusals: ["403"],
};

/** Without a valid token the server does not know who asks. */
const unauthenticated: Dialect = { ...dialect, refusals: ["401", "403"] };

/** A gateway may also have no such page. */
const closed: Dialect = { ...dialect, refusals: ["403", "404"] };

interface Context extends Subject {
  /** Where the tenant reaches it. */
  readonly tenant: QdrantClient;
  /** The tenant's token at the server itself: what the server refuses does not depend on the gateway. */
  readonly direct: QdrantClient;
  readonly admin: QdrantClient;
  readonly token: string;
}

/** The only points a verification writes: what a killed one left can be found by id, without an unindexed filter. */
const slots = Array.from({ length: 256 }, (_, slot) => `7e4a7e00-0000-4000-8000-${slot.toString().padStart(12, "0")}`);

/** The collection's vector: its size, and its name when it has one. */
async function vectorOf(client: QdrantClient, collection: string): Promise<{ size: number; name?: string }> {
  const { vectors } = (await client.getCollection(collection)).config.params;
  const unnamed = (vectors as { size?: unknown } | undefined)?.size;
  if (typeof unnamed === "number") return { size: unnamed };
  const [name, named] = Object.entries((vectors ?? {}) as Record<string, { size: number }>)[0] ?? [];
  if (name === undefined || named === undefined) throw new Mismatch(`collection ${collection} has no dense vector`);
  return { size: named.size, name };
}

/** A verification at the same moment may take the same slot, and delete the point under our eyes: but not twice. */
async function ownAccess(context: Context): Promise<void> {
  await onePoint(context).catch((error: unknown) => {
    if (!(error instanceof Mismatch)) throw error;
    return onePoint(context);
  });
}

/** Writes, searches, lists and deletes one point. */
async function onePoint({ tenant, names: { collection } }: Context): Promise<void> {
  const [vector, found] = await Promise.all([
    vectorOf(tenant, collection),
    tenant.retrieve(collection, { ids: slots, with_payload: true }),
  ]);
  const leftovers = found
    .filter((point) => isLeftover(String(point.payload?.["tenant_verify"])))
    .map((point) => point.id);
  const free = slots.filter((slot) => found.every((point) => point.id !== slot));
  const id = free[Math.floor(Math.random() * free.length)] ?? slots[0] ?? "";
  const direction = Array.from({ length: vector.size }, () => Math.random() - 0.5);
  await tenant.upsert(collection, {
    wait: true,
    points: [
      {
        id,
        vector: vector.name === undefined ? direction : { [vector.name]: direction },
        payload: { tenant_verify: newTrace() },
      },
    ],
  });
  try {
    const [nearest, listed] = await Promise.all([
      tenant.query(collection, {
        query: direction,
        // By itself a search for nearest need not come upon it: by Dot, longer vectors are nearer to anything.
        filter: { must: [{ has_id: [id] }] },
        limit: 1,
        ...(vector.name === undefined ? {} : { using: vector.name }),
      }),
      // Ordered by id, starting here.
      tenant.scroll(collection, { limit: 1, offset: id }),
    ]);
    if (nearest.points.every((point) => point.id !== id)) throw new Mismatch("the search does not find the new point");
    if (listed.points[0]?.id !== id) throw new Mismatch("the new point is not listed");
  } finally {
    await tenant.delete(collection, { wait: true, points: [id, ...leftovers] });
  }
}

/** What one collection offers to whoever may use it. */
function attemptsOn(client: QdrantClient, admin: QdrantClient, collection: string): Attempt[] {
  const id = slots[0] ?? "";
  return [
    { what: "info", run: () => client.getCollection(collection) },
    { what: "list", run: () => client.scroll(collection, { limit: 1 }) },
    { what: "search", run: () => understood(client.query(collection, { query: id, limit: 1 })) },
    {
      what: "write",
      // No vector of the right size is needed: whoever may write is told about the size.
      run: () => understood(client.upsert(collection, { wait: true, points: [{ id, vector: [1] }] })),
      undo: () => admin.delete(collection, { wait: true, points: [id] }),
    },
    { what: "delete", run: () => client.delete(collection, { wait: true, points: [id] }) },
  ];
}

/** Succeeds also when the server found the request wrong: then it had let it in. */
async function understood(request: Promise<unknown>): Promise<void> {
  await request.catch((error: unknown) => {
    if (![400, 404, 409, 422].includes(httpStatus(error) ?? 0)) throw error;
  });
}

const howToClose =
  "Any valid token reads collection names there: put the gateway in front of Qdrant (docs/operations.md) and set " +
  "QDRANT_TENANT_URL to it, or accept it with QDRANT_GATEWAY=false";

export const qdrant: StoreDefinition<Context> = {
  store: "qdrant",
  async within(subject, work) {
    // The client is loaded while the credentials are decrypted.
    const [admin, { qdrant_api_key: token }] = await Promise.all([qdrantClient(subject.servers), subject.credentials]);
    const tenant = await qdrantClient(subject.servers, token, subject.servers.qdrant.tenantUrl);
    const direct = await qdrantClient(subject.servers, token);
    return work({ ...subject, tenant, direct, admin, token });
  },
  async missingOther({ admin, other }) {
    const { exists } = await admin.collectionExists(other.collection);
    return exists ? undefined : `there is no collection ${other.collection}`;
  },
  checks: [
    {
      test: "collection_exists",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          const { exists } = await c.tenant.collectionExists(c.names.collection);
          if (!exists) throw new Mismatch(`there is no collection ${c.names.collection}`);
        }),
    },
    { test: "own_access", expected: "OK", run: (c) => works(dialect, () => ownAccess(c)) },
    {
      test: "cross_collection",
      expected: "DENIED",
      needsOther: true,
      run: (c) => refused(dialect, attemptsOn(c.direct, c.admin, c.other.collection)),
    },
    {
      test: "collection_listing",
      expected: "OK",
      run: (c) =>
        works(dialect, async () => {
          const { collections } = await c.direct.getCollections();
          const foreign = collections.filter(({ name }) => name !== c.names.collection);
          if (foreign.length > 0) throw new Mismatch(`the token also sees ${foreign.length} foreign collections`);
          if (collections.length === 0) throw new Mismatch(`the token does not see collection ${c.names.collection}`);
        }),
    },
    {
      test: "global_access",
      expected: "DENIED",
      run: (c) =>
        refused(dialect, [
          { what: "cluster", run: () => c.direct.api().clusterStatus({}) },
          { what: "snapshots", run: () => c.direct.listFullSnapshots() },
          // Harmless to whoever may: nothing is asked for, or what is asked for is not there.
          { what: "change aliases", run: () => understood(c.direct.updateCollectionAliases({ actions: [] })) },
          {
            what: "delete a collection",
            run: () => understood(c.direct.deleteCollection(`${c.names.collection}_verify_none`)),
          },
        ]),
    },
    {
      test: "telemetry",
      expected: "DENIED",
      accepted: ({ servers }) =>
        servers.qdrant.gateway
          ? undefined
          : "accepted by qdrantGateway: false: tenants see each other's collection names",
      run: async (c) => {
        const found = await refused(closed, [
          { what: "telemetry", run: () => c.tenant.api().telemetry({ details_level: 2, anonymize: false }) },
          { what: "issues", run: () => c.tenant.api().getIssues({}) },
        ]);
        if (found.result !== "ALLOWED") return found;
        return { ...found, detail: `${found.detail}. ${howToClose}` };
      },
    },
    {
      test: "application_guard",
      expected: "DENIED",
      run: async (c) => {
        verifyTenantAccess(c.names.id, getCollectionName(c.names.id));
        try {
          verifyTenantAccess(c.names.id, c.other.collection);
        } catch (error) {
          if (error instanceof PermissionError) return { result: "DENIED", detail: messageOf(error) };
          throw error;
        }
        return { result: "ALLOWED", detail: `verifyTenantAccess let ${c.other.collection} pass` };
      },
    },
    {
      test: "unauthenticated_access",
      expected: "DENIED",
      run: async (c) => {
        const [head, payload] = c.token.split(".");
        const [none, unsigned] = await Promise.all([
          qdrantClient(c.servers, ""),
          // The tenant's own claims with a signature of zeros.
          qdrantClient(c.servers, `${head}.${payload}.${"A".repeat(43)}`),
        ]);
        return refused(unauthenticated, [
          { what: "no token", run: () => none.getCollection(c.names.collection) },
          { what: "forged token", run: () => unsigned.getCollection(c.names.collection) },
        ]);
      },
    },
  ],
};
