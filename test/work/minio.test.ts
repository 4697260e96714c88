// Ordinary work with a tenant's MinIO credentials, by the clients people use: the `minio` package and the AWS SDK.
import { GetObjectCommand, NoSuchUpload, PutObjectCommand, type S3 } from "@aws-sdk/client-s3";
import { Upload } from "@aws-sdk/lib-storage";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";
import type { Client } from "minio";
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { minioClient } from "../../providers/clients/minio.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { awsClient, bare, outcome, s3Credentials } from "../support/s3.ts";
import { testTls } from "../support/tls.ts";

let tenant: Deployed;
let Bucket: string;
let aws: S3;
let minio: Client;
/** Everything of this file is under it. */
const folder = `raw/work-${Date.now().toString(36)}/`;

beforeAll(async () => {
  ({ attacker: tenant } = await deployedTenants());
  Bucket = tenant.names.bucket;
  const own = s3Credentials(tenant);
  // Over TLS its default is a checksum behind every body (see below); applications set the same by an environment variable.
  aws = awsClient(own, testTls() ? { requestChecksumCalculation: "WHEN_REQUIRED" } : {});
  minio = await minioClient(servers(), { user: own.accessKeyId, password: own.secretAccessKey });
});
afterAll(async () => {
  await removeAll();
  expect(await keys()).toEqual([]);
  expect((await aws.listMultipartUploads({ Bucket, Prefix: folder })).Uploads ?? []).toEqual([]);
});

async function keys(prefix = folder): Promise<string[]> {
  const { Contents: contents = [] } = await aws.listObjectsV2({ Bucket, Prefix: prefix });
  return contents.map(({ Key = "" }) => Key);
}

async function removeAll(): Promise<void> {
  const found = await keys();
  if (found.length > 0) await minio.removeObjects(Bucket, found);
}

const mebibyte = 1024 * 1024;

/** 100 MB made up as they are read, and their digest once they were. */
function hundredMegabytes(): { stream: Readable; digest: () => string } {
  const hash = createHash("sha256");
  const chunks = function* () {
    for (let i = 0; i < 100; i++) {
      const chunk = Buffer.alloc(mebibyte, `block ${i} `);
      hash.update(chunk);
      yield chunk;
    }
  };
  return { stream: Readable.from(chunks()), digest: () => hash.copy().digest("hex") };
}

async function digestOf(stream: AsyncIterable<unknown>): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

describe("an upload of 100 MB in parts", () => {
  it("by the AWS SDK, read back as a stream", async () => {
    const { stream, digest } = hundredMegabytes();
    const Key = `${folder}aws-large`;
    await new Upload({ client: aws, params: { Bucket, Key, Body: stream }, partSize: 16 * mebibyte }).done();
    const { ContentLength, ServerSideEncryption, Body } = await aws.getObject({ Bucket, Key });
    expect({ ContentLength, ServerSideEncryption }).toEqual({
      ContentLength: 100 * mebibyte,
      ServerSideEncryption: "AES256",
    });
    expect(await digestOf(Body as Readable)).toBe(digest());
    await aws.deleteObject({ Bucket, Key });
  });

  it("by the minio client, read back as a stream", async () => {
    const { stream, digest } = hundredMegabytes();
    await minio.putObject(Bucket, `${folder}minio-large`, stream, 100 * mebibyte);
    expect(await digestOf(await minio.getObject(Bucket, `${folder}minio-large`))).toBe(digest());
    await minio.removeObject(Bucket, `${folder}minio-large`);
  });

  it("is broken off half-way, and its parts are gone", async () => {
    const Key = `${folder}aborted`;
    const upload = new Upload({ client: aws, params: { Bucket, Key, Body: hundredMegabytes().stream } });
    upload.on("httpUploadProgress", ({ part = 0 }) => {
      if (part >= 3) void upload.abort();
    });
    await expect(upload.done()).rejects.toThrow(/abort/i);
    // The SDK says so first and takes the parts away then.
    const uploads = async () => (await aws.listMultipartUploads({ Bucket, Prefix: Key })).Uploads ?? [];
    await expect.poll(uploads, { timeout: 20_000 }).toEqual([]);
    expect(await keys()).toEqual([]);
  });

  it("goes on where it stopped, from the list of its parts", async () => {
    const target = { Bucket, Key: `${folder}resumed` };
    const { UploadId } = await aws.createMultipartUpload(target);
    const part = (PartNumber: number, fill: string) =>
      aws.uploadPart({ ...target, UploadId, PartNumber, Body: Buffer.alloc(5 * mebibyte, fill) });
    await part(1, "a");
    // Somebody else goes on: all it knows is the name.
    const found = (await aws.listMultipartUploads({ Bucket, Prefix: target.Key })).Uploads?.[0]?.UploadId;
    expect(found).toBe(UploadId);
    expect((await aws.listParts({ ...target, UploadId: found })).Parts?.map(({ PartNumber }) => PartNumber)).toEqual([
      1,
    ]);
    await part(2, "b");
    const { Parts: parts = [] } = await aws.listParts({ ...target, UploadId });
    await aws.completeMultipartUpload({
      ...{ ...target, UploadId },
      MultipartUpload: { Parts: parts.map(({ ETag, PartNumber }) => ({ ETag, PartNumber })) },
    });
    expect((await aws.headObject(target)).ContentLength).toBe(10 * mebibyte);
    await expect(aws.listParts({ ...target, UploadId })).rejects.toThrow(NoSuchUpload);
    await aws.deleteObject(target);
  });

  it("is made of objects that are there", async () => {
    const source = `${folder}source`;
    await aws.putObject({ Bucket, Key: source, Body: Buffer.alloc(5 * mebibyte, "x") });
    const target = { Bucket, Key: `${folder}composed` };
    const { UploadId } = await aws.createMultipartUpload(target);
    const numbers = [1, 2];
    const copies = await Promise.all(
      numbers.map((PartNumber) =>
        aws.uploadPartCopy({ ...target, UploadId, PartNumber, CopySource: `${Bucket}/${source}` }),
      ),
    );
    const Parts = copies.map(({ CopyPartResult: result }, i) => ({ ETag: result?.ETag, PartNumber: i + 1 }));
    await aws.completeMultipartUpload({ ...target, UploadId, MultipartUpload: { Parts } });
    expect((await aws.headObject(target)).ContentLength).toBe(10 * mebibyte);
    await removeAll();
  });
});

