// Tokens that were forged, tampered with, revoked or have expired, and what the issuer hands out.
import { randomUUID } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { qdrantClient, tokenStateCollection } from "../../providers/clients/qdrant.ts";
import { servers } from "../../providers/clients/servers.ts";
import { provider as accessProvider } from "../../providers/qdrant-access.ts";
import { provider as tokenProvider } from "../../providers/qdrant-token.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { call, claimsOf, doors, forge, type Claims } from "../support/qdrant-calls.ts";
import { grpcCode, qdrantGrpc } from "../support/qdrant-grpc.ts";

let attacker: Deployed;
let victim: Deployed;
let claims: Claims;
beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
  claims = claimsOf(attacker.credentials.qdrant_api_key);
}, 300_000);

const count = (token: string, { names }: Deployed = attacker, door: (typeof doors)[number] = "gateway") =>
  call(door, token, "POST", `/collections/${names.collection}/points/count`, {});
const seconds = (): number => Math.floor(Date.now() / 1000);

describe("what no key of the server has signed", () => {
  it.each([
    ["no signature (alg none)", () => forge(claims, "", "none"), 401, "Invalid API key or JWT"],
    ["another key", () => forge(claims, "x".repeat(43)), 403, "InvalidSignature"],
    ["an empty key", () => forge(claims, ""), 403, "InvalidSignature"],
    ["another algorithm", () => forge(claims, servers().qdrant.apiKey, "HS512"), 401, "Invalid API key or JWT"],
    [
      "other claims under the old signature",
      () => {
        const [head, , signature] = attacker.credentials.qdrant_api_key.split(".");
        return `${head}.${forge({ ...claims, access: "m" }).split(".")[1]}.${signature}`;
      },
      403,
      "InvalidSignature",
    ],
    ["no token", () => "", 401, "Invalid API key or JWT"],
    ["the key's beginning", () => servers().qdrant.apiKey.slice(0, -1), 401, "Invalid API key or JWT"],
  ])("%s", async (_what, token, status, text) => {
    for (const door of doors) {
      for (const tenant of [attacker, victim]) expect(await count(token(), tenant, door)).toEqual({ status, text });
    }
  });
});

describe("what the server's key has signed", () => {
  it("is refused when it has expired", async () => {
    // The server allows for clocks that differ by 30 s.
    const exp = { ...claims, exp: seconds() - 33 };
    for (const door of doors)
      expect(await count(forge(exp), attacker, door)).toEqual({ status: 403, text: "ExpiredSignature" });
    expect((await count(forge({ ...claims, exp: seconds() + 120 }))).status).toBe(200);
  });

  it("opens no collection by the beginning of its name", async () => {
    const prefix = forge({ ...claims, access: [{ collection: "tenant_", access: "prw" }] });
    const text = expect.stringContaining(`Access to collection ${victim.names.collection} is required`) as string;
    expect(await count(prefix, victim)).toEqual({ status: 403, text });
  });

  // Why the issuer reads its token again (test/unit/qdrant-claims.test.ts).
  it("opens everything when `access` is missing or misspelt", async () => {
    const { access, ...rest } = claims;
    expect((await count(forge(rest), victim)).status).toBe(200);
    expect((await count(forge({ ...rest, acces: access }), victim)).status).toBe(200);
  });

  // `value_exists` answers by its refusal whether a collection holds a value: only the issuer can ask.
  it("is what asks whether a value exists, and no tenant can sign", async () => {
    const asks = {
      ...claims,
      value_exists: { collection: victim.names.collection, matches: [{ key: "secret", value: "x" }] },
    };
    expect(await count(forge(asks))).toEqual({ status: 401, text: "Invalid JWT, stateful validation failed" });
    expect(await count(forge(asks, attacker.credentials.qdrant_api_key))).toEqual({
      status: 403,
      text: "InvalidSignature",
    });
  });
});

describe("the issuer", () => {
  const issue = async (days: number) => {
    const { outs } = await tokenProvider.create({ tenant: attacker.id, collection: attacker.names.collection, days });
    return outs as { jti: string; token: string };
  };

  it("hands out read, write and delete of points of one collection, revocable", async () => {
    const { jti, token } = await issue(0);
    expect(claimsOf(token)).toEqual({
      access: [{ collection: attacker.names.collection, access: "prw" }],
      value_exists: { collection: tokenStateCollection, matches: [{ key: "jti", value: jti }] },
      sub: attacker.id,
      iat: expect.any(Number) as number,
    });
  });

  it("lets it expire after qdrantTokenDays", async () => {
    const { exp, iat } = claimsOf((await issue(30)).token) as { exp: number; iat: number };
    expect(exp - iat).toBe(30 * 24 * 3600);
  });

  it("lets nobody in before the token is registered, and nobody the moment it is revoked", async () => {
    const { jti, token } = await issue(1);
    const refused = { status: 401, text: "Invalid JWT, stateful validation failed" };
    expect(await count(token)).toEqual(refused);
    const client = qdrantGrpc(token);
    const grpc = () => client.api("points").count({ collectionName: attacker.names.collection });

    await accessProvider.create({ tenant: attacker.id, jti, enabled: true });
    expect((await count(token)).status).toBe(200);
    expect((await grpc()).result).toBeDefined();

    await accessProvider.delete(jti, { tenant: attacker.id, jti, enabled: true });
    for (const door of doors) expect(await count(token, attacker, door)).toEqual(refused);
    // The connection was opened while the token was valid.
    expect(await grpcCode(grpc())).toMatchObject({ code: "Unauthenticated" });
    // The tenant's other token still works.
    expect((await count(attacker.credentials.qdrant_api_key)).status).toBe(200);
  });

  it("gives the tenant no hand on the list of valid tokens", async () => {
    const admin = await qdrantClient(servers());
    const before = await admin.count(tokenStateCollection, { exact: true });
    const path = `/collections/${tokenStateCollection}/points`;
    const point = { points: [{ id: randomUUID(), vector: [1], payload: { jti: "mine" } }] };
    for (const door of doors)
      expect((await call(door, attacker.credentials.qdrant_api_key, "PUT", path, point)).status).toBe(403);
    expect(await admin.count(tokenStateCollection, { exact: true })).toEqual(before);
  });
});
