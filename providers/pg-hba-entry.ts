// The tenant's lines in pg_hba.conf: from its networks only (plan, section 3.1, step 5).
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import { isDeepStrictEqual } from "node:util";
import { editEveryHba, readEveryHba } from "./clients/hba-file.ts";
import {
  doorsIn,
  isFirst,
  networksIn,
  withEntry,
  withoutDoors,
  withoutEntry,
  type HbaEntry,
} from "./clients/pg-hba.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

/**
 * The networks the file lets the tenant in from; undefined without lines of its own. Shadowed lines do not count: no network, so
 * that the next update moves them up.
 */
function letIn(text: string, entry: HbaEntry): readonly string[] | undefined {
  const own = withoutDoors(text, entry);
  const networks = networksIn(own, entry);
  if (networks.length === 0) return undefined;
  return isFirst(own, { ...entry, networks }) ? networks : [];
}

export const provider = dynamicProvider<HbaEntry, HbaEntry>({
  describe: ({ database, role }) => `pg_hba.conf lines of database ${database}, role ${role}`,
  id: ({ database }) => database,
  inputs: { database: "replace", role: "replace", networks: "update", encrypted: "update" },
  adopts: true,
  async ensure(desired) {
    await editEveryHba((text) => withEntry(withoutDoors(text, desired), desired));
    return desired;
  },
  async observe(recorded) {
    const files = (await readEveryHba()).map(({ where, text }) => ({ where, found: letIn(text, recorded) }));
    const [first] = files;
    if (files.every(({ found }) => isDeepStrictEqual(found, first?.found))) {
      return first?.found && { ...recorded, networks: first.found };
    }
    // A standby that joined later, or was down: the next update writes the lines there.
    const networks = files.map(({ where, found }) => `${found?.join(", ") || "none"}${where}`);
    return { ...recorded, networks };
  },
  foreign: async (recorded) =>
    (await readEveryHba()).flatMap(({ where, text }) =>
      doorsIn(text, recorded).map((line) => `the role is let in elsewhere by the line "${line}"${where}`),
    ),
  async remove(recorded) {
    await editEveryHba((text) => withoutEntry(withoutDoors(text, recorded), recorded));
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
