// The application guards (plan, section 4.1), mandatory for all Qdrant operations of an application. The server refuses a
// tenant's token on every other collection anyway; the guard says so earlier, and protects code that holds several tokens.
import { tenantNames } from "./names.ts";

/** An application asked for a collection that is not the tenant's. */
export class PermissionError extends Error {
  override readonly name = "PermissionError";
}

/**
 * The name of the tenant's collection.
 * @throws RangeError when `tenantId` is no tenant id.
 */
export function getCollectionName(tenantId: string): string {
  return tenantNames(tenantId).collection;
}

/**
 * Returns when `collectionName` is the tenant's collection.
 * @throws PermissionError when it is not; RangeError when `tenantId` is no tenant id.
 * @example
 * verifyTenantAccess("acme", "tenant_other"); // PermissionError: Tenant acme cannot access tenant_other
 */
export function verifyTenantAccess(tenantId: string, collectionName: string): void {
  if (collectionName !== getCollectionName(tenantId)) {
    throw new PermissionError(`Tenant ${tenantId} cannot access ${collectionName}`);
  }
}
