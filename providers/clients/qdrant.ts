// The Qdrant client as the administrator, and the platform's collection of valid tokens.
import type { QdrantClient } from "@qdrant/js-client-rest";
import type { Servers } from "./servers.ts";

/** One point for each valid token: a token names its point, so deleting the point revokes it at once (`value_exists`). */
export const tokenStateCollection = "platform_token_state";

/** A client with this API key or token (the administrator's unless given). */
export async function qdrantClient(
  { qdrant }: Pick<Servers, "qdrant">,
  apiKey: string = qdrant.apiKey,
): Promise<QdrantClient> {
  const { QdrantClient } = await import("@qdrant/js-client-rest");
  // The port is part of the URL; the client would otherwise add 6333 to a URL without one.
  const port = Number(qdrant.url.port || (qdrant.url.protocol === "https:" ? 443 : 80));
  // As a header: given as `apiKey` the client prints a warning into every update of a store on loopback.
  const headers = { "api-key": apiKey };
  return new QdrantClient({ url: qdrant.url.origin, port, headers, checkCompatibility: false, timeout: 10_000 });
}

/** The HTTP status of an error; undefined when the server did not answer. */
export function httpStatus(error: unknown): number | undefined {
  const status = (error as { status?: unknown }).status;
  return typeof status === "number" ? status : undefined;
}
