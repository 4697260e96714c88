// Qdrant's gRPC client, with a tenant's token.
import { Code, ConnectError } from "@connectrpc/connect";
import { QdrantClient } from "@qdrant/js-client-grpc";
import { servers } from "../../providers/clients/servers.ts";
import type { Door } from "./qdrant-calls.ts";
import { trustStoresAuthority } from "./tls.ts";

/** @param door the server's own gRPC port is the one after REST's */
export function qdrantGrpc(token: string, door: Door = "gateway"): QdrantClient {
  const { url, tenantGrpcUrl } = servers().qdrant;
  if (tenantGrpcUrl === undefined) throw new Error("the test stores offer gRPC");
  trustStoresAuthority();
  const at = door === "gateway" ? tenantGrpcUrl : Object.assign(new URL(url), { port: String(Number(url.port) + 1) });
  return new QdrantClient({ url: at.origin, port: Number(at.port), apiKey: token, checkCompatibility: false });
}

/** How a call was refused. */
export async function grpcCode(call: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await call;
  } catch (error) {
    if (error instanceof ConnectError) return { code: Code[error.code] ?? "", message: error.rawMessage };
    throw error;
  }
  throw new Error("it was not refused");
}
