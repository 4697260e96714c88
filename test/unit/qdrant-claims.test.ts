// The issuer of Qdrant tokens refuses its own token unless it opens one collection's points, revocably, and no more.
import { expect, it } from "vitest";
import { claimsProblem, tokenClaims } from "../../providers/clients/qdrant-claims.ts";

const jti = "0d9b0b0e-0000-4000-8000-000000000000";
const good: Record<string, unknown> = { ...tokenClaims("tenant_acme", jti), sub: "acme", iat: 1, exp: 2 };
const { access: _, ...withoutAccess } = good;
const { value_exists: __, ...irrevocable } = good;
const points = { collection: "tenant_acme", access: "prw" };
const valid = { collection: "platform_token_state", matches: [{ key: "jti", value: jti }] };

it("lets the right one pass", () => {
  expect(claimsProblem(good, "tenant_acme", jti)).toBeUndefined();
});

it.each([
  ["no access: everything", withoutAccess, "access"],
  ["a misspelt access: everything", { ...withoutAccess, acess: good["access"] }, "access"],
  ["access to everything", { ...good, access: "rw" }, "access"],
  ["no collection at all", { ...good, access: [] }, "access"],
  ["rw: own snapshots", { ...good, access: [{ ...points, access: "rw" }] }, "access"],
  ["another tenant's collection", { ...good, access: [{ ...points, collection: "tenant_acme2" }] }, "access"],
  ["one more collection", { ...good, access: [points, { ...points, collection: "tenant_globex" }] }, "access"],
  ["a payload filter", { ...good, access: [{ ...points, payload: {} }] }, "access"],
  ["no revocation", irrevocable, "value_exists"],
  ["revocation by another token's id", { ...good, value_exists: { ...valid, matches: [] } }, "value_exists"],
  [
    "revocation in the tenant's hands",
    { ...good, value_exists: { ...valid, collection: "tenant_acme" } },
    "value_exists",
  ],
  ["a claim that this version may understand", { ...good, global_access: "m" }, "global_access"],
])("%s", (_what, claims, named) => {
  expect(claimsProblem(claims, "tenant_acme", jti)).toContain(`its claim ${named} is not`);
});
