// A tenant's verification, now, with its report stored.
import type { StoredVerification } from "../verify/index.ts";

/**
 * @param expect what to prove; undefined: what the registry says the tenant is
 * @throws Problem when there is no such tenant here
 */
export async function verifyNow(id: string, expect?: "active" | "suspended"): Promise<StoredVerification> {
  const { useStackConfig } = await import("../environment.ts");
  await useStackConfig(id);
  const { isSuspended, requireTenant } = await import("../tenants.ts");
  await requireTenant(id);
  const { verifyAndStore } = await import("../verify/index.ts");
  const { configuredRecipients } = await import("../recipients.ts");
  // The program says which; a person's run reads the stack's file.
  const told = process.env["TENANT_RECIPIENTS"];
  const extraRecipients = told ? told.split(",") : configuredRecipients(id);
  const suspended = expect === undefined ? await isSuspended(id) : expect === "suspended";
  return verifyAndStore(id, { suspended, extraRecipients });
}
