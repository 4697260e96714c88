// The Qdrant client as the administrator, and the platform's collection of valid tokens.
import type { QdrantClient } from "@qdrant/js-client-rest";
import type { Dispatcher } from "undici";
import type { Servers } from "./servers.ts";
import { trusting } from "./tls.ts";

/** One point for each valid token: a token names its point, so deleting the point revokes it at once (`value_exists`). */
export const tokenStateCollection = "platform_token_state";

/**
 * A client with this API key or token (the administrator's unless given).
 * @param url the server's own unless given; tenants reach it at `tenantUrl`
 */
export async function qdrantClient(
  { qdrant }: Pick<Servers, "qdrant">,
  apiKey: string = qdrant.apiKey,
  url: URL = qdrant.url,
): Promise<QdrantClient> {
  const { QdrantClient } = await import("@qdrant/js-client-rest");
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
