// The proof (plan, section 8): the command a person runs, and its report kept. It is a resource, not an after-hook: an error in
// an after-hook only warns, so that a leak would pass.
import { local } from "@pulumi/command";
import { ComponentResource, secret, type ComponentResourceOptions, type Input, type Output } from "@pulumi/pulumi";
import { packaged } from "../providers/clients/place.ts";
import { configuredSettings } from "../providers/clients/servers.ts";
import { VerificationRecord } from "../providers/verification-record.ts";

export interface VerificationArgs {
  readonly tenant: string;
  /** Then it proves that the tenant's valid credentials are refused. */
  readonly suspended: boolean;
  /** age public keys that open the SOPS file beside the tenant's own. */
  readonly recipients: readonly string[];
  /** Whatever changes here makes the verification run again. No secrets: they are kept and shown. */
  readonly triggers: Input<unknown>[];
}

/** What runs `tenant`, and where: the state keeps it, so that it names no place of this machine. */
function command(words: readonly string[]): { readonly create: string; readonly dir?: string } {
  // Commands start in the folder of the program: here that is stacks/.
  if (!packaged) return { create: `node cli/tenant.ts ${words.join(" ")}`, dir: ".." };
  const argv = ["node", "tenant", ...words].map((word) => `'${word}'`).join(", ");
  return {
    create: `node --input-type=module --eval "const { main } = await import('tenant-storage/cli'); await main([${argv}]);"`,
  };
}

/** Verification hook and record. */
export class Verification extends ComponentResource {
  /** UUIDv7. */
  readonly reportId: Output<string>;
  /** ISO 8601, UTC. */
  readonly verifiedAt: Output<string>;

  constructor(name: string, args: VerificationArgs, opts?: ComponentResourceOptions) {
    super("tenant-storage:index:Verification", name, {}, opts);
    const hook = new local.Command(
      name,
      {
        ...command(["verify", args.tenant, "--expect", args.suspended ? "suspended" : "active", "--json"]),
        triggers: args.triggers,
        // The environment is inherited; only what the configuration overrides has to be handed over.
        environment: {
          ...Object.fromEntries(
            configuredSettings().map((one) => [one.env, one.secret ? secret(one.value) : one.value]),
          ),
          ...(args.recipients.length === 0 ? {} : { TENANT_RECIPIENTS: args.recipients.join(",") }),
        },
        // Standard output is the report; only what goes wrong is for the log.
        logging: local.Logging.Stderr,
      },
      // What Node or a library writes there in a bad moment is nobody's to know beforehand, and the state would keep it.
      { parent: this, deleteBeforeReplace: true, additionalSecretOutputs: ["stderr"] },
    );
    const record = new VerificationRecord(name, { tenant: args.tenant, report: hook.stdout }, { parent: this });
    this.reportId = record.reportId;
    this.verifiedAt = record.verifiedAt;
    this.registerOutputs({ reportId: this.reportId, verifiedAt: this.verifiedAt });
  }
}
