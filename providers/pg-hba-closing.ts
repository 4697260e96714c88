// The end of pg_hba.conf: whoever has no line of its own is rejected, whatever it asks for.
import type { CustomResourceOptions } from "@pulumi/pulumi";
import { broadLines, closeHba, closingLine, isClosed } from "./clients/hba-closing.ts";
import { withAdmin } from "./clients/postgresql.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface PgHbaClosingInputs {
  /** The last line that counts. */
  readonly line: string;
}

export const provider = dynamicProvider<PgHbaClosingInputs, PgHbaClosingInputs>({
  describe: () => "closing line of pg_hba.conf",
  id: () => "pg_hba.conf",
  inputs: { line: "update" },
  async ensure(desired) {
    await withAdmin(closeHba);
    return desired;
  },
  observe: async () =>
    withAdmin(async (client) => {
      if (!(await isClosed(client))) return undefined;
      const broad = await broadLines(client);
      return { line: broad.length === 0 ? closingLine : broad.join("\n") };
    }),
  // Stays: opening the server again is nobody's wish.
  remove: async () => undefined,
});

/** The closing line; a broad line before it is an error that names it. */
export class PgHbaClosing extends DynamicResource {
  constructor(name: string, opts?: CustomResourceOptions) {
    super("PgHbaClosing", "pg-hba-closing", name, { line: closingLine }, opts);
  }
}
