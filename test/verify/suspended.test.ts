// The verification of a suspended tenant on real servers: it passes, and every door that is open fails its own check; a
// refusal for another reason than the suspension proves nothing.
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { bucketPolicy } from "../../components/object-storage.ts";
import { formatReport, verifyTenant, type Report } from "../../cli/verify/index.ts";
import { suspendedMinio, suspendedPostgresql, suspendedQdrant, suspendedRedis } from "../../cli/verify/suspended.ts";
import { readCredentials, type Credentials } from "../../providers/clients/credentials.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { closeSession, openSession, withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { scramVerifier } from "../../providers/clients/scram.ts";
import { servers } from "../../providers/clients/servers.ts";
import { provider as qdrantAccess } from "../../providers/qdrant-access.ts";
import { makeTenant, removeTenant } from "../support/hand-made-tenant.ts";
import { setPolicy, setUser } from "../support/minio-admin.ts";
import { platformUp } from "../support/platform.ts";
import { claimsOf } from "../support/qdrant-calls.ts";

const id = "verifysuspended";
const names = tenantNames(id);
let credentials: Credentials;

const sql = (text: string, database = "postgres") => withAdmin((client) => client.query(text), database);
const acl = (...words: string[]) =>
  withRedis(servers(), (client) => client.call("ACL", "SETUSER", names.redisUser, ...words));
const policy = async (suspended: boolean) =>
  setPolicy(await minioClient(servers()), names.minioPolicy, bucketPolicy(names.bucket, { suspended }));
const secret = async (text: string) =>
  setUser(await minioClient(servers()), servers().minio.password, names.minioUser, text);
const access = async (enabled: boolean) => {
  const { value_exists: state } = claimsOf(credentials.qdrant_api_key) as {
    value_exists: { matches: { value: string }[] };
  };
  await qdrantAccess.create({ tenant: id, jti: state.matches[0]?.value ?? "", enabled });
};
const login = (attribute: "LOGIN" | "NOLOGIN") => sql(`ALTER ROLE ${names.role} ${attribute}`);
const password = (text: string) => sql(`ALTER ROLE ${names.role} PASSWORD '${scramVerifier(names.role, text)}'`);

beforeAll(async () => {
  await platformUp();
  await makeTenant(id);
  credentials = await readCredentials(id);
  await Promise.all([policy(true), login("NOLOGIN"), access(false), acl("off")]);
});
afterAll(() => removeTenant(id));

const verify = (): Promise<Report> => verifyTenant(id, { suspended: true });
const failures = (report: Report): string[] =>
  report.checks.filter(({ pass }) => !pass).map(({ store, test, result }) => `${store}/${test} ${result}`);

it("passes, and says what it is about", async () => {
  const report = await verify();
  expect(failures(report)).toEqual([]);
  expect(report).toMatchObject({ tenant_id: id, suspended: true, overall_pass: true });
  expect(await formatReport(report)).toContain(`Tenant ${id} is suspended: ${report.checks.length} checks passed.`);
});

/** What somebody does, what fails then, and how it is undone. */
interface Breaker {
  readonly name: string;
  readonly fails: readonly string[];
  readonly make: () => Promise<unknown>;
  readonly undo: () => Promise<unknown>;
}

let session: Awaited<ReturnType<typeof openSession>>;
let leave: () => void;
let left: Promise<unknown>;

const breakers: readonly Breaker[] = [
  {
    name: "the policy without its denial",
    fails: ["minio/credentials_refused ALLOWED"],
    make: () => policy(false),
    undo: () => policy(true),
  },
  {
    name: "another MinIO secret: that is no suspension",
    fails: ["minio/credentials_refused ERROR"],
    make: () => secret("another-secret-key"),
    undo: () => secret(credentials.minio_secret_key),
  },
  {
    name: "no bucket",
    fails: ["minio/data_kept FAILED"],
    make: async () => {
      const client = await minioClient(servers());
      await client.removeObject(names.bucket, "raw/.keep");
      await client.removeBucket(names.bucket);
    },
    undo: async () => {
      const client = await minioClient(servers());
      await client.makeBucket(names.bucket);
      await client.putObject(names.bucket, "raw/.keep", "");
    },
  },
  {
    name: "a role that may log in",
    fails: ["postgresql/credentials_refused ALLOWED"],
    make: () => login("LOGIN"),
    undo: () => login("NOLOGIN"),
  },
  {
    name: "another password: that is no suspension",
    fails: ["postgresql/credentials_refused ERROR"],
    make: () => password("another"),
    undo: () => password(credentials.postgres_password),
  },
  {
    name: "a session that was not ended",
    fails: ["postgresql/sessions_ended FAILED"],
    make: async () => {
      await login("LOGIN");
      const as = { user: names.role, password: credentials.postgres_password, database: names.database };
      session = await openSession(servers().postgresql, as);
      await login("NOLOGIN");
    },
    undo: () => closeSession(session),
  },
  {
    name: "no database",
    fails: [
      "postgresql/data_kept FAILED",
      "postgresql/superusers_protected FAILED",
      "postgresql/database_private FAILED",
      "postgresql/role_confined FAILED",
    ],
    make: () => sql(`ALTER DATABASE ${names.database} RENAME TO verify_elsewhere`),
    undo: () => sql(`ALTER DATABASE verify_elsewhere RENAME TO ${names.database}`),
  },
  {
    name: "a token that is registered",
    fails: ["qdrant/credentials_refused ALLOWED"],
    make: () => access(true),
    undo: () => access(false),
  },
  {
    name: "a user that is on",
    fails: ["redis/credentials_refused ALLOWED"],
    make: () => acl("on"),
    undo: () => acl("off"),
  },
  {
    name: "another password in Redis: that is no suspension",
    fails: ["redis/credentials_kept FAILED"],
    make: () => acl("resetpass", ">another"),
    undo: () => acl("resetpass", `>${credentials.redis_password}`),
  },
  {
    name: "a connection that was not closed",
    fails: ["redis/sessions_ended FAILED"],
    make: async () => {
      await acl("on");
      const as = { user: names.redisUser, password: credentials.redis_password };
      await new Promise<void>((connected) => {
        left = withRedis(
          servers(),
          async () => {
            connected();
            await new Promise<void>((done) => (leave = done));
          },
          as,
        );
      });
      await acl("off");
    },
    undo: async () => {
      leave();
      await left;
    },
  },
  {
    // Last: it is not put back.
    name: "no collection",
    fails: ["qdrant/data_kept FAILED"],
    make: async () => (await qdrantClient(servers())).deleteCollection(names.collection),
    undo: async () => undefined,
  },
];

describe("is failed by", () => {
  it.each(breakers)("$name", async ({ fails, make, undo }) => {
    await make();
    try {
      expect(failures(await verify()).sort()).toEqual([...fails].sort());
    } finally {
      await undo();
    }
  });

  it("something, whatever it asks beside the ordinary checks", () => {
    const own = [suspendedMinio, suspendedPostgresql, suspendedQdrant, suspendedRedis].flatMap(({ store, checks }) =>
      checks.map(({ test }) => `${store}/${test}`).filter((name) => /refused|kept|ended/.test(name)),
    );
    const broken = breakers.flatMap(({ fails }) => fails.map((line) => line.split(" ")[0]));
    expect(own.filter((name) => !broken.includes(name))).toEqual([]);
  });
});
