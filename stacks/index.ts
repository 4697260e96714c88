// The Pulumi program: the stack `platform` is what tenants share, every other stack is the tenant of its name.
import { getStack, runtime, type Inputs } from "@pulumi/pulumi";
import resources from "@pulumi/pulumi/proto/resource_pb.js";
import { setTimeout } from "node:timers/promises";
import { dynamicProvider } from "../components/dynamic-provider.ts";

// Every resource takes several stacks of the SDK's own calls, mapped back to its sources: a third of a second a run, which
// only somebody who debugs the program has use for.
if (!process.env["TENANT_DEBUG"]) Error.stackTraceLimit = 0;

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
  if (stack === "platform") {
    const settings = platformSettings(config);
    const { Platform } = await import("../components/platform.ts");
    const { minio, postgresql } = nativeProviders();
    const { auditLog, auditPublicKeys } = new Platform("platform", settings, {
      providers: [dynamic, minio, postgresql],
    });
    return { auditLog, auditPublicKeys };
  }
  const settings = tenantSettings(stack, config);
  const { Tenant } = await import("../components/tenant.ts");
  const { minio, postgresql } = nativeProviders();
  const tenant = new Tenant(settings.id, { ...settings, stack }, { providers: [dynamic, minio, postgresql] });
  const { agePublicKey, endpoints, names, reportId } = tenant;
  return { ...names, endpoints, agePublicKey, reportId };
}