describe("presigned URLs", () => {
  // By plain HTTP, as a browser has it: no client, no credentials.
  const used = async (method: string, url: string, body = "") => {
    const { pathname, search } = new URL(url);
    return bare(method, pathname + search, { body });
  };

  it("of the AWS SDK upload and download", async () => {
    const target = { Bucket, Key: `${folder}signed by aws` };
    const put = await getSignedUrl(aws, new PutObjectCommand(target), { expiresIn: 60 });
    expect((await used("PUT", put, "by URL")).status).toBe(200);
    const get = await getSignedUrl(aws, new GetObjectCommand(target), { expiresIn: 60 });
    expect(await used("GET", get)).toMatchObject({ status: 200, text: "by URL" });
    await aws.deleteObject(target);
  });

  it("of the minio client upload and download, for as long as they say", async () => {
    const name = `${folder}signed-by-minio`;
    expect((await used("PUT", await minio.presignedPutObject(Bucket, name, 60), "by URL")).status).toBe(200);
    const url = await minio.presignedGetObject(Bucket, name, 60);
    expect(await used("GET", url)).toMatchObject({ status: 200, text: "by URL" });
    const past = new Date(Date.now() - 3_600_000);
    const expired = await minio.presignedUrl("GET", Bucket, name, 60, {}, past);
    expect((await used("GET", expired)).code).toBe("AccessDenied");
    await minio.removeObject(Bucket, name);
  });

  it("a form uploads within what its policy says", async () => {
    const policy = minio.newPostPolicy();
    policy.setBucket(Bucket);
    policy.setKey(`${folder}form`);
    policy.setContentLengthRange(1, 10);
    policy.setExpires(new Date(Date.now() + 60_000));
    const { formData } = await minio.presignedPostPolicy(policy);
    const send = async (content: string) => {
      const form = new FormData();
      for (const [name, value] of Object.entries(formData)) form.set(name, String(value));
      form.set("file", new Blob([content]));
      const request = new Request("http://form", { method: "POST", body: form });
      const headers = { "content-type": request.headers.get("content-type") ?? "" };
      return bare("POST", `/${Bucket}`, { headers, body: Buffer.from(await request.arrayBuffer()) });
    };
    expect((await send("by form")).status).toBe(204);
    expect((await send("more than ten bytes")).code).toBe("EntityTooLarge");
    expect(await (await aws.getObject({ Bucket, Key: `${folder}form` })).Body?.transformToString()).toBe("by form");
    await removeAll();
  });
});

