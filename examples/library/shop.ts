// A component of the program's own that stands on the tenant.
import { all, ComponentResource, secret, type ComponentResourceOptions, type Output } from "@pulumi/pulumi";
import { RandomPassword } from "@pulumi/random";
import type { Tenant } from "tenant-storage";

export interface ShopArgs {
  /** Where the shop keeps what it has. */
  readonly storage: Tenant;
}

/** The shop's settings: for its container, its Kubernetes Secret, its unit file. */
export class Shop extends ComponentResource {
  /** Environment variables. Secret. */
  readonly settings: Output<Record<string, string>>;

  constructor(name: string, { storage }: ShopArgs, opts?: ComponentResourceOptions) {
    super("shop:index:Shop", name, {}, opts);
    const session = new RandomPassword(`${name}-session`, { length: 44, special: false }, { parent: this });
    const settings = all([storage.variables, session.result]).apply(([variables, key]): Record<string, string> => ({
      ...variables,
      SESSION_KEY: key,
    }));
    this.settings = secret(settings);
    this.registerOutputs();
  }
}
