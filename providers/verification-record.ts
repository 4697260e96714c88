// The stored report of the verification (plan, section 8.2).
import type { CustomResourceOptions, Input, Output } from "@pulumi/pulumi";
import type { Report } from "../cli/verify/report.ts";
import { withPlatform } from "./clients/platform-db.ts";
import { reportById, storeReport } from "./clients/reports.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface VerificationRecordInputs {
  readonly tenant: string;
  /** The report as `tenant verify --json` prints it. */
  readonly report: string;
}

interface VerificationRecordState extends VerificationRecordInputs {
  /** UUIDv7. */
  readonly reportId: string;
  /** ISO 8601, UTC: the last check's time. */
  readonly verifiedAt: string;
}

export const provider = dynamicProvider<VerificationRecordInputs, VerificationRecordState>({
  describe: ({ tenant }) => `verification record of tenant ${tenant}`,
  id: ({ tenant }) => tenant,
  inputs: { tenant: "replace", report: "update" },
  async ensure(desired) {
    const report = JSON.parse(desired.report) as Report;
    if (!report.overall_pass) throw new Error("the verification did not pass");
    await withPlatform((client) => storeReport(client, report));
    const verifiedAt =
      report.checks
        .map(({ timestamp }) => timestamp)
        .sort()
        .at(-1) ?? "";
    return { ...desired, reportId: report.report_id, verifiedAt };
  },
  observe: async (recorded) =>
    withPlatform(async (client) => ((await reportById(client, recorded.reportId)) ? recorded : undefined)),
  remove: async () => undefined, // Reports are kept for audit; the database refuses to delete them.
});

/** Keeps a verification's report in the platform database. */
export class VerificationRecord extends DynamicResource {
  declare readonly reportId: Output<string>;
  declare readonly verifiedAt: Output<string>;

  constructor(name: string, args: { tenant: string; report: Input<string> }, opts?: CustomResourceOptions) {
    super(
      "VerificationRecord",
      "verification-record",
      name,
      { ...args, reportId: undefined, verifiedAt: undefined },
      opts,
    );
  }
}
