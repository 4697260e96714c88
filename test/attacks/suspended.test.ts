// Every way back in for a tenant that is suspended: what it had open, what it had prepared, and its valid credentials. Suspended by
// its stack's file alone, as a pull request does it.
import type { Redis } from "ioredis";
import type { Client } from "pg";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bucketPolicy } from "../../components/object-storage.ts";
import { events } from "../../providers/clients/audit.ts";
import { decryptCredentials } from "../../providers/clients/credentials.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { closeSession, withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient, tokenStateCollection } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { getTenant } from "../../providers/clients/registry.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { trusting } from "../../providers/clients/tls.ts";
import { countData } from "../../providers/clients/traces.ts";
import type { Deployed } from "../support/deployed.ts";
import { deployWith, destroy } from "../support/deploy-with.ts";
import { setPolicy } from "../support/minio-admin.ts";
import { answerTo, asTenant as inPostgresql, tenantSession } from "../support/postgresql-tenant.ts";
import { planned, pulumi, setConfig } from "../support/pulumi.ts";
import { call, claimsOf, doors } from "../support/qdrant-calls.ts";
import { grpcCode, qdrantGrpc } from "../support/qdrant-grpc.ts";
import { asTenant as inRedis } from "../support/redis-tenant.ts";
import { adminClient, awsClient, bare, outcome, s3Credentials } from "../support/s3.ts";

const id = "suspended";
let tenant: Deployed;
const bucket = (): string => tenant.names.bucket;
const point = "7e57ab1e-0000-4000-8000-000000000001";
const vector = [1, 0, 0, 0];
const kilobyte = 1024;
const large = Buffer.alloc(48 * 1024 * kilobyte, "x");

/** What was begun before, by what it is. */
interface Before {
  readonly sessions: readonly Client[];
  readonly stubborn: Promise<string>;
  readonly redis: readonly { readonly what: string; readonly ended: Promise<string> }[];
  readonly grpc: ReturnType<typeof qdrantGrpc>;
  readonly urls: Readonly<Record<"get" | "put", string>>;
  readonly upload: string;
  /** A download and an upload that go on slowly until they are told to hurry. */
  readonly transfers: {
    readonly download: Promise<number>;
    readonly upload: Promise<number>;
    readonly hurry: () => void;
  };
}
let before: Before;
let counts: Awaited<ReturnType<typeof countData>>;
let preview: Awaited<ReturnType<typeof planned>>;

/** A request whose body the caller sends; `path` has its signature. */
function request(method: string, path: string, headers: Record<string, string | number> = {}): ClientRequest {
  const { endpoint, ca } = servers().minio;
  const send = endpoint.protocol === "https:" ? httpsRequest : httpRequest;
  const at = { host: endpoint.hostname, port: endpoint.port, servername: "", ...trusting(ca) };
  return send({ ...at, method, path, headers, agent: false });
}

const answered = async (sent: ClientRequest): Promise<IncomingMessage> =>
  ((await once(sent, "response")) as [IncomingMessage])[0];

async function up(): Promise<void> {
  const { code, all } = await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]);
  if (code !== 0) throw new Error(all);
}

/** A connection that is in the middle of something, for as long as the server lets it be. */
async function waiting(
  what: string,
  begin: (client: Redis) => Promise<unknown>,
): Promise<{ what: string; ended: Promise<string> }> {
  let ready: () => void;
  const begun = new Promise<void>((done) => (ready = done));
  const ended = inRedis(tenant, async (client) => {
    const end = new Promise((done) => client.once("end", done));
    await begin(client);
    ready();
    await end;
  }).then(
    () => "ended",
    (error: Error) => error.message,
  );
  await Promise.race([begun, ended]);
  return { what, ended };
}

