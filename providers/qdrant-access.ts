// Makes a token valid, and revokes it: the point of the token's id in the platform's collection.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { httpStatus, qdrantClient, tokenStateCollection } from "./clients/qdrant.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface QdrantAccessInputs {
  readonly tenant: string;
  /** UUID of the token. */
  readonly jti: string;
}

export const provider = dynamicProvider<QdrantAccessInputs, QdrantAccessInputs>({
  describe: ({ tenant }) => `Qdrant access of tenant ${tenant}`,
  id: ({ jti }) => jti,
  inputs: { tenant: "replace", jti: "replace" },
  async ensure(desired) {
    const client = await qdrantClient(servers());
    try {
      await client.upsert(tokenStateCollection, {
        wait: true,
        points: [{ id: desired.jti, vector: [1], payload: { jti: desired.jti, tenant: desired.tenant } }],
      });
    } catch (cause) {
      if (httpStatus(cause) !== 404) throw cause;
      throw new Error(`collection ${tokenStateCollection} does not exist: pulumi up --stack platform`, { cause });
    }
    return desired;
  },
  async observe(recorded) {
    try {
      const points = await (await qdrantClient(servers())).retrieve(tokenStateCollection, { ids: [recorded.jti] });
      return points[0]?.payload?.["jti"] === recorded.jti ? recorded : undefined;
    } catch (error) {
      if (httpStatus(error) === 404) return undefined;
      throw error;
    }
  },
  async remove({ jti }) {
    try {
      await (await qdrantClient(servers())).delete(tokenStateCollection, { wait: true, points: [jti] });
    } catch (error) {
      if (httpStatus(error) !== 404) throw error;
    }
  },
});

/** Lets the bearer of the token `jti` in. */
export class QdrantAccess extends DynamicResource {
  constructor(name: string, args: { tenant: string; jti: Input<string> }, opts?: CustomResourceOptions) {
    super("QdrantAccess", "qdrant-access", name, args, opts);
  }
}
