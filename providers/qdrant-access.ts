// Makes a token valid, suspends and revokes it: the point of the token's id in the platform's collection.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { readFile } from "node:fs/promises";
import { decryptCredentials } from "./clients/credentials.ts";
import { httpStatus, qdrantClient, tokenStateCollection } from "./clients/qdrant.ts";
import { secretFiles } from "./clients/secrets-dir.ts";
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

/** The token in one of the tenant's files; undefined when there is none. */
async function tokenIn(file: string, keyFile: string): Promise<string | undefined> {
  try {
    const { qdrant_api_key: token } = await decryptCredentials(await readFile(file, "utf8"), keyFile);
    const claims = JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as TokenClaims;
    return claims.value_exists?.matches?.[0]?.value;
  } catch {
    return undefined; // SopsFile says what is wrong with it.
  }
}

interface TokenClaims {
  readonly value_exists?: { readonly matches?: readonly { readonly value?: string }[] };
}

/** Other tokens that are valid for the tenant. During a rotation two are: one is in the file, the other waits for its handover. */
async function otherTokens({ jti, tenant }: QdrantAccessInputs): Promise<string[]> {
  const filter = { must: [{ key: "tenant", match: { value: tenant } }] };
  const client = await qdrantClient(servers());
  const points = await client.scroll(tokenStateCollection, { filter, limit: 100 }).then(
    (page) => page.points,
    (error: unknown) => {
      if (httpStatus(error) === 404) return []; // Without the collection no token is valid.
      throw error;
    },
  );
  const others = points.map(({ id }) => String(id)).filter((id) => id !== jti);
  if (others.length === 0) return [];
  const { encrypted, staged, key } = secretFiles(tenant);
  const handedOut = await Promise.all([tokenIn(encrypted, key), tokenIn(staged, key)]);
  return others.filter((id) => !handedOut.includes(id));
}

export const provider = dynamicProvider<QdrantAccessInputs, QdrantAccessInputs>({
  describe: ({ tenant }) => `Qdrant access of tenant ${tenant}`,
  id: ({ jti }) => jti,
  inputs: { tenant: "replace", jti: "renew", enabled: "update" },
  async ensure(desired) {
    await (desired.enabled ? admit(desired) : revoke(desired));
    for (const other of await otherTokens(desired)) await revoke({ ...desired, jti: other });
    return desired;
  },
  observe: async (recorded) => ({ ...recorded, enabled: await isAdmitted(recorded) }),
  foreign: async (recorded) => (await otherTokens(recorded)).map((other) => `the token ${other} is valid too`),
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