/** MinIO ends what stands still for half a minute: a little is read and sent all the time. */
async function slowly(get: string, put: string): Promise<Before["transfers"]> {
  const download = await answered(request("GET", get).end());
  const upload = request("PUT", put, { "content-length": large.length });
  let read = 0;
  let sent = 0;
  const timer = setInterval(() => {
    read += ((download.read(64 * kilobyte) ?? "") as Buffer).length;
    upload.write(large.subarray(sent, (sent += 64 * kilobyte)));
  }, 200);
  const ended = once(download, "end").then(() => read);
  const stored = answered(upload).then((answer) => answer.resume().statusCode ?? 0);
  for (const one of [ended, stored]) one.catch(() => undefined);
  const hurry = (): void => {
    clearInterval(timer);
    download.on("data", (chunk: Buffer) => (read += chunk.length));
    upload.end(large.subarray(sent));
  };
  return { download: ended, upload: stored, hurry };
}

async function openEverything(): Promise<Before> {
  const s3 = await minioClient(servers(), {
    user: tenant.credentials.minio_access_key,
    password: tenant.credentials.minio_secret_key,
  });
  await s3.putObject(bucket(), "raw/one", "one");
  await s3.putObject(bucket(), "raw/large", large);
  const path = async (method: string, object: string): Promise<string> => {
    const url = new URL(await s3.presignedUrl(method, bucket(), object, 3600));
    return url.pathname + url.search;
  };
  const urls = { get: await path("GET", "raw/one"), put: await path("PUT", "raw/later") };
  const transfers = await slowly(await path("GET", "raw/large"), await path("PUT", "raw/slow"));

  await inPostgresql(tenant, (client) => client.query("CREATE TABLE kept (value text)"));
  const sessions = await Promise.all([1, 2, 3].map(() => tenantSession(tenant)));
  const [idle, open, listening] = sessions as [Client, Client, Client];
  await idle.query("SELECT 1");
  await open.query("BEGIN; INSERT INTO kept VALUES ('in an open transaction')");
  await listening.query("LISTEN anything");
  const fighter = await tenantSession(tenant);
  const password = tenant.credentials.postgres_password;
  const stubborn = answerTo(async () => {
    for (;;) {
      await fighter.query(`ALTER ROLE CURRENT_USER PASSWORD '${password}'`).catch((error: { code?: string }) => {
        if (error.code !== "XX000") throw error; // The operator's change came in between.
      });
    }
  });

  const grpc = qdrantGrpc(tenant.credentials.qdrant_api_key);
  const upsert = { points: [{ id: point, vector }] };
  const written = await call(
    "gateway",
    tenant.credentials.qdrant_api_key,
    "PUT",
    `/collections/${tenant.names.collection}/points?wait=true`,
    upsert,
  );
  expect(written.status).toBe(200);
  expect((await grpc.api("points").count({ collectionName: tenant.names.collection })).result).toBeDefined();

  const key = (name: string): string => `${tenant.names.keyPrefix}${name}`;
  const redis = await Promise.all([
    waiting("idle", (client) => client.set(key("kept"), "1")),
    waiting("subscribed", (client) => client.subscribe(key("events"))),
    waiting("subscribed to a shard's channel", (client) => client.ssubscribe(key("events"))),
    waiting("waiting for an element", async (client) => {
      client.blpop(key("list"), 0).catch(() => undefined);
      await client.echo("sent before it").catch(() => undefined);
    }),
    waiting("in a transaction", (client) => client.multi({ pipeline: false })),
  ]);
  const { upload = "" } = await awsClient(s3Credentials(tenant))
    .createMultipartUpload({ Bucket: bucket(), Key: "raw/parts" })
    .then(({ UploadId }) => ({ upload: UploadId }));
  return { sessions, stubborn, redis, grpc, urls, upload, transfers };
}

const setSuspended = (suspended: boolean): Promise<void> => setConfig(id, "suspended", String(suspended));

beforeAll(async () => {
  tenant = await deployWith(id, { octet: 246, qdrantVectorSize: 4 });
  before = await openEverything();
  counts = await countData(tenant.names, servers());
  await setSuspended(true);
  await setConfig(id, "suspensionReason", "invoice 4711");
  preview = await planned(id);
  await up();
});
afterAll(async () => {
  const begun = before as Before | undefined;
  begun?.transfers.hurry();
  for (const session of begun?.sessions ?? []) await closeSession(session);
  await destroy(id);
});

