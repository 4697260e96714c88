// What every tenant holds in each store: asked of the servers as the administrator, for all tenants together wherever the server
// can answer so. A store that does not answer in time is named and left out.
import { tenantNames, type TenantNames } from "../../components/names.ts";
import { currentPlacement, servers, type Servers } from "../../providers/clients/servers.ts";
import { withoutSecrets } from "../errors.ts";
import { sizedStores } from "./sized-stores.ts";
import type { SizeChoice } from "./size-choices.ts";

export const storeNames = ["minio", "postgresql", "qdrant", "redis"] as const;
export type StoreName = (typeof storeNames)[number];

/** What a tenant holds in one store; null: the store does not count that, or has no limit on it. */
export interface StoreSize {
  readonly bytes: number | null;
  /** Objects, points or keys. */
  readonly items: number | null;
  /** Of `bytes` in MinIO, of `items` in Qdrant. */
  readonly limit: number | null;
}

export type TenantSizes = Readonly<Partial<Record<StoreName, StoreSize>>>;

/** How a store answered. */
export interface StoreAnswer {
  readonly store: StoreName;
  /** Whose store it is. */
  readonly placement: string;
  readonly answered: boolean;
  /** The server's; empty when it did not say. */
  readonly version: string;
  /** Why it did not answer, or what it could not say; empty otherwise. Without secrets. */
  readonly problem: string;
}

/** One store's part: its server's version, and sizes by tenant. */
export interface Sized {
  readonly version: string;
  readonly sizes: ReadonlyMap<string, StoreSize>;
  /** What could not be counted. */
  readonly problem?: string;
}

/** Milliseconds a store has for its answer. */
const patience = { fast: 15_000, all: 120_000 } as const;

/** Asks every store at once. Never throws: what did not answer says so. */
export async function storeSizes(
  ids: readonly string[],
  choice: SizeChoice,
  all?: Servers,
): Promise<{ readonly stores: StoreAnswer[]; readonly sizes: (id: string) => TenantSizes }> {
  if (choice === "none") return { stores: [], sizes: () => ({}) };
  const names = ids.map(tenantNames);
  const asked = await Promise.all(storeNames.map((store) => ask(store, names, choice, all)));
  return {
    stores: asked.map(({ answer }) => answer),
    sizes: (id) =>
      Object.fromEntries(
        asked.flatMap(({ answer, sizes }) => {
          const size = sizes.get(id);
          return size === undefined ? [] : [[answer.store, size]];
        }),
      ),
  };
}

async function ask(store: StoreName, names: readonly TenantNames[], choice: "fast" | "all", all?: Servers) {
  const placement = currentPlacement();
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), patience[choice]);
  try {
    const work = sizedStores[store](all ?? servers(), names, { signal: limit.signal, walk: choice === "all" });
    const { version, sizes, problem = "" } = await Promise.race([work, aborted(limit.signal, patience[choice])]);
    return { answer: { store, placement, answered: true, version, problem }, sizes };
  } catch (error) {
    const problem = withoutSecrets((error as Error).message).slice(0, 500);
    return { answer: { store, placement, answered: false, version: "", problem }, sizes: new Map<string, StoreSize>() };
  } finally {
    clearTimeout(timer);
  }
}

async function aborted(signal: AbortSignal, after: number): Promise<never> {
  return new Promise((_, fail) => {
    signal.addEventListener("abort", () => fail(new Error(`no answer within ${after / 1000} s`)), { once: true });
  });
}
