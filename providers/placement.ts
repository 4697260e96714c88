// A placement's line in the platform database: tenants may be made there. Made last of its platform stack, and so deleted first: a
// destroy under living tenants touches nothing.
import type { CustomResourceOptions } from "@pulumi/pulumi";
import { emitEvent } from "./clients/audit.ts";
import { withPlatform } from "./clients/platform-db.ts";
import { addPlacement, preparedPlacements, removePlacement, tenantsOn } from "./clients/prepared.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface PlacementInputs {
  readonly placement: string;
}

export const provider = dynamicProvider<PlacementInputs, PlacementInputs>({
  describe: ({ placement }) => `placement ${placement}`,
  id: ({ placement }) => placement,
  inputs: { placement: "replace" },
  async ensure(desired) {
    await withPlatform(async (client) => {
      if (!(await addPlacement(client, desired.placement))) return;
      const details = { component: "provisioning-orchestrator", status: "success", placement: desired.placement };
      await emitEvent(client, { tenant: "platform", type: "PLATFORM_PREPARED", resourceType: "platform", details });
    });
    return desired;
  },
  observe: async (recorded) =>
    (await withPlatform(preparedPlacements)).includes(recorded.placement) ? recorded : undefined,
  async remove({ placement }) {
    await withPlatform(async (client) => {
      const tenants = await tenantsOn(client, placement);
      if (tenants.length > 0) {
        throw new Error(
          `${tenants.length} tenants live there: ${tenants.slice(0, 10).join(", ")}. Nothing was deleted. Deprovision them first`,
        );
      }
      await removePlacement(client, placement);
    });
  },
});

/** Opens a placement to tenants. Depends on everything they share there. */
export class Placement extends DynamicResource {
  constructor(name: string, args: PlacementInputs, opts?: CustomResourceOptions) {
    super("Placement", "placement", name, { ...args }, opts);
  }
}
