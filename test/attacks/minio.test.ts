// What somebody with one tenant's MinIO credentials can do to another tenant's bucket, and to the settings of its own.
import { createHash } from "node:crypto";
import type { S3 } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import { GetObjectCommand, PutObjectCommand } from "@aws-sdk/client-s3";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { minioClient } from "../../providers/clients/minio.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { adminClient, awsClient, bare, outcome, s3Credentials } from "../support/s3.ts";
import { tar } from "../support/tar.ts";
import { objectOperations, settingOperations, unknownOperations } from "./minio-operations.ts";

let attacker: Deployed;
let victim: Deployed;
let s3: S3;
const key = "raw/.keep";
const own = () => attacker.names.bucket;
const theirs = () => victim.names.bucket;

/** Everything about a bucket that an attack could have changed. */
async function everythingOf(bucket: string): Promise<unknown> {
  const admin = adminClient();
  const Bucket = bucket;
  const { Versions: versions = [], DeleteMarkers: markers = [] } = await admin.listObjectVersions({ Bucket });
  const setting = (work: Promise<object>) =>
    work.then(
      (found) => ({ ...found, $metadata: undefined }),
      (error: Error) => error.name,
    );
  return {
    versions: versions.map(({ Key, ETag, VersionId }) => ({ Key, ETag, VersionId })),
    markers: markers.length,
    tags: await outcome(admin.getObjectTagging({ Bucket, Key: key })),
    settings: await Promise.all([
      setting(admin.getBucketPolicy({ Bucket })),
      setting(admin.getBucketEncryption({ Bucket })),
      setting(admin.getBucketVersioning({ Bucket })),
      setting(admin.getBucketLifecycleConfiguration({ Bucket })),
      setting(admin.getBucketTagging({ Bucket })),
      setting(admin.getBucketNotificationConfiguration({ Bucket })),
    ]),
  };
}

/** The attacker's, of the `minio` package: for requests that the AWS SDK does not make. */
const attackersClient = () => {
  const { accessKeyId: user, secretAccessKey: password } = s3Credentials(attacker);
  return minioClient(servers(), { user, password });
};

let before: unknown;
beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
  s3 = awsClient(s3Credentials(attacker));
  before = await Promise.all([everythingOf(theirs()), everythingOf(own())]);
});

// The last word: whatever the server answered, nothing has changed.
afterAll(async () => {
  expect(await Promise.all([everythingOf(theirs()), everythingOf(own())])).toEqual(before);
});

/** The status alone says it where the answer has no body, as to HEAD. */
const denied = /^(AccessDenied|403)$/;

describe("another tenant's bucket", () => {
  it.each(Object.entries({ ...objectOperations, ...settingOperations }))("refuses %s", async (_, operation) => {
    expect(await outcome(operation(s3, { bucket: theirs(), key, own: own() }))).toMatch(denied);
  });

  it("is not among the tenant's buckets", async () => {
    const { Buckets: buckets } = await s3.listBuckets();
    expect(buckets?.map(({ Name }) => Name)).toEqual([own()]);
  });

  it("loses nothing by a batch of deletions that names its objects", async () => {
    const names = [key, `../${theirs()}/${key}`, `/${theirs()}/${key}`].map((Key) => ({ Key }));
    const inTheirs = await s3.deleteObjects({ Bucket: theirs(), Delete: { Objects: names } });
    expect(inTheirs.Errors?.map(({ Code }) => Code)).toEqual(["AccessDenied", "AccessDenied", "AccessDenied"]);
    // In the own bucket they are names of objects there, or none.
    await s3.deleteObjects({ Bucket: own(), Delete: { Objects: names.slice(1) } });
  });

  it.each(["GET", "PUT"])("a presigned URL of the attacker's to %s is refused", async (method) => {
    const target = { Bucket: theirs(), Key: key };
    const command = method === "GET" ? new GetObjectCommand(target) : new PutObjectCommand(target);
    const { pathname, search } = new URL(await getSignedUrl(s3, command, { expiresIn: 60 }));
    expect((await bare(method, pathname + search)).code).toBe("AccessDenied");
  });

  it("a presigned URL for the own bucket is not one for another's", async () => {
    const url = new URL(await getSignedUrl(s3, new GetObjectCommand({ Bucket: own(), Key: key }), { expiresIn: 60 }));
    expect((await bare("GET", `/${theirs()}/${key}${url.search}`)).code).toBe("SignatureDoesNotMatch");
  });

  it.each([
    ["for the own bucket, sent to the other", own, theirs, "AccessDenied"],
    ["for the other bucket", theirs, theirs, "AccessDenied"],
  ])("an upload by form %s is refused", async (_, signedFor, sentTo, code) => {
    const client = await attackersClient();
    const policy = client.newPostPolicy();
    policy.setBucket(signedFor());
    policy.setKey("raw/planted");
    policy.setExpires(new Date(Date.now() + 60_000));
    const { formData } = await client.presignedPostPolicy(policy);
    const form = new FormData();
    for (const [name, value] of Object.entries(formData)) form.set(name, String(value));
    form.set("file", new Blob(["planted"]));
    const request = new Request("http://form", { method: "POST", body: form });
    const headers = { "content-type": request.headers.get("content-type") ?? "" };
    const body = Buffer.from(await request.arrayBuffer());
    expect((await bare("POST", `/${sentTo()}`, { headers, body })).code).toBe(code);
  });

  it.each([
    "../BUCKET/raw/.keep",
    "raw/../../BUCKET/raw/.keep",
    "..%2FBUCKET%2Fraw%2F.keep",
    "%2e%2e/BUCKET/raw/.keep",
    "%252e%252e%252fBUCKET%252fraw/.keep",
    "..\\BUCKET\\raw\\.keep",
    "..%5CBUCKET%5Craw%5C.keep",
    "raw/%00/../../BUCKET/raw/.keep",
    "%c0%ae%c0%ae/BUCKET/raw/.keep",
    "/BUCKET/raw/.keep",
  ])("is not reached from the own bucket by %s", async (path) => {
    const url = new URL(await getSignedUrl(s3, new GetObjectCommand({ Bucket: own(), Key: "x" }), { expiresIn: 60 }));
    const { code } = await bare("GET", `/${own()}/${path.replace("BUCKET", theirs())}${url.search}`);
    expect(code).toMatch(/^(SignatureDoesNotMatch|XMinioInvalidResourceName|XMinioInvalidObjectName|400)$/);
    const clean = path.replace("BUCKET", theirs());
    expect(
      await outcome(s3.getObject({ Bucket: own(), Key: decodeURIComponent(clean.replace(/%c0%ae/g, ".")) })),
    ).toMatch(
      /^(NoSuchKey|XMinioInvalidResourceName|XMinioInvalidObjectName|SignatureDoesNotMatch|InvalidArgument|400)$/,
    );
  });

  it("is not reached by the name of the host", async () => {
    const host = `${theirs()}.${servers().minio.endpoint.host}`;
    expect((await bare("GET", `/${key}`, { headers: { host } })).code).toBe("AccessDenied");
  });

  it.each([".minio.sys", ".minio.sys/config/config.json", ".minio.sys/buckets/BUCKET/.metadata.bin"])(
    "nor is the server's own folder: %s",
    async (path) => {
      const [bucket = "", ...rest] = path.replace("BUCKET", theirs()).split("/");
      const work =
        rest.length === 0
          ? s3.listObjectsV2({ Bucket: bucket })
          : s3.getObject({ Bucket: bucket, Key: rest.join("/") });
      expect(await outcome(work)).toBe("AllAccessDisabled");
    },
  );

  it.each([
    ["../BUCKET/raw/planted", "XMinioInvalidObjectName"],
    ["../../BUCKET/raw/planted", "XMinioInvalidObjectName"],
    // A name in the own bucket.
    ["/BUCKET/raw/planted", "OK"],
    ["/../BUCKET/raw/planted", "OK"],
  ])("an archive that the server unpacks does not write %s", async (name, code) => {
    const archive = tar(name.replace("BUCKET", theirs()), "planted");
    const unpack = { "X-Amz-Meta-Snowball-Auto-Extract": "true" };
    const upload = (await attackersClient()).putObject(own(), "raw/archive.tar", archive, archive.length, unpack);
    expect(await outcome(upload)).toBe(code);
    await s3.deleteObject({ Bucket: own(), Key: `${theirs()}/raw/planted` });
  });
});

