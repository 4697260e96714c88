// The Pulumi program: the stack `platform` is what tenants share, every other stack is the tenant of its name.
import { getStack, runtime } from "@pulumi/pulumi";
import { nativeProviders } from "../components/provider-instances.ts";
import { platformSettings, tenantSettings } from "./config.ts";

const stack = getStack();
const config = runtime.allConfig();

/** Outputs of a tenant stack; the platform stack has none. */
export let tenant: unknown;

if (stack === "platform") {
  const settings = platformSettings(config);
  const { Platform } = await import("../components/platform.ts");
  new Platform("platform", settings, { providers: Object.values(nativeProviders()) });
} else {
  const settings = tenantSettings(stack, config);
  const { Tenant } = await import("../components/tenant.ts");
  const { agePublicKey, endpoints, names, reportId } = new Tenant(
    settings.id,
    { ...settings, stack },
    { providers: Object.values(nativeProviders()) },
  );
  tenant = { ...names, endpoints, agePublicKey, reportId };
}
