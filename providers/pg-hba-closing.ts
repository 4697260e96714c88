// The end of pg_hba.conf, on every server: whoever has no line of its own is rejected, whatever it asks for.
import type { CustomResourceOptions } from "@pulumi/pulumi";
import { closeEveryHba, closingLine, closingOfEveryHba } from "./clients/hba-closing.ts";
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
    await closeEveryHba();
    return desired;
  },
  async observe() {
    const line = await closingOfEveryHba();
    return line === undefined ? undefined : { line };
  },
  // Stays: opening the server again is nobody's wish.
  remove: async () => undefined,
});

/** The closing line; a broad line before it is an error that names it. */
export class PgHbaClosing extends DynamicResource {
  constructor(name: string, opts?: CustomResourceOptions) {
    super("PgHbaClosing", "pg-hba-closing", name, { line: closingLine }, opts);
  }
}
