// Makes a token valid, suspends and revokes it: the point of the token's id in the platform's collection.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { httpStatus, qdrantClient, tokenStateCollection } from "./clients/qdrant.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface QdrantAccessInputs {
  readonly tenant: string;
  /** UUID of the token. */
  readonly jti: string;
  /** false: the token is void until it is enabled again. */
  readonly enabled: boolean;
}

async function admit({ jti, tenant }: QdrantAccessInputs): Promise<void> {
  const client = await qdrantClient(servers());
  try {
    await client.upsert(tokenStateCollection, {
      wait: true,
      points: [{ id: jti, vector: [1], payload: { jti, tenant } }],
    });
  } catch (cause) {
    if (httpStatus(cause) !== 404) throw cause;
    throw new Error(`collection ${tokenStateCollection} does not exist: pulumi up --stack platform`, { cause });
  }
}

async function revoke({ jti }: QdrantAccessInputs): Promise<void> {
  try {
    await (await qdrantClient(servers())).delete(tokenStateCollection, { wait: true, points: [jti] });
  } catch (error) {
    if (httpStatus(error) !== 404) throw error;
  }
}

async function isAdmitted({ jti }: QdrantAccessInputs): Promise<boolean> {
  try {
    const points = await (await qdrantClient(servers())).retrieve(tokenStateCollection, { ids: [jti] });
    return points[0]?.payload?.["jti"] === jti;
  } catch (error) {
    if (httpStatus(error) === 404) return false;
    throw error;
  }
}

export const provider = dynamicProvider<QdrantAccessInputs, QdrantAccessInputs>({
  describe: ({ tenant }) => `Qdrant access of tenant ${tenant}`,
  id: ({ jti }) => jti,
  inputs: { tenant: "replace", jti: "renew", enabled: "update" },
  async ensure(desired) {
    await (desired.enabled ? admit(desired) : revoke(desired));
    return desired;
  },
  observe: async (recorded) => ({ ...recorded, enabled: await isAdmitted(recorded) }),
  remove: revoke,
});

/** Lets the bearer of the token `jti` in, while it is enabled. */
export class QdrantAccess extends DynamicResource {
  constructor(
    name: string,
    args: { tenant: string; jti: Input<string>; enabled: boolean },
    opts?: CustomResourceOptions,
  ) {
    super("QdrantAccess", "qdrant-access", name, args, opts);
  }
}
