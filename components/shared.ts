// Names of what tenants share, made by the platform stack.

/** Owns every tenant's database. Cannot log in, and is not a superuser: what it runs in a tenant's database can do no more. */
export const databaseOwner = "platform_owner";

/** Every tenant's database is a copy of it. */
export const templateDatabase = "tenant_template";
