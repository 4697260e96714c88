// The Pulumi program: the stack `platform` is what tenants share, every other stack is the tenant of its name.
import { getStack, runtime, type Inputs } from "@pulumi/pulumi";
import { nativeProviders } from "../components/provider-instances.ts";
import { platformSettings, tenantSettings } from "./config.ts";

/** Registers the stack's resources and returns its outputs. */
export default async function program(): Promise<Inputs> {
  const stack = getStack();
  const config = runtime.allConfig();
  if (stack === "platform") {
    const settings = platformSettings(config);
    const { Platform } = await import("../components/platform.ts");
    new Platform("platform", settings, { providers: Object.values(nativeProviders()) });
    return {};
  }
  const settings = tenantSettings(stack, config);
  const { Tenant } = await import("../components/tenant.ts");
  const tenant = new Tenant(settings.id, { ...settings, stack }, { providers: Object.values(nativeProviders()) });
  const { agePublicKey, endpoints, names, reportId } = tenant;
  return { ...names, endpoints, agePublicKey, reportId };
}
