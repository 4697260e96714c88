// MinIO: a private, encrypted bucket, and one user who reaches it and nothing else.
import type { Owner } from "./owner.ts";
import { dynamic, is, matches, mustBe, noOther, only, texts, unknown, type ResourceRule, type Value } from "./rule.ts";

const code = "components/object-storage.ts";

/** What a tenant's client may ask for. All of it is about objects, or reads what the bucket is. */
const safeActions = [
  ...["s3:ListBucket", "s3:GetBucketLocation", "s3:ListBucketMultipartUploads"],
  ...["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:GetObjectTagging", "s3:PutObjectTagging"],
  ...["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts", "s3:GetObjectAttributes", "s3:DeleteObjectTagging"],
];

const bucket: ResourceRule = {
  name: "minio-bucket-private",
  description: "A bucket is its tenant's, private, and not deleted with its objects by accident.",
  applies: only("minio:index/s3Bucket:S3Bucket"),
  *problems({ props }, owner) {
    yield* mustBe(props, { bucket: owner.bucket }, `another name is another tenant's or nobody's, see ${code}.`);
    yield* mustBe(props, { acl: "private" }, `a canned ACL opens the bucket to everybody, see ${code}.`);
    if (!is(props["forceDestroy"], false, undefined)) {
      yield "forceDestroy is set: a bucket that is replaced would take its objects along. Take it out; `allowDestroy` is for that.";
    }
    yield* noOther(props, ["bucket", "acl", "forceDestroy", "quota", "bucketPrefix", "objectLocking"], "minio.ts");
  },
};

const encryption: ResourceRule = {
  name: "minio-bucket-encrypted",
  description: "Every object is encrypted by the server.",
  applies: only(dynamic("BucketEncryption")),
  *problems({ props }, owner) {
    yield* mustBe(props, { bucket: owner.bucket }, `the tenant's own bucket would stay unencrypted, see ${code}.`);
    yield* mustBe(props, { algorithm: "AES256" }, `the server encrypts with nothing else here, see ${code}.`);
  },
};

const contents: ResourceRule = {
  name: "minio-own-objects",
  description: "A stack writes into its tenant's bucket only.",
  applies: only("minio:index/s3Object:S3Object", dynamic("BucketContents")),
  *problems({ props }, owner) {
    const key = "bucketName" in props ? "bucketName" : "bucket";
    yield* mustBe(props, { [key]: owner.bucket }, `the bucket of another tenant is not this stack's, see ${code}.`);
    if (!is(props["acl"], "private", undefined)) yield `the object is not private: take acl out, see ${code}.`;
  },
};

const user: ResourceRule = {
  name: "minio-own-user",
  description: "A tenant's MinIO user has the tenant's policy and no other.",
  applies: only(
    "minio:index/iamUser:IamUser",
    "minio:index/iamUserPolicyAttachment:IamUserPolicyAttachment",
    dynamic("MinioAccess"),
  ),
  *problems({ props, type }, { minioUser, minioPolicy }) {
    const what = `another user or policy reaches another tenant's data, see ${code}.`;
    const key = type.endsWith(":IamUser") ? "name" : type.endsWith(":MinioAccess") ? "user" : "userName";
    // No id holds a hyphen: what follows one is the number of a rotation.
    const rotated = new RegExp(`^${minioUser}-[1-9]\\d*$`);
    if (!matches(props[key], rotated)) yield* mustBe(props, { [key]: minioUser }, what);
    if (key === "userName") yield* mustBe(props, { policyName: minioPolicy }, what);
    if (key === "user") yield* mustBe(props, { policy: minioPolicy }, what);
  },
};

const policy: ResourceRule = {
  name: "minio-least-policy",
  description: "A tenant's policy allows named actions on its own bucket, and denies what would outlive a rotation.",
  applies: only("minio:index/iamPolicy:IamPolicy"),
  *problems({ props }, owner) {
    yield* mustBe(props, { name: owner.minioPolicy }, `another tenant may have that policy, see ${code}.`);
    if (props["policy"] === unknown) return;
    const statements = statementsOf(props["policy"]);
    if (statements === undefined) {
      yield `policy is no JSON document with statements, see ${code}.`;
      return;
    }
    for (const statement of statements) yield* statementProblems(statement, owner);
    for (const { why, ...denial } of denials) {
      if (statements.some((statement) => denies(statement, denial, owner))) continue;
      yield `no statement denies ${denial.what}: ${why}. Put it back in ${code}.`;
    }
  },
};

interface Denial {
  readonly what: string;
  readonly action: string;
  /** Outside the tenant's bucket only; everywhere otherwise. */
  readonly outside?: true;
  readonly condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>;
}

