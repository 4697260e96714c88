// Tables of the platform database: registry, reservations, audit log, verification reports.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { emitEvent, hasEvent } from "./clients/audit.ts";
import { beginLog } from "./clients/audit-log.ts";
import { ensurePlatformSchema, weakened, withPlatform } from "./clients/platform-db.ts";
import { platformStack } from "./clients/placements.ts";
import { preparedPlacements } from "./clients/prepared.ts";
import { withAdmin } from "./clients/postgresql.ts";
import { listTenants } from "./clients/registry.ts";
import { platformServers } from "./clients/servers.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface PlatformSchemaInputs {
  readonly database: string;
  /** The version this checkout knows; a newer checkout migrates. */
  readonly version: number;
  /** The audit log's id, from its key. */
  readonly log: string;
}

const component = "provisioning-orchestrator";

export const provider = dynamicProvider<PlatformSchemaInputs, PlatformSchemaInputs>({
  describe: ({ database }) => `tables of database ${database}`,
  id: ({ database }) => database,
  inputs: { database: "replace", version: "update", log: "update" },
  async ensure(desired) {
    await withAdmin(ensurePlatformSchema, desired.database, platformServers());
    await withPlatform(async (client) => {
      await beginLog(client, desired.log, { component });
      if (await hasEvent(client, "platform", "PLATFORM_PREPARED")) return;
      const details = { component, status: "success" };
      await emitEvent(client, { tenant: "platform", type: "PLATFORM_PREPARED", resourceType: "platform", details });
    });
    return desired;
  },
  observe: async (recorded) =>
    withPlatform((client) => listTenants(client)).then(
      () => recorded,
      () => undefined,
    ),
  foreign: async ({ database }) => withAdmin(weakened, database, platformServers()),
  async remove() {
    const [tenants, placements] = await withPlatform(async (client) => [
      await listTenants(client),
      await preparedPlacements(client),
    ]);
    if (placements.length > 0) {
      const stacks = placements.map(platformStack).join(", ");
      throw new Error(`tenants of other placements rest on it too: destroy ${stacks} first`);
    }
    if (tenants.length > 0) {
      const ids = tenants.map(({ tenant_id }) => tenant_id);
      throw new Error(`${ids.length} tenants are registered: ${ids.slice(0, 10).join(", ")}. Deprovision them first`);
    }
  },
});

/** Makes and migrates the platform's tables. */
export class PlatformSchema extends DynamicResource {
  constructor(
    name: string,
    args: { database: Input<string>; version: number; log: Input<string> },
    opts?: CustomResourceOptions,
  ) {
    super("PlatformSchema", "platform-schema", name, args, opts);
  }
}
