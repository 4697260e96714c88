// A tenant's verification, now, with its report stored.
import type { Report, StoredVerification } from "../verify/index.ts";

/**
 * The webhook, if there is one, hears of a failure: also of one that an update ends with.
 * @param told age public keys that open the SOPS file too, with commas, as the program says; none: the stack's file says which
 * @param expect what to prove; undefined: what the registry says the tenant is
 * @throws Problem when there is no such tenant here
 */
export async function verifyNow(
  id: string,
  expect?: "active" | "suspended",
  told = process.env["TENANT_RECIPIENTS"],
): Promise<StoredVerification> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(id);
  const { isSuspended, requireTenant } = await import("../tenants.ts");
  await requireTenant(id);
  const { verifyAndStore } = await import("../verify/index.ts");
  const { configuredRecipients } = await import("../recipients.ts");
  const extraRecipients = told ? told.split(",") : configuredRecipients(id);
  const suspended = expect === undefined ? await isSuspended(id) : expect === "suspended";
  const verification = await verifyAndStore(id, { suspended, extraRecipients });
  if (!verification.report.overall_pass) await tell(verification.report);
  return verification;
}

async function tell({ tenant_id: tenant, report_id, checks }: Report): Promise<void> {
  const { notify } = await import("../notify/index.ts");
  const failed = checks
    .filter(({ pass }) => !pass)
    .map(({ store, test, result, expected, detail }) => ({ store, test, result, expected, detail }));
  await notify({ type: "tenant.verification_failed", tenant, details: { report_id, checks: failed } });
}
