// Who has no secret at all: requests that name somebody's access key and carry a signature of nobody. MinIO (measured on
// 2026-02) looks at no signature of some of them; only the policy of the user they name is left to refuse.
import { crc32 } from "node:zlib";
import { afterEach, beforeAll, expect, it } from "vitest";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { bare, adminClient, type Answer } from "../support/s3.ts";
import { tar } from "../support/tar.ts";

let victim: Deployed;
beforeAll(async () => {
  ({ victim } = await deployedTenants());
});

// What a test finds is its own.
afterEach(async () => {
  await adminClient().deleteObject({ Bucket: victim.names.bucket, Key: "raw/forged" });
});

/** Payloads by the value of `x-amz-content-sha256`. */
const payloads = [
  "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
  "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
  "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
  "UNSIGNED-PAYLOAD",
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
] as const;
const uploads = [
  { what: "an object", path: "raw/forged", query: {}, headers: {} },
  { what: "a part", path: "raw/forged", query: { partNumber: "1", uploadId: "none" }, headers: {} },
  {
    what: "an archive to unpack",
    path: "raw/forged.tar",
    query: {},
    headers: { "x-amz-meta-snowball-auto-extract": "true" },
  },
  { what: "a copy", path: "raw/forged", query: {}, headers: { "x-amz-copy-source": "/BUCKET/raw/.keep" } },
] as const;
const places = ["query", "header"] as const;
const attempts = payloads.flatMap((payload) =>
  uploads.flatMap((upload) => places.map((place) => ({ payload, place, ...upload }))),
);
type Attempt = (typeof attempts)[number];

/** The one that MinIO would take. */
const taken: Attempt = { ...uploads[0], payload: payloads[0], place: "query" };

/** Sends it in the name of `accessKey`. */
async function forge(
  accessKey: string,
  bucket: string,
  { payload, place, path, query, headers }: Attempt,
): Promise<Answer> {
  const date = new Date().toISOString().replace(/[-:]|\.\d+/g, "");
  const credential = `${accessKey}/${date.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const signature = "0".repeat(64);
  const inQuery = {
    ...{ "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": credential, "X-Amz-Date": date },
    ...{ "X-Amz-Expires": "60", "X-Amz-SignedHeaders": "host", "X-Amz-Signature": signature },
  };
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential}, SignedHeaders=host;x-amz-date, Signature=${signature}`;
  const text = path.endsWith(".tar") ? tar("raw/forged", "forged") : "forged";
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(text));
  const ending = `0\r\nx-amz-checksum-crc32:${sum.toString("base64")}\r\n\r\n`;
  const body = payload.startsWith("STREAMING")
    ? Buffer.concat([Buffer.from(`${text.length.toString(16)}\r\n`), Buffer.from(text), Buffer.from(`\r\n${ending}`)])
    : text;
  const all = new URLSearchParams({ ...query, ...(place === "query" ? inQuery : {}) }).toString();
  const source = Object.entries(headers).map(([name, value]) => [name, value.replace("BUCKET", bucket)] as const);
  return bare("PUT", `/${bucket}/${path}?${all}`, {
    headers: {
      ...Object.fromEntries(source),
      ...(place === "header" ? { authorization } : {}),
      "x-amz-date": date,
      "x-amz-content-sha256": payload,
      ...(payload.startsWith("STREAMING") && {
        "x-amz-decoded-content-length": String(text.length),
        "x-amz-trailer": "x-amz-checksum-crc32",
        "content-encoding": "aws-chunked",
      }),
    },
    body,
  });
}

it.each(attempts)("uploads $what without a signature ($payload, credential in the $place)", async (attempt) => {
  const { code, text } = await forge(victim.names.minioUser, victim.names.bucket, attempt);
  expect(code, text).toMatch(/^(AccessDenied|SignatureDoesNotMatch|InvalidArgument|InvalidRequest|NotImplemented)$/);
  const { Contents: objects = [] } = await adminClient().listObjectsV2({ Bucket: victim.names.bucket });
  expect(objects.map(({ Key }) => Key).filter((key) => key?.includes("forged"))).toEqual([]);
});

it("the one that MinIO would take is refused by the victim's policy", async () => {
  expect((await forge(victim.names.minioUser, victim.names.bucket, taken)).code).toBe("AccessDenied");
});

// No policy binds the administrator. Its name is a secret too, so nobody may find it by trying.
it.each(["platform_admin", "minioadmin", "admin", "minio", "root"])(
  "the administrator is not called %s",
  async (accessKey) => {
    expect((await forge(accessKey, victim.names.bucket, taken)).code).toBe("InvalidAccessKeyId");
  },
);
