// The tenant's lines in pg_hba.conf: from its networks only (plan, section 3.1, step 5).
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { editHba, readHba } from "./clients/hba-file.ts";
import {
  doorsIn,
  isFirst,
  networksIn,
  withEntry,
  withoutDoors,
  withoutEntry,
  type HbaEntry,
} from "./clients/pg-hba.ts";
import { withAdmin } from "./clients/postgresql.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export const provider = dynamicProvider<HbaEntry, HbaEntry>({
  describe: ({ database, role }) => `pg_hba.conf lines of database ${database}, role ${role}`,
  id: ({ database }) => database,
  inputs: { database: "replace", role: "replace", networks: "update", encrypted: "update" },
  adopts: true,
  async ensure(desired) {
    await withAdmin((client) => editHba(client, (text) => withEntry(withoutDoors(text, desired), desired)));
    return desired;
  },
  async observe(recorded) {
    const text = withoutDoors(await withAdmin(readHba), recorded);
    const networks = networksIn(text, recorded);
    if (networks.length === 0) return undefined;
    // Shadowed lines do not count: shown as no network, so that the next update moves them up.
    return { ...recorded, networks: isFirst(text, { ...recorded, networks }) ? networks : [] };
  },
  foreign: async (recorded) =>
    doorsIn(await withAdmin(readHba), recorded).map((line) => `the role is let in elsewhere by the line "${line}"`),
  async remove(recorded) {
    await withAdmin((client) => editHba(client, (text) => withoutEntry(withoutDoors(text, recorded), recorded)));
  },
});

/** Lets `role` into `database` from `networks`, and from nowhere else. */
export class PgHbaEntry extends DynamicResource {
  constructor(
    name: string,
    args: { database: Input<string>; role: Input<string>; networks: Input<string>[]; encrypted: boolean },
    opts?: CustomResourceOptions,
  ) {
    super("PgHbaEntry", "pg-hba-entry", name, args, opts);
  }
}
