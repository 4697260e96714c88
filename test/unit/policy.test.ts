// The bucket policy, word for word: one wildcard too many is another tenant's data.
import { describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { bucketPolicy } from "../../components/object-storage.ts";

interface Statement {
  readonly Effect: "Allow" | "Deny";
  readonly Action: readonly string[];
  readonly Resource?: readonly string[];
  readonly NotResource?: readonly string[];
}
const policyOf = (id: string, tlsOnly = false) =>
  JSON.parse(bucketPolicy(tenantNames(id).bucket, { tlsOnly })) as { readonly Statement: readonly Statement[] };

/** Whether the document would allow it, as S3 matches: `*` is any text, and a denial wins. */
function allows(id: string, action: string, resource: string): boolean {
  const matches = (pattern: string, text: string) =>
    new RegExp(`^${pattern.replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*")}$`).test(text);
  const hits = policyOf(id).Statement.filter(
    (statement) =>
      !("Condition" in statement) &&
      statement.Action.some((pattern) => matches(pattern, action)) &&
      (statement.Resource ?? ["*"]).some((pattern) => matches(pattern, resource)) &&
      !(statement.NotResource ?? []).some((pattern) => matches(pattern, resource)),
  );
  return hits.length > 0 && hits.every(({ Effect }) => Effect === "Allow");
}

it("is exactly this document", () => {
  expect(policyOf("acme")).toStrictEqual({
    Version: "2012-10-17",
    Statement: [
      {
        Effect: "Allow",
        Action: ["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
        Resource: ["arn:aws:s3:::tenant-acme-bucket"],
      },
      {
        Effect: "Allow",
        Action: [
          "s3:GetObject",
          "s3:PutObject",
          "s3:DeleteObject",
          "s3:AbortMultipartUpload",
          "s3:ListMultipartUploadParts",
          "s3:GetObjectTagging",
          "s3:PutObjectTagging",
        ],
        Resource: ["arn:aws:s3:::tenant-acme-bucket/*"],
      },
      {
        Effect: "Deny",
        Action: ["s3:*"],
        NotResource: ["arn:aws:s3:::tenant-acme-bucket", "arn:aws:s3:::tenant-acme-bucket/*"],
      },
      {
        Effect: "Deny",
        Action: [
          ...["s3:CreateBucket*", "s3:DeleteBucket*", "s3:ForceDeleteBucket", "s3:PutBucket*", "s3:Put*Configuration"],
          ...["s3:PutObjectRetention", "s3:PutObjectLegalHold", "s3:BypassGovernanceRetention", "s3:RestoreObject"],
          ...["s3:Replicate*", "s3:ResetBucketReplicationState", "s3:Listen*"],
        ],
        Resource: ["arn:aws:s3:::*"],
      },
      { Effect: "Deny", Action: ["admin:*"] },
      { Effect: "Deny", Action: ["kms:*"] },
      {
        Effect: "Deny",
        Action: ["s3:*"],
        Resource: ["arn:aws:s3:::*"],
        Condition: { StringNotEquals: { "aws:principaltype": ["User"] } },
      },
      {
        Effect: "Deny",
        Action: ["s3:PutObject"],
        Resource: ["arn:aws:s3:::*"],
        Condition: { StringEquals: { "s3:x-amz-content-sha256": ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"] } },
      },
    ],
  });
});

it("with TLS denies what comes without it, and is otherwise the same", () => {
  const denial = {
    Effect: "Deny",
    Action: ["s3:*"],
    Resource: ["arn:aws:s3:::*"],
    Condition: { Bool: { "aws:SecureTransport": ["false"] } },
  };
  expect(policyOf("acme", true).Statement).toStrictEqual([...policyOf("acme").Statement, denial]);
});

describe("with acme's policy", () => {
  it.each([
    ["s3:ListBucket", "tenant-acme-bucket", true],
    ["s3:GetObject", "tenant-acme-bucket/raw/a", true],
    ["s3:PutObject", "tenant-acme-bucket/raw/a", true],
    ["s3:DeleteObject", "tenant-acme-bucket/raw/a", true],
    ["s3:GetObject", "tenant-acme2-bucket/raw/a", false],
    ["s3:GetObject", "tenant-acme-bucket2/raw/a", false],
    ["s3:GetObject", "tenant-acme-bucket-2/raw/a", false],
    ["s3:GetObject", "tenant-globex-bucket/raw/a", false],
    ["s3:ListBucket", "tenant-acme2-bucket", false],
    ["s3:ListBucket", "tenant-acme-bucket-2", false],
    ["s3:ListBucket", "tenant-globex-bucket", false],
    ["s3:ListAllMyBuckets", "*", false],
    ["s3:CreateBucket", "tenant-acme-bucket", false],
    ["s3:DeleteBucket", "tenant-acme-bucket", false],
    ["s3:PutBucketPolicy", "tenant-acme-bucket", false],
    ["s3:GetBucketPolicy", "tenant-acme-bucket", false],
    ["s3:PutEncryptionConfiguration", "tenant-acme-bucket", false],
    ["s3:PutLifecycleConfiguration", "tenant-acme-bucket", false],
    ["s3:GetObjectVersion", "tenant-acme-bucket/raw/a", false],
    ["s3:BypassGovernanceRetention", "tenant-acme-bucket/raw/a", false],
    ["admin:CreateServiceAccount", "*", false],
  ])("%s on %s: %s", (action, resource, expected) => {
    expect(allows("acme", action, `arn:aws:s3:::${resource}`)).toBe(expected);
  });
});

it("no allowing action holds a wildcard, and a resource holds one only behind the bucket's slash", () => {
  const allowing = policyOf("acme").Statement.filter(({ Effect }) => Effect === "Allow");
  expect(allowing.flatMap(({ Action }) => Action).filter((action) => action.includes("*"))).toEqual([]);
  for (const resource of allowing.flatMap(({ Resource = ["*"] }) => Resource)) {
    expect(resource).toMatch(/^arn:aws:s3:::tenant-acme-bucket(\/\*)?$/);
  }
});

it("no action is of the service sts: the server refuses the whole document, and the user is left without rights", () => {
  expect(bucketPolicy("b", { tlsOnly: true })).not.toContain("sts:");
});
