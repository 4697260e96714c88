// The instance of the engine's provider for dynamic resources that runs ours.
import { ProviderResource, secret, type Input, type Inputs } from "@pulumi/pulumi";
import { defaultPlacement } from "../providers/clients/placements.ts";
import { configuredSettings, currentPlacement } from "../providers/clients/servers.ts";

/**
 * The process of our dynamic providers. Left to itself the engine starts it late, and hands it (and so the state) the whole
 * configuration; it is given only what the configuration says about the shared servers.
 */
export function dynamicProvider(): ProviderResource {
  const configured = configuredSettings().map(({ key, value, secret: hidden }): [string, Input<string>] => [
    `tenant-storage:${key}`,
    hidden ? secret(value) : value,
  ]);
  // By another name on another placement, as the other instances: components/provider-instances.ts.
  const placement = currentPlacement();
  const name = placement === defaultPlacement ? "dynamic" : `dynamic-${placement}`;
  return new DynamicProvider(name, Object.fromEntries(configured));
}

class DynamicProvider extends ProviderResource {
  constructor(name: string, props: Inputs) {
    super("pulumi-nodejs", name, props);
  }
}
