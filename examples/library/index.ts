// A shop with a tenant of the shared stores. Where these are says the environment (MINIO_ENDPOINT, PGHOST, …), or this
// stack's configuration: pulumi config set --secret tenant-storage:minioEndpoint https://…
import { Config } from "@pulumi/pulumi";
import { Tenant, tenantProviders } from "tenant-storage";
import { Shop } from "./shop.ts";

const config = new Config();
const providers = tenantProviders();

const tenant = new Tenant(
  "shop",
  {
    id: config.require("tenant"),
    network: config.requireObject<string[]>("network"),
    bucketQuota: 5 * 1024 ** 3,
    qdrantVectorSize: 384,
    suspended: config.getBoolean("suspended") ?? false,
  },
  { providers },
);

const shop = new Shop("shop", { storage: tenant });

export const endpoints = tenant.endpoints;
export const settings = shop.settings;
