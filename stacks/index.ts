// The Pulumi program: the stack `platform` is what tenants share (`platform-eu-2` those of placement eu-2), every other stack is the
// tenant of its name.
import { getStack, Resource, runtime, type Inputs } from "@pulumi/pulumi";
import resources from "@pulumi/pulumi/proto/resource_pb.js";
import { setTimeout } from "node:timers/promises";
import { dynamicProvider } from "../components/dynamic-provider.ts";
import { adopting } from "../providers/clients/adopting.ts";
import { placementOfPlatform } from "../providers/clients/placements.ts";

// Every resource takes several stacks of calls: a third of a second a run, and one of them stays in the state, with this machine's
// paths and as a sixth of it. Only somebody who debugs the program has use for them.
if (!process.env["TENANT_DEBUG"]) {
  Error.stackTraceLimit = 0;
  Object.assign(Resource, { callsites: () => [] });
}

// The SDK writes every answer of the engine into its debug log, secrets in the clear (--debug, -v=3 and higher). Which resource it
// was stands beside it there.
resources.RegisterResourceResponse.prototype.toString = () => "not shown: it may hold secrets";

/** Registers the stack's resources and returns its outputs. */
export default async function program(): Promise<Inputs> {
  const stack = getStack();
  const config = runtime.allConfig();
  // First of all, and sent before anything else is loaded: the engine starts its process meanwhile.
  const dynamic = dynamicProvider();
  await setTimeout(5);
  const { platformSettings, tenantSettings } = await import("./config.ts");
  const { nativeProviders } = await import("../components/provider-instances.ts");
  if (placementOfPlatform(stack) !== undefined) {
    const settings = platformSettings(stack, config);
    const { Platform } = await import("../components/platform.ts");
    const { minio, postgresql } = nativeProviders();
    const { auditLog, auditPublicKeys } = new Platform(stack, settings, {
      providers: [dynamic, minio, postgresql],
    });
    return auditLog === undefined ? { placement: settings.placement } : { auditLog, auditPublicKeys };
  }
  const settings = tenantSettings(stack, config);
  const { adoptedSecrets } = await import("./adopted.ts");
  const { Tenant } = await import("../components/tenant.ts");
  const { minio, postgresql } = nativeProviders();
  await takeOverIfAdopting(settings.id);
  const secrets = adoptedSecrets(config);
  const args = { ...settings, stack, ...(secrets === undefined ? {} : { adoptedSecrets: secrets }) };
  const tenant = new Tenant(settings.id, args, { providers: [dynamic, minio, postgresql] });
  const { agePublicKey, endpoints, names, reportId } = tenant;
  return { ...names, endpoints, agePublicKey, reportId };
}

/** Asks the servers only when somebody adopts the tenant. */
async function takeOverIfAdopting(id: string): Promise<void> {
  if (adopting() !== id) return;
  const [{ takeOver }, { existingOf }, { tenantNames }, { servers }] = await Promise.all([
    import("../components/adoption.ts"),
    import("../providers/clients/existing.ts"),
    import("../components/names.ts"),
    import("../providers/clients/servers.ts"),
  ]);
  takeOver(tenantNames(id), await existingOf(tenantNames(id), servers()));
}
