// Every setting of a tenant: its form, its default, and what it means, in words. All that is said of settings elsewhere is made
// of this by `npm run docs`: Pulumi.yaml, the table in README.md, and tenant.schema.json for editors.
//
// A new setting is one entry here, and whatever uses it.
import { z } from "zod";
import { labelKey, labelValue, mostLabels } from "../components/labels.ts";
import { networkProblem } from "../components/networks.ts";
import { recipientProblem } from "../components/recipients.ts";
import { defaultPlacement, placementProblem } from "../providers/clients/placements.ts";
import { rotatable } from "../components/rotation.ts";

const network = z.string({ error: "must be a CIDR, such as 10.12.0.0/16" }).superRefine((text, context) => {
  const problem = networkProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});
const recipient = z.string({ error: "must be an age public key, age1…" }).superRefine((text, context) => {
  const problem = recipientProblem(text);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});
const networks = z.array(network, { error: "must be a list of CIDRs, such as [10.12.0.0/16]" });
/** Every way to be wrong has the same message: it says all that is allowed. */
const integer = (least: number, most: number, error: string) =>
  z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
const whole = (least: number, most: number, unit: string) =>
  integer(least, most, `must be a whole number of ${unit} from ${least} to ${most}`);
const flag = z.boolean({ error: "must be true or false" });
const indexTypes = ["keyword", "integer", "float", "bool", "geo", "datetime", "text", "uuid"] as const;

