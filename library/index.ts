// The package: `import { Tenant } from "tenant-storage"` in a Pulumi program of your own. Importing it does nothing.
export { bucketPrefixes, idProblem, reservedIds, tenantNames, type TenantNames } from "../components/names.ts";
export { getCollectionName, PermissionError, verifyTenantAccess } from "../components/qdrant-guards.ts";
export { Platform, type PlatformArgs } from "./platform.ts";
export { tenantProviders } from "./providers.ts";
export { Tenant, type TenantArgs } from "./tenant.ts";
