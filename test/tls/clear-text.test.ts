// The bucket policy of a tenant whose MinIO has an https URL: worth nothing in the clear. Tried on a MinIO without TLS, where every
// request is; what works with it over TLS is shown by every other test on stores with TLS (npm test -- --tls).
import { afterAll, beforeAll, expect, it } from "vitest";
import { bucketPolicy } from "../../components/object-storage.ts";
import { tenantNames } from "../../components/names.ts";
import { storesEnv } from "../../local/environment.ts";
import { startStores } from "../../local/lifecycle.ts";
import { minioClient, s3Code } from "../../providers/clients/minio.ts";
import { servers } from "../../providers/clients/servers.ts";
import { temporaryStores } from "../local/support.ts";
import { attachPolicies, setPolicy, setUser } from "../support/minio-admin.ts";

const stores = temporaryStores(4300);
const { bucket, minioPolicy, minioUser } = tenantNames("cleartext");
const secret = "password-of-a-test-0123456789";

const all = () => servers(storesEnv(stores), () => undefined);
const admin = () => minioClient(all());

beforeAll(async () => {
  await startStores({ ...stores, only: ["minio"] });
  await (await admin()).makeBucket(bucket);
  await setUser(await admin(), all().minio.password, minioUser, secret);
}, 60_000);
afterAll(() => stores.remove());

/** What the tenant gets for each kind of request: the server's code, or `OK`. */
async function answers(tlsOnly: boolean): Promise<string[]> {
  await setPolicy(await admin(), minioPolicy, bucketPolicy(bucket, { tlsOnly }));
  await attachPolicies(await admin(), minioUser, minioPolicy);
  const tenant = await minioClient(all(), { user: minioUser, password: secret });
  const list = async (): Promise<void> => {
    for await (const _ of tenant.listObjectsV2(bucket, "", true));
  };
  const requests = [
    () => tenant.putObject(bucket, "raw/one", "text"),
    () => tenant.statObject(bucket, "raw/one"),
    list,
    () => tenant.initiateNewMultipartUpload(bucket, "raw/two", {}),
    () => tenant.removeObject(bucket, "raw/one"),
  ];
  const codes: string[] = [];
  for (const request of requests)
    codes.push(
      await request().then(
        () => "OK",
        (error: unknown) => s3Code(error) ?? "",
      ),
    );
  return codes;
}

it("without the denial the tenant works, with it every request in the clear is refused", async () => {
  expect(await answers(false)).toEqual(["OK", "OK", "OK", "OK", "OK"]);
  expect(await answers(true)).toEqual(["AccessDenied", "AccessDenied", "AccessDenied", "AccessDenied", "AccessDenied"]);
});
