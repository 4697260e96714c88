// The platform, for a program of somebody else's.
import { getStack, type ComponentResourceOptions } from "@pulumi/pulumi";
import { Platform as PlatformComponent } from "../components/platform.ts";
import { currentPlacement } from "../providers/clients/servers.ts";
import { platformSettings } from "../stacks/config.ts";
import { requireProviders } from "./providers.ts";
import { asConfiguration } from "./settings.ts";

/** What can be set about the platform. */
export interface PlatformArgs {
  /**
   * CIDRs of the hosts that run `pulumi up`: the canary's PostgreSQL role may connect from there.
   * @default ["127.0.0.0/8", "::1/128"]
   */
  readonly operatorNetworks?: readonly string[];
  /**
   * age public keys that open the canary's SOPS file beside its own.
   * @default []
   */
  readonly recipients?: readonly string[];
}

/**
 * What the tenants of one set of servers share: the platform database (registry, audit log, reports), the hardened template, the
 * collection of valid tokens, and the canary every tenant is verified against. Once for the servers, in a stack of its own.
 * @example
 * const platform = new Platform("platform", {}, { providers: tenantProviders() });
 */
export class Platform extends PlatformComponent {
  /** @throws RunError listing every problem of the arguments. */
  constructor(name: string, args: PlatformArgs = {}, opts?: ComponentResourceOptions) {
    const title = `new Platform(${JSON.stringify(name)})`;
    requireProviders(title, opts);
    const placement = currentPlacement();
    super(name, platformSettings(getStack(), asConfiguration({ ...args, placement }), { title, secretKeys: [] }), opts);
  }
}