export const settingsSchema = z.strictObject({
  id: z
    .string()
    .default("")
    .describe(
      "The tenant's id and the stack's name: `a-z0-9`, 1 to 40 characters; `canary` and `platform` are reserved. Unset in the platform stack.",
    ),
  network: networks
    .default([])
    .describe(
      "The tenant's CIDRs, IPv4 or IPv6: PostgreSQL lets the tenant in from these only. No other tenant's may overlap (loopback excepted).",
    ),
  octet: integer(-1, 255, "must be a whole number from 0 to 255; it is the second one of 10.<octet>.0.0/16")
    .default(-1)
    .describe("Shorthand, 0 to 255: `12` is the network `10.12.0.0/16`. -1 is unset."),
  placement: z
    .string()
    .superRefine((text, context) => {
      const problem = placementProblem(text);
      if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
    })
    .default(defaultPlacement)
    .describe(
      "Which set of the four stores the tenant lives on: `default` is the environment's, the others are the operator's file of placements. It cannot be changed later.",
    ),
  operatorNetworks: networks
    .min(1, "needs a network: verification connects from it")
    .default(["127.0.0.0/8", "::1/128"])
    .describe(
      "Where verification runs: PostgreSQL lets the tenant's role in from these too. No other tenant's network may hold them.",
    ),
  recipients: z
    .array(recipient, { error: "must be a list of age public keys, such as [age1…]" })
    .default([])
    .describe(
      "age public keys that open the SOPS file and exports beside the tenant's own key: a recovery key kept offline. For all stacks: the default in `Pulumi.yaml`.",
    ),
  allowDestroy: flag.default(false).describe("Lets a destroy delete a tenant that holds data."),
  labels: z
    .record(
      z.string().regex(labelKey),
      z
        .string({ error: "must be a text in quotes" })
        .regex(labelValue, "must be 1 to 40 letters, digits, dots, dashes and underscores, first a letter or digit"),
      {
        error:
          "must be values by label, such as {plan: gold}; a label is 1 to 40 of a-z, 0-9, dot, dash, underscore, first a letter",
      },
    )
    .refine((labels) => Object.keys(labels).length <= mostLabels, `must be at most ${mostLabels} labels`)
    .default({})
    .describe(
      `Such as \`{plan: gold, region: eu}\`: commands of many tenants select by them (\`--select plan=gold\`). At most ${mostLabels}, in the registry in the clear, so no secrets. A change re-verifies nothing.`,
    ),
  suspended: flag
    .default(false)
    .describe(
      "Shuts the tenant out of all four stores, open connections too. Nothing is deleted, and `false` lets it in again.",
    ),
  suspensionReason: z
    .string()
    .regex(/^[^\p{Cc}]{0,200}$/u, "must be one line of at most 200 characters")
    .default("")
    .describe("Why it is suspended, for registry and audit log: one line of at most 200 characters."),
  postgresqlConnectionLimit: whole(2, 10_000, "connections")
    .default(20)
    .describe("Connections of the tenant's role. The tenant cannot change it."),
  postgresqlStatementTimeout: whole(0, 2_147_483_647, "milliseconds")
    .default(0)
    .describe("Milliseconds a statement may take unless the session sets another value. 0 is no limit."),
  postgresqlIdleTransactionTimeout: whole(0, 2_147_483_647, "milliseconds")
    .default(600_000)
    .describe(
      "Milliseconds a transaction may stand idle before its session is ended, unless the session sets another value. 0 is no limit.",
    ),
  postgresqlTempFileLimit: z
    .string()
    .regex(/^\d+(kB|MB|GB|TB)$/, "must be a number with kB, MB, GB or TB, such as 256MB")
    .default("256MB")
    .describe("Temporary files of one session, in PostgreSQL's words. The tenant cannot change it."),
  bucketQuota: whole(0, Number.MAX_SAFE_INTEGER, "bytes")
    .default(10 * 1024 ** 3)
    .describe("Bytes the bucket may hold (10 GiB). 0 is no limit. MinIO enforces it up to a minute late."),
  qdrantVectorSize: whole(1, 65_536, "dimensions").default(768).describe("Dimensions of the collection's vectors."),
  qdrantDistance: z
    .enum(["Cosine", "Dot", "Euclid", "Manhattan"], { error: "must be Cosine, Dot, Euclid or Manhattan" })
    .default("Cosine")
    .describe("How vectors are compared: `Cosine`, `Dot`, `Euclid` or `Manhattan`."),
  qdrantPayloadIndexes: z
    .record(z.string().min(1), z.enum(indexTypes, { error: `must be one of ${indexTypes.join(", ")}` }), {
      error: "must be index types by field, such as {document_id: keyword}",
    })
    .default({})
    .describe(
      `Payload indexes by field, such as \`{document_id: keyword}\` (${indexTypes.join(", ")}). The tenant's token may not make them.`,
    ),
  qdrantShards: whole(1, 1000, "shards")
    .default(1)
    .describe(
      "Parts the collection is cut into, for the nodes of a Qdrant cluster. Only an empty collection can be cut anew.",
    ),
  qdrantReplicas: whole(1, 100, "nodes")
    .default(1)
    .describe("Nodes of the Qdrant cluster that have a copy of each part. A change copies or drops."),
  qdrantWriteConsistency: whole(1, 100, "nodes")
    .default(1)
    .describe("Copies that must have taken a write before it is answered. At most qdrantReplicas."),
  qdrantMaxPoints: whole(0, 4_294_967_295, "points")
    .default(1_000_000)
    .describe(
      "Points the collection may hold. 0 is no limit. Qdrant counts at every 32nd write, also before it lets in again.",
    ),
  qdrantQuota: whole(0, Number.MAX_SAFE_INTEGER, "bytes")
    .default(4_294_967_296)
    .describe("Bytes of vectors, and as many of payload. 0 is no limit. Counted like qdrantMaxPoints."),
  qdrantReadsPerMinute: whole(0, 4_294_967_295, "searches")
    .default(30_000)
    .describe("Searches a minute, each of a batch counted; more are answered with 429. 0 is no limit."),
  qdrantWritesPerMinute: whole(0, 4_294_967_295, "points")
    .default(120_000)
    .describe("Points written a minute; more are answered with 429. 0 is no limit."),
  qdrantUnindexedFilters: flag
    .default(false)
    .describe("Lets filters use fields without a payload index; each such filter reads every payload."),
  qdrantTokenDays: whole(0, 36_500, "days")
    .default(0)
    .describe("Days until the Qdrant token expires. 0 is never; revocation works at once either way."),
  rotation: z
    .partialRecord(z.enum(rotatable), whole(0, 1_000_000, "rotations"), {
      error: `must be numbers by secret (${rotatable.join(", ")}), such as {redis: 1}`,
    })
    .default({})
    .describe(
      `How often each secret was rotated: ${rotatable.map((secret) => `\`${secret}\``).join(", ")}. Raising a number rotates it, as \`tenant rotate\` does; it only goes up.`,
    ),
});

/** The names of all settings, in the order in which they are explained. */
export const settingKeys: readonly string[] = Object.keys(settingsSchema.shape);

/** JSON Schema of one setting, as far as we look at it. */
export interface SettingSchema {
  readonly type: "string" | "integer" | "boolean" | "array" | "object";
  readonly description: string;
  readonly default: unknown;
}

/** Every setting's JSON Schema (draft 7), with what it means and its default. */
export function settingSchemas(): Record<string, SettingSchema> {
  const { properties } = z.toJSONSchema(settingsSchema, { target: "draft-7", io: "input" });
  return properties as unknown as Record<string, SettingSchema>;
}

/** The settings whose values are text as it stands, whatever it looks like. */
export const textSettings: readonly string[] = Object.entries(settingsSchema.shape).flatMap(([key, setting]) =>
  ["string", "enum"].includes(setting.unwrap().type) ? [key] : [],
);
