// Real faults, by the step of the plan that they hit. Each is undone before the next one.
import { spawn } from "node:child_process";
import { appendFileSync, chmodSync, existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { tenantNames } from "../../components/names.ts";
import { editHba, readHba } from "../../providers/clients/hba-file.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { brokenToolchain, sql, startAll, stop, storeFolder, temporaryFolder } from "./world.ts";

/** What a fault changed. */
interface Made {
  /** Variables of the command's environment. */
  readonly env?: NodeJS.ProcessEnv;
  readonly undo?: () => Promise<unknown>;
}

export interface Fault {
  readonly step: number;
  readonly name: string;
  /** In the message and the event. */
  readonly cause: RegExp;
  /** True when the fault stops the run before anything is made. */
  readonly early?: true;
  readonly make: (id: string) => Promise<Made>;
}

export const stepNames = [
  ..."reservation,age key,credentials,SOPS file,MinIO,PostgreSQL,Qdrant,Redis,verification,registry".split(","),
] as const;

export const faults: readonly Fault[] = [
  {
    step: 1,
    name: "the secrets folder is a file",
    cause: /ENOTDIR/,
    early: true,
    async make() {
      const file = join(temporaryFolder, "not-a-folder");
      mkdirSync(temporaryFolder, { recursive: true });
      writeFileSync(file, "");
      return { env: { TENANT_SECRETS_DIR: file } };
    },
  },
  {
    step: 1,
    name: "age-keygen fails",
    cause: /age-keygen ended with 1: out of memory/,
    make: async () => ({ env: brokenToolchain({ program: "age-keygen" }) }),
  },
  {
    step: 2,
    name: "the random plugin is missing",
    cause: /random/,
    make: async () => ({ env: brokenToolchain({ plugin: "random" }) }),
  },
  {
    step: 3,
    name: "sops fails",
    cause: /sops ended with 1: out of memory/,
    make: async () => ({ env: brokenToolchain({ program: "sops" }) }),
  },
  {
    step: 4,
    name: "the bucket's name is taken",
    cause: /the name is taken.*bucket tenant-\w+-bucket/,
    early: true,
    async make(id) {
      const { bucket } = tenantNames(id);
      const client = await minioClient(servers());
      await client.makeBucket(bucket);
      await client.putObject(bucket, "theirs", "not ours");
      const undo = async () => {
        await client.removeObject(bucket, "theirs");
        await client.removeBucket(bucket);
      };
      return { undo };
    },
  },
  { step: 4, name: "MinIO has no KMS key", cause: /no KMS key/, make: minioWithoutKey },
  {
    step: 5,
    name: "the database's name is taken",
    cause: /the name is taken.*database tenant_/,
    early: true,
    async make(id) {
      await sql(`CREATE DATABASE ${tenantNames(id).database}`);
      return { undo: () => sql(`DROP DATABASE ${tenantNames(id).database}`) };
    },
  },
  {
    step: 5,
    name: "pg_hba.conf holds a line that the server cannot read",
    cause: /the server cannot read its pg_hba.conf \(line \d+/,
    async make() {
      const file = await withAdmin(
        async (client) => (await client.query("SHOW hba_file")).rows[0] as { hba_file: string },
      );
      const before = await withAdmin(readHba);
      appendFileSync(file.hba_file, "host all somebody 10.0.0.0/99 scram-sha-256\n");
      return { undo: async () => writeFileSync(file.hba_file, before) };
    },
  },
  {
    step: 6,
    name: "Qdrant is stopped",
    cause: /does not answer/,
    early: true,
    async make() {
      await stop("qdrant");
      return { undo: startAll };
    },
  },
  {
    step: 6,
    name: "Qdrant cannot write the collection",
    cause: /Qdrant collection tenant_/,
    async make(id) {
      const inTheWay = join(storeFolder("qdrant"), "storage", "collections", tenantNames(id).collection);
      writeFileSync(inTheWay, "");
      return { undo: async () => rmSync(inTheWay, { force: true, recursive: true }) };
    },
  },
  {
    step: 7,
    name: "Redis cannot write its ACL file",
    cause: /ACL SAVE failed/,
    async make() {
      chmodSync(storeFolder("redis"), 0o500);
      return { undo: async () => chmodSync(storeFolder("redis"), 0o700) };
    },
  },
  {
    step: 7,
    name: "the Redis user's name is taken",
    cause: /the name is taken.*user tenant_/,
    early: true,
    async make(id) {
      const { redisUser } = tenantNames(id);
      const acl = (...args: string[]) => withRedis(servers(), (client) => client.call("ACL", ...args));
      await acl("SETUSER", redisUser, "on", "nopass", "~theirs:*", "+get");
      return { undo: () => acl("DELUSER", redisUser) };
    },
  },
  {
    step: 8,
    name: "everybody may connect to the canary's database",
    cause: /cross_db_connect: ALLOWED/,
    make: openCanary,
  },
  {
    step: 9,
    name: "the registry's table is gone",
    cause: /registry row/,
    async make() {
      await sql("ALTER TABLE public.tenants RENAME TO elsewhere", "platform");
      return { undo: () => sql("ALTER TABLE public.elsewhere RENAME TO tenants", "platform") };
    },
  },
];

/** A second server, started by somebody who forgot the key. */
async function minioWithoutKey(): Promise<Made> {
  const port = 24_950;
  const data = join(temporaryFolder, "minio");
  rmSync(data, { recursive: true, force: true });
  mkdirSync(data, { recursive: true });
  const { MINIO_ROOT_USER, MINIO_ROOT_PASSWORD, PATH } = process.env;
  const server = spawn("minio", ["server", "--quiet", "--address", `127.0.0.1:${port}`, data], {
    env: { PATH, MINIO_ROOT_USER, MINIO_ROOT_PASSWORD },
    stdio: "ignore",
  });
  const ended = new Promise((done) => server.on("close", done));
  const url = `http://127.0.0.1:${port}`;
  await until(() =>
    fetch(`${url}/minio/health/live`).then(
      ({ ok }) => ok,
      () => false,
    ),
  );
  const { PGHOST, QDRANT_URL, REDIS_URL } = process.env;
  const undo = async () => {
    server.kill();
    await ended;
    rmSync(data, { recursive: true, force: true });
  };
  return { env: { MINIO_ENDPOINT: url, PGHOST, QDRANT_URL, REDIS_URL }, undo };
}

/** An administrator's mistake: the grant, and a broad line before everybody else's. */
async function openCanary(): Promise<Made> {
  const line = "host tenant_canary all 127.0.0.1/32 scram-sha-256\n";
  const { role } = tenantNames("canary");
  await sql("GRANT CONNECT ON DATABASE tenant_canary TO PUBLIC");
  await withAdmin((client) => editHba(client, (text) => line + text));
  return {
    undo: async () => {
      await sql("REVOKE CONNECT ON DATABASE tenant_canary FROM PUBLIC");
      await sql(`GRANT CONNECT ON DATABASE tenant_canary TO ${role}`);
      await withAdmin((client) => editHba(client, (text) => text.replace(line, "")));
    },
  };
}

/** Waits until `condition` holds. */
export async function until(condition: () => boolean | Promise<boolean>, seconds = 60): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`not within ${seconds} s: ${condition.toString()}`);
    await setTimeout(20);
  }
}

/** True when the tenant's collection is there. */
export async function hasCollection(id: string): Promise<boolean> {
  return (await (await qdrantClient(servers())).collectionExists(tenantNames(id).collection)).exists;
}

export const isFile = existsSync;