describe("objects", () => {
  const Key = `${folder}object`;
  const put = (Body: string, more: object = {}) => aws.putObject({ Bucket, Key, Body, ...more });

  it("are listed by prefix and delimiter, page by page", async () => {
    const names = Array.from({ length: 25 }, (_, i) => `${folder}list/${i % 5}/${String(i).padStart(2, "0")}`);
    await Promise.all(names.map((name) => minio.putObject(Bucket, name, "x")));
    const { CommonPrefixes } = await aws.listObjectsV2({ Bucket, Prefix: `${folder}list/`, Delimiter: "/" });
    expect(CommonPrefixes?.map(({ Prefix }) => Prefix)).toEqual([0, 1, 2, 3, 4].map((i) => `${folder}list/${i}/`));

    const pages: string[][] = [];
    let token: string | undefined;
    do {
      const asked = {
        Bucket,
        Prefix: `${folder}list/`,
        MaxKeys: 10,
        ...(token !== undefined && { ContinuationToken: token }),
      };
      const page = await aws.listObjectsV2(asked);
      pages.push((page.Contents ?? []).map(({ Key: name = "" }) => name));
      token = page.NextContinuationToken;
    } while (token !== undefined);
    expect(pages.map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(pages.flat()).toEqual([...names].sort());

    const walked: string[] = [];
    for await (const item of minio.listObjectsV2(Bucket, `${folder}list/`, true))
      walked.push((item as { name: string }).name);
    expect(walked).toEqual([...names].sort());
  });

  it("are deleted by the thousand in one call", async () => {
    await removeAll();
    expect(await keys()).toEqual([]);
  });

  it("have metadata, a content type and tags", async () => {
    await put("with metadata", { ContentType: "text/plain", Metadata: { document: "42" }, Tagging: "kind=invoice" });
    expect(await aws.headObject({ Bucket, Key })).toMatchObject({
      ContentType: "text/plain",
      Metadata: { document: "42" },
    });
    expect((await aws.getObjectTagging({ Bucket, Key })).TagSet).toEqual([{ Key: "kind", Value: "invoice" }]);
    await minio.setObjectTagging(Bucket, Key, { kind: "receipt" });
    expect(await minio.getObjectTagging(Bucket, Key)).toEqual([{ Key: "kind", Value: "receipt" }]);
  });

  it("are read in ranges and on conditions", async () => {
    const { ETag = "" } = await put("0123456789");
    const part = await aws.getObject({ Bucket, Key, Range: "bytes=2-4" });
    expect(await part.Body?.transformToString()).toBe("234");
    const stream = await minio.getPartialObject(Bucket, Key, 7, 2);
    let text = "";
    for await (const chunk of stream) text += String(chunk);
    expect(text).toBe("78");
    expect(await outcome(aws.getObject({ Bucket, Key, IfNoneMatch: ETag }))).toMatch(/^(304|NotModified)$/);
    expect(await outcome(aws.getObject({ Bucket, Key, IfMatch: '"other"' }))).toBe("PreconditionFailed");
    expect(await outcome(put("again", { IfNoneMatch: "*" }))).toBe("PreconditionFailed");
    expect(await outcome(put("again", { IfMatch: ETag }))).toBe("OK");
  });

  it("are copied within the bucket, with other metadata where asked", async () => {
    await put("to copy");
    await aws.copyObject({ Bucket, Key: `${Key}-copy`, CopySource: `${Bucket}/${Key}` });
    const other = { MetadataDirective: "REPLACE", Metadata: { copied: "yes" } } as const;
    await aws.copyObject({ Bucket, Key: `${Key}-changed`, CopySource: `${Bucket}/${Key}`, ...other });
    expect((await aws.headObject({ Bucket, Key: `${Key}-changed` })).Metadata).toEqual({ copied: "yes" });
    await aws.deleteObject({ Bucket, Key });
    expect(await keys()).toEqual([`${Key}-changed`, `${Key}-copy`]);
    await removeAll();
  });

  it("are uploaded as a stream of known length, once the SDK is told to sum up only where it must", async () => {
    const body = () => ({ Body: Readable.from([Buffer.from("streamed")]), ContentLength: 8 });
    // Its default is a checksum behind the body: what MinIO does not check the signature of.
    expect(await outcome(awsClient(s3Credentials(tenant)).putObject({ Bucket, Key, ...body() }))).toBe("AccessDenied");
    const told = awsClient(s3Credentials(tenant), { requestChecksumCalculation: "WHEN_REQUIRED" });
    await told.putObject({ Bucket, Key, ...body() });
    expect(await (await aws.getObject({ Bucket, Key })).Body?.transformToString()).toBe("streamed");
    await removeAll();
  });

  it("are queried by S3 Select", async () => {
    await put("id,name\n1,one\n2,two\n");
    const { Payload = [] } = await aws.selectObjectContent({
      ...{ Bucket, Key, Expression: "select s.name from s3object s where s.id = '2'", ExpressionType: "SQL" },
      ...{ InputSerialization: { CSV: { FileHeaderInfo: "USE" } }, OutputSerialization: { CSV: {} } },
    });
    let text = "";
    for await (const event of Payload as AsyncIterable<{ Records?: { Payload?: Uint8Array } }>)
      text += Buffer.from(event.Records?.Payload ?? []).toString();
    expect(text).toBe("two\n");
  });

  it("are as many versions as the platform lets the bucket keep: one", async () => {
    await put("first");
    await put("second");
    const { Versions: versions = [] } = await aws.listObjectVersions({ Bucket, Prefix: Key });
    expect(versions.map(({ VersionId }) => VersionId)).toEqual(["null"]);
    await removeAll();
  });
});
