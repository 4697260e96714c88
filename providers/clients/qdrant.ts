// The Qdrant client as the administrator, and the platform's collection of valid tokens.
import type { QdrantClient } from "@qdrant/js-client-rest";
import type { Dispatcher } from "undici";
import type { Servers } from "./servers.ts";
import { trusting } from "./tls.ts";

/** One point for each valid token: a token names its point, so deleting the point revokes it at once (`value_exists`). */
export const tokenStateCollection = "platform_token_state";

/** Milliseconds for a node to say that it is there, while others could answer in its place. */
const nodePatience = 3_000;

/**
 * Where the server is: the only URL, or of a cluster the first node that answers and has caught up with the others.
 * @throws Error with the reason of each node.
 */
export async function qdrantUrl(qdrant: Servers["qdrant"]): Promise<URL> {
  const failures: Error[] = [];
  for (const url of qdrant.nodes ?? []) {
    const failure = await unready(qdrant, url);
    if (failure === undefined) return url;
    failures.push(failure);
  }
  if (failures.length === 0) return qdrant.url;
  throw new Error(`no Qdrant node of QDRANT_URL answers: ${failures.map(({ message }) => message).join("; ")}`, {
    cause: failures[0],
  });
}

/** Those of the named nodes that do not answer, or have not caught up with the others. */
export async function unreadyNodes(qdrant: Servers["qdrant"]): Promise<string[]> {
  const nodes = qdrant.nodes ?? [];
  const failures = await Promise.all(nodes.map((url) => unready(qdrant, url)));
  return nodes.filter((_, index) => failures[index] !== undefined).map(({ origin }) => origin);
}

/** Why the node is of no use now; undefined when it is. */
async function unready({ ca }: Servers["qdrant"], url: URL): Promise<Error | undefined> {
  const { Agent, fetch } = await import("undici");
  const agent = new Agent(ca === undefined ? {} : { connect: trusting(ca) });
  try {
    const init = { dispatcher: agent, signal: AbortSignal.timeout(nodePatience) };
    const { ok, status } = await fetch(new URL("/readyz", url), init);
    return ok ? undefined : new Error(`${url.origin}: it is not ready (HTTP ${status})`);
  } catch (cause) {
    const { message, cause: reason } = cause as Error;
    return new Error(`${url.origin}: ${reason instanceof Error ? reason.message : message}`, { cause });
  } finally {
    await agent.destroy();
  }
}

/**
 * A client with this API key or token (the administrator's unless given).
 * @param at the server's own URL unless given; tenants reach it at `tenantUrl`
 */
export async function qdrantClient(
  { qdrant }: Pick<Servers, "qdrant">,
  apiKey: string = qdrant.apiKey,
  at?: URL,
): Promise<QdrantClient> {
  const [{ QdrantClient }, url] = await Promise.all([import("@qdrant/js-client-rest"), at ?? qdrantUrl(qdrant)]);
  // The port is part of the URL; the client would otherwise add 6333 to a URL without one.
  const port = Number(url.port || (url.protocol === "https:" ? 443 : 80));
  // As a header: given as `apiKey` the client prints a warning into every update of a store on loopback.
  const headers = { "api-key": apiKey };
  const options = { url: url.origin, port, headers, checkCompatibility: false, timeout: 10_000 };
  const client = new QdrantClient(options);
  if (qdrant.ca === undefined) return client;
  const { Agent } = await import("undici");
  return overConnections(client, new Agent({ connect: trusting(qdrant.ca) }));
}

/**
 * The client over these connections. It has no option for them, nor for an authority; but every call of the API below it
 * takes `fetch`'s own options.
 */
function overConnections(client: QdrantClient, dispatcher: Dispatcher): QdrantClient {
  type Call = (payload: unknown, init?: object) => unknown;
  const api = new Proxy(client.api(), {
    get(target, name) {
      const call = Reflect.get(target, name) as Call;
      return (payload: unknown, init?: object) => call(payload, { ...init, dispatcher });
    },
  });
  return Object.assign(client, { _openApiClient: api });
}

/** The HTTP status of an error; undefined when the server did not answer. */
export function httpStatus(error: unknown): number | undefined {
  const status = (error as { status?: unknown }).status;
  return typeof status === "number" ? status : undefined;
}