it("a preview shows what is shut, and no more", () => {
  expect(Object.fromEntries(preview.map(({ type, diff }) => [type, diff.join()]))).toEqual({
    IamPolicy: "policy",
    Role: "login",
    RoleLogin: "login",
    CredentialsHandover: "login",
    QdrantAccess: "enabled",
    RedisAclUser: "enabled",
    Command: "create,triggers",
    VerificationRecord: "report",
    AuditEvent: "reason,reportId,suspended",
    RegistryRow: "reportId,suspended,suspensionReason,verifiedAt",
  });
});

describe("MinIO", () => {
  it("refuses the credentials, whatever is asked for, and knows them", async () => {
    const s3 = awsClient(s3Credentials(tenant));
    const Bucket = bucket();
    const refused = await Promise.all([
      outcome(s3.listBuckets({})),
      outcome(s3.listObjectsV2({ Bucket })),
      outcome(s3.getObject({ Bucket, Key: "raw/one" })),
      outcome(s3.putObject({ Bucket, Key: "raw/more", Body: "more" })),
      outcome(s3.deleteObject({ Bucket, Key: "raw/one" })),
      outcome(s3.copyObject({ Bucket, Key: "raw/two", CopySource: `${Bucket}/raw/one` })),
      outcome(s3.listMultipartUploads({ Bucket })),
    ]);
    expect(refused).toEqual(refused.map(() => "AccessDenied"));
  });

  it("refuses URLs that were signed before, and parts of an upload that had begun", async () => {
    expect((await bare("GET", before.urls.get)).code).toBe("AccessDenied");
    expect((await bare("PUT", before.urls.put, { body: "later" })).code).toBe("AccessDenied");
    const s3 = awsClient(s3Credentials(tenant));
    const part = { Bucket: bucket(), Key: "raw/parts", UploadId: before.upload };
    expect(await outcome(s3.uploadPart({ ...part, PartNumber: 1, Body: "part" }))).toBe("AccessDenied");
    expect(await outcome(s3.completeMultipartUpload({ ...part, MultipartUpload: { Parts: [] } }))).toBe("AccessDenied");
  });

  // Rights are looked at when a request begins: docs/operations.md says so.
  it("lets a download and an upload that are under way come to their end, and nothing after them", async () => {
    const { transfers } = before;
    transfers.hurry();
    expect(await transfers.download).toBe(large.length);
    expect(await transfers.upload).toBe(200);
    await adminClient().deleteObject({ Bucket: bucket(), Key: "raw/slow" });
  });
});

describe("PostgreSQL", () => {
  it("has ended every session: idle, in a transaction, listening, and one that fought for its password", async () => {
    for (const session of before.sessions) expect(await answerTo(() => session.query("SELECT 1"))).not.toBe("done");
    expect(await before.stubborn).toMatch(/^57P01: terminating connection|^no SQLSTATE: .*[Cc]onnection/);
    const { rows } = await withAdmin((client) =>
      client.query("SELECT FROM pg_stat_activity WHERE usename = $1", [tenant.names.role]),
    );
    expect(rows).toEqual([]);
  });

  it("refuses the valid password, in the own database and in every other", async () => {
    expect(await answerTo(() => tenantSession(tenant))).toBe(
      `28000: role "${tenant.names.role}" is not permitted to log in`,
    );
    for (const database of ["postgres", "tenant_canary"])
      expect(await answerTo(() => tenantSession(tenant, { database }))).toMatch(/^28000: /);
  });

  it("kept nothing of the transaction that was open", async () => {
    const { rows } = await withAdmin((client) => client.query("SELECT FROM public.kept"), tenant.names.database);
    expect(rows).toEqual([]);
  });
});

describe("Qdrant", () => {
  it("refuses the token by REST, at the gateway and past it, and by gRPC on the connection that was open", async () => {
    const path = `/collections/${tenant.names.collection}`;
    for (const door of doors) {
      for (const [method, rest, body] of [
        ["GET", "", undefined],
        ["POST", "/points/scroll", { limit: 1 }],
        ["PUT", "/points", { points: [{ id: point, vector }] }],
      ] as const) {
        expect(await call(door, tenant.credentials.qdrant_api_key, method, path + rest, body)).toEqual({
          status: 401,
          text: "Invalid JWT, stateful validation failed",
        });
      }
    }
    const count = before.grpc.api("points").count({ collectionName: tenant.names.collection });
    expect(await grpcCode(count)).toMatchObject({ code: "Unauthenticated" });
  });
});