describe("the own bucket", () => {
  // Which settings it has is the platform's to say.
  it.each(Object.entries(settingOperations))("refuses %s", async (_, operation) => {
    expect(await outcome(operation(s3, { bucket: own(), key, own: own() }))).toMatch(denied);
  });

  it.each([
    ["x-minio-force-delete", "DELETE"],
    ["x-minio-force-create", "PUT"],
  ])("is not removed or made by %s", async (header, method) => {
    const client = await attackersClient();
    const request = { method, bucketName: own(), headers: { [header]: "true" } };
    expect(await outcome(client.makeRequestAsync(request, "", [200, 204], "us-east-1"))).toBe("AccessDenied");
  });

  it.each([
    ["no encryption", { ServerSideEncryption: "none" as never }, "InvalidArgument"],
    ["an empty one", { ServerSideEncryption: "" as never }, "InvalidArgument"],
    ["a key that is not the platform's", { ServerSideEncryption: "aws:kms", SSEKMSKeyId: "mine" }, "KeyNotFound"],
  ] as const)("takes no object that asks for %s", async (_, asked, code) => {
    const put = s3.putObject({ Bucket: own(), Key: "raw/plain", Body: "plain", ...asked });
    expect(await outcome(put)).toMatch(new RegExp(`^(kms:)?${code}$`));
  });
});

describe.each([
  ["another tenant's bucket", theirs],
  ["the own bucket", own],
])("what MinIO does not know does nothing to %s", (_, bucket) => {
  it.each(Object.entries(unknownOperations))("%s", async (__, [code, operation]) => {
    expect(await outcome(operation(s3, { bucket: bucket(), key, own: own() }))).toBe(code);
  });
});

describe("without credentials", () => {
  it.each([
    ["GET", ""],
    ["GET", "?list-type=2"],
    ["GET", "?versions"],
    ["GET", "?uploads"],
    ["GET", "?policy"],
    ["GET", "?events=s3:ObjectCreated:*"],
    ["GET", "/raw/.keep"],
    ["HEAD", "/raw/.keep"],
    ["PUT", "/raw/planted"],
    ["POST", "/raw/planted?uploads"],
    ["POST", "/raw/.keep?select&select-type=2"],
    ["DELETE", "/raw/.keep"],
    ["DELETE", ""],
  ])("%s %s of a tenant's bucket is refused", async (method, path) => {
    expect((await bare(method, `/${theirs()}${path}`)).code).toMatch(denied);
  });

  it("no batch of deletions", async () => {
    const body = `<Delete><Object><Key>${key}</Key></Object></Delete>`;
    const headers = { "content-md5": createHash("md5").update(body).digest("base64") };
    expect((await bare("POST", `/${theirs()}?delete`, { headers, body })).code).toBe("AccessDenied");
  });
});
