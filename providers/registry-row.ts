// The tenant's row in the registry (plan, section 7.1, step 9): endpoints and a reference to the credentials, no credential.
import type { CustomResourceOptions, Input } from "@pulumi/pulumi";
import type { Labels } from "../components/labels.ts";
import { defaultPlacement } from "./clients/placements.ts";
import { withPlatform } from "./clients/platform-db.ts";
import { getTenant, removeTenant, upsertTenant } from "./clients/registry.ts";
import { DynamicResource } from "./dynamic.ts";
import { dynamicProvider } from "./lifecycle.ts";

export interface RegistryRowInputs {
  readonly tenant: string;
  readonly networks: readonly string[];
  /** URLs and names an application needs, by store. No user, no password. */
  readonly endpoints: Readonly<Record<string, string>>;
  readonly agePublicKey: string;
  /** Where the SOPS file is, relative to the secrets folder. */
  readonly credentialsRef: string;
  readonly reportId: string;
  /** ISO 8601, UTC. */
  readonly verifiedAt: string;
  readonly suspended: boolean;
  /** Empty when there is none. */
  readonly suspensionReason: string;
  /** Left out when it has none. */
  readonly labels?: Labels;
  /** Left out on the default placement. */
  readonly placement?: string;
}

export const provider = dynamicProvider<RegistryRowInputs, RegistryRowInputs>({
  describe: ({ tenant }) => `registry row of tenant ${tenant}`,
  id: ({ tenant }) => tenant,
  inputs: {
    tenant: "replace",
    networks: "update",
    endpoints: "update",
    agePublicKey: "update",
    credentialsRef: "update",
    reportId: "update",
    verifiedAt: "update",
    suspended: "update",
    suspensionReason: "update",
    labels: "update",
    placement: "update",
  },
  optional: ["labels", "placement"],
  async ensure(desired) {
    await withPlatform((client) =>
      upsertTenant(client, {
        tenant_id: desired.tenant,
        networks: desired.networks,
        endpoints: desired.endpoints,
        age_public_key: desired.agePublicKey,
        credentials_ref: desired.credentialsRef,
        report_id: desired.reportId,
        verified_at: desired.verifiedAt,
        status: desired.suspended ? "suspended" : "active",
        suspension_reason: desired.suspensionReason,
        labels: desired.labels ?? {},
        placement: desired.placement ?? defaultPlacement,
      }),
    );
    return desired;
  },
  async observe(recorded) {
    const row = await withPlatform((client) => getTenant(client, recorded.tenant));
    if (row === undefined) return undefined;
    return {
      tenant: row.tenant_id,
      networks: row.networks,
      endpoints: row.endpoints as Readonly<Record<string, string>>,
      agePublicKey: row.age_public_key,
      credentialsRef: row.credentials_ref,
      reportId: row.report_id ?? "",
      // Equal instants may be written differently.
      verifiedAt:
        row.verified_at?.getTime() === Date.parse(recorded.verifiedAt)
          ? recorded.verifiedAt
          : (row.verified_at?.toISOString() ?? ""),
      suspended: row.status === "suspended",
      suspensionReason: row.suspension_reason,
      ...(Object.keys(row.labels).length === 0 ? {} : { labels: row.labels }),
      ...(row.placement === defaultPlacement ? {} : { placement: row.placement }),
    };
  },
  async remove({ tenant }) {
    await withPlatform((client) => removeTenant(client, tenant));
  },
});

/** Registers a tenant. */
export class RegistryRow extends DynamicResource {
  constructor(
    name: string,
    args: { [K in keyof RegistryRowInputs]: Input<RegistryRowInputs[K]> },
    opts?: CustomResourceOptions,
  ) {
    super("RegistryRow", "registry-row", name, args, opts);
  }
}