describe("Redis", () => {
  it("has ended every connection, whatever it was doing", async () => {
    const found = await Promise.all(before.redis.map(async ({ what, ended }) => [what, await ended]));
    expect(found).toEqual(before.redis.map(({ what }) => [what, "ended"]));
  });

  it("refuses the valid password", async () => {
    await expect(inRedis(tenant, (client) => client.ping())).rejects.toThrow(/WRONGPASS .*user is disabled/);
  });
});

it("everything is still there", async () => {
  expect(await countData(tenant.names, servers())).toEqual(counts);
  expect(counts).toEqual({ objects: 2, tables: 1, points: 1, keys: 1 });
});

it("registry and audit log say it, and why", async () => {
  await withPlatform(async (client) => {
    expect(await getTenant(client, id)).toMatchObject({ status: "suspended", suspension_reason: "invoice 4711" });
    expect((await events(client, id, 1))[0]).toMatchObject({
      event_type: "TENANT_SUSPENDED",
      details: { suspended: true, reason: "invoice 4711", status: "success" },
    });
  });
});

it("a refresh sees every door that somebody opens again, and up shuts it", async () => {
  const { names, credentials } = tenant;
  const { value_exists: state } = claimsOf(credentials.qdrant_api_key) as {
    value_exists: { matches: { value: string }[] };
  };
  const jti = state.matches[0]?.value ?? "";
  await withAdmin((client) => client.query(`ALTER ROLE ${names.role} LOGIN`));
  await withRedis(servers(), (client) => client.call("ACL", "SETUSER", names.redisUser, "on"));
  await setPolicy(await minioClient(servers()), names.minioPolicy, bucketPolicy(names.bucket));
  await (
    await qdrantClient(servers())
  ).upsert(tokenStateCollection, {
    wait: true,
    points: [{ id: jti, vector: [1], payload: { jti, tenant: id } }],
  });
  await inPostgresql(tenant, (client) => client.query("SELECT 1"));

  const { code, all } = await pulumi(["refresh", "--stack", id, "--yes", "--skip-preview"]);
  expect(code, all).toBe(0);
  for (const type of ["IamPolicy", "Role", "RoleLogin", "QdrantAccess", "RedisAclUser"])
    expect(all).toMatch(new RegExp(`:${type} ${id} updated`));
  await up();
  expect(await answerTo(() => tenantSession(tenant))).toMatch(/is not permitted to log in/);
  expect((await call("gateway", credentials.qdrant_api_key, "GET", `/collections/${names.collection}`)).status).toBe(
    401,
  );
  await expect(inRedis(tenant, (client) => client.ping())).rejects.toThrow(/WRONGPASS/);
  expect(await outcome(awsClient(s3Credentials(tenant)).listBuckets({}))).toBe("AccessDenied");
});

it("resumed, it has exactly the credentials and the data of before", async () => {
  for (const key of ["suspended", "suspensionReason"]) {
    const { code, all } = await pulumi(["config", "rm", "--stack", id, key]);
    expect(code, all).toBe(0);
  }
  await up();
  const files = secretFiles(id);
  expect(await decryptCredentials(readFileSync(files.encrypted, "utf8"), files.key)).toEqual(tenant.credentials);
  await inPostgresql(tenant, (client) => client.query("INSERT INTO public.kept VALUES ('after')"));
  await inRedis(tenant, async (client) => expect(await client.get(`${tenant.names.keyPrefix}kept`)).toBe("1"));
  expect((await bare("GET", before.urls.get)).text).toBe("one");
  expect((await before.grpc.api("points").count({ collectionName: tenant.names.collection })).result?.count).toBe(1n);
  expect(await countData(tenant.names, servers())).toEqual(counts);
  const types = await withPlatform(async (client) => (await events(client, id, 2)).map(({ event_type }) => event_type));
  expect(types).toEqual(["TENANT_RESUMED", "TENANT_SUSPENDED"]);
});
