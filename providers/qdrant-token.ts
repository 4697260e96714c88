// The tenant's Qdrant credential: a JWT for one collection, signed with the server's key and checked by the server (isolation.md:
// a shared key is everything), read again before it is handed out.
import type { CustomResourceOptions, Input, Output } from "@pulumi/pulumi";
import { randomUUID } from "node:crypto";
import { claimsProblem, tokenClaims } from "./clients/qdrant-claims.ts";
import { servers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface QdrantTokenInputs {
  readonly tenant: string;
  readonly collection: string;
  /** Days until it expires; 0 is never (revocation works at once either way). */
  readonly days: number;
  /** Which token it is; unset is the first. */
  readonly rotation?: number;
}

interface QdrantTokenState extends QdrantTokenInputs {
  /** The token's id: its point in the platform's collection of valid tokens. */
  readonly jti: string;
  /** Secret. */
  readonly token: string;
}

const signingKey = (): Uint8Array => new TextEncoder().encode(servers().qdrant.apiKey);

export const provider = dynamicProvider<QdrantTokenInputs, QdrantTokenState>({
  describe: ({ collection }) => `Qdrant token for collection ${collection}`,
  id: ({ collection }) => collection,
  inputs: { tenant: "replace", collection: "replace", days: "update", rotation: "renew" },
  optional: ["rotation"],
  async ensure(desired) {
    const { SignJWT, jwtVerify } = await import("jose");
    const jti = randomUUID();
    const jwt = new SignJWT(tokenClaims(desired.collection, jti)).setProtectedHeader({ alg: "HS256", typ: "JWT" });
    jwt.setSubject(desired.tenant).setIssuedAt();
    if (desired.days > 0) jwt.setExpirationTime(`${desired.days}d`);
    const token = await jwt.sign(signingKey());
    const { payload } = await jwtVerify(token, signingKey());
    const problem = claimsProblem(payload, desired.collection, jti);
    if (problem !== undefined) throw new Error(`the signed token was not handed out: ${problem}`);
    return { ...desired, jti, token };
  },
  async observe(recorded) {
    const { jwtVerify } = await import("jose");
    // A new server key or an expiry voids the token: gone, and signed anew by the next update.
    return jwtVerify(recorded.token, signingKey()).then(
      () => recorded,
      () => undefined,
    );
  },
  remove: async () => undefined, // Nothing exists outside the state; QdrantAccess revokes.
});

/** A signed token. It opens nothing before QdrantAccess has registered its `jti`. */
export class QdrantToken extends DynamicResource {
  declare readonly jti: Output<string>;
  declare readonly token: Output<string>;

  constructor(
    name: string,
    args: { tenant: string; collection: string; days: Input<number>; rotation?: number },
    opts?: CustomResourceOptions,
  ) {
    const outputs = { jti: undefined, token: undefined };
    super(
      "QdrantToken",
      "qdrant-token",
      name,
      { ...args, ...outputs },
      { ...opts, additionalSecretOutputs: ["token"] },
    );
  }
}
