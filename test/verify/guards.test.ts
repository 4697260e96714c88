// The application guards (plan, section 4.1).
import { expect, it } from "vitest";
import { getCollectionName, PermissionError, verifyTenantAccess } from "../../components/qdrant-guards.ts";

it("names the tenant's collection", () => {
  expect(getCollectionName("acme")).toBe("tenant_acme");
});

it.each(["tenant_other", "tenant_acme2", "tenant_", "TENANT_ACME", "tenant_acme ", "acme", ""])(
  "refuses %j",
  (collection) => {
    expect(() => verifyTenantAccess("acme", collection)).toThrow(PermissionError);
    expect(() => verifyTenantAccess("acme", collection)).toThrow(`Tenant acme cannot access ${collection}`);
  },
);

it("lets the tenant's own collection pass", () => {
  expect(() => verifyTenantAccess("acme", "tenant_acme")).not.toThrow();
});

it("refuses what is no tenant id, so that it cannot be made to match", () => {
  expect(() => verifyTenantAccess("acme/../other", "tenant_acme/../other")).toThrow(RangeError);
});