/** A denial wins over whatever is attached to the user later. */
const denials: readonly (Denial & { readonly why: string })[] = [
  { what: "admin:*", action: "admin:*", why: "service accounts survive a rotation of the tenant's secret" },
  { what: "kms:*", action: "kms:*", why: "the keys are everybody's" },
  {
    what: "s3:* outside the tenant's bucket",
    action: "s3:*",
    outside: true,
    why: "another policy of the user or its groups would open other buckets",
  },
  {
    what: "s3:* to all but users",
    action: "s3:*",
    condition: { StringNotEquals: { "aws:principaltype": ["User"] } },
    why: "temporary credentials and service accounts survive a rotation of the tenant's secret",
  },
  {
    what: "unsigned uploads",
    action: "s3:PutObject",
    condition: { StringEquals: { "s3:x-amz-content-sha256": ["STREAMING-UNSIGNED-PAYLOAD-TRAILER"] } },
    why: "whoever knows the name of the access key could write",
  },
];

type Statement = Readonly<Record<string, Value>>;

function statementsOf(document: Value): Statement[] | undefined {
  if (typeof document !== "string") return undefined;
  try {
    const { Statement: found } = JSON.parse(document) as { readonly Statement?: Statement | readonly Statement[] };
    return found === undefined ? undefined : [found].flat();
  } catch {
    return undefined;
  }
}

function* statementProblems(statement: Statement, { bucket: own }: Owner): Iterable<string> {
  const { Effect: effect, Action: action, Resource: resource } = statement;
  if (texts(action).some((one) => one.startsWith("sts:"))) {
    yield `a statement names an action of sts, which MinIO refuses with the whole document: the user would be left without rights. Take it out of ${code}.`;
  }
  if (effect === "Deny") return;
  const others = Object.keys(statement).filter((key) => /^Not|^Principal$/.test(key));
  for (const key of others) {
    yield `an allowing statement has ${key}, which reaches whatever it does not name: list the actions and resources instead, in ${code}.`;
  }
  for (const one of texts(action).filter((name) => !safeActions.includes(name))) {
    const what = /[*?]/.test(one) ? "is a wildcard" : "is no action on the tenant's objects";
    yield `the allowed action ${JSON.stringify(one)} ${what}: name the actions the tenant needs (${safeActions.join(", ")}) in ${code}.`;
  }
  if (texts(resource).length === 0)
    yield `an allowing statement names no resource, which is all: name the bucket in ${code}.`;
  const arn = `arn:aws:s3:::${own}`;
  for (const one of texts(resource)) {
    const inside = one.startsWith(`${arn}/`) || one === arn;
    // Before the slash a wildcard also is a part of other buckets' names.
    if (!inside)
      yield `the allowed resource ${JSON.stringify(one)} is not in the tenant's bucket: it must be ${arn} or ${arn}/*, see ${code}.`;
  }
}

function denies(statement: Statement, { action, outside, condition }: Denial, { bucket: own }: Owner): boolean {
  const { Effect: effect, Action: actions, Resource: resource, NotResource: others, Condition: when } = statement;
  const arn = `arn:aws:s3:::${own}`;
  const where = outside
    ? texts(others).length > 0 && texts(others).every((one) => one === arn || one === `${arn}/*`)
    : others === undefined &&
      (resource === undefined || texts(resource).some((one) => ["*", "arn:aws:s3:::*"].includes(one)));
  return (
    effect === "Deny" && texts(actions).includes(action) && where && conditionText(when) === conditionText(condition)
  );
}

/** Whether a policy denies every access to objects and buckets, whatever it allows; undefined when nobody knows yet. */
export function deniesAll(policy: Value): boolean | undefined {
  if (policy === unknown) return undefined;
  return statementsOf(policy)?.some(
    ({ Effect: effect, Action: action, Resource: resource, NotResource: others, Condition: when }) =>
      effect === "Deny" &&
      texts(action).includes("s3:*") &&
      texts(resource).includes("arn:aws:s3:::*") &&
      others === undefined &&
      when === undefined,
  );
}

/** The same text for the same condition: a list of one may be written without its brackets. */
function conditionText(condition: Value): string {
  const operators = Object.entries((condition ?? {}) as Readonly<Record<string, Readonly<Record<string, Value>>>>);
  return JSON.stringify(
    operators.map(([name, keys]) => [name, Object.entries(keys).map(([key, value]) => [key, texts(value)])]),
  );
}

export const minioRules: readonly ResourceRule[] = [bucket, encryption, contents, user, policy];
