// What the platform demands of a PostgreSQL server that somebody else has set up.
import { writeFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { databaseOwner, templateDatabase } from "../../components/shared.ts";
import { catalogsVersion } from "../../providers/clients/catalogs.ts";
import { closingLine } from "../../providers/clients/hba-closing.ts";
import { readHba } from "../../providers/clients/hba-file.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { provider } from "../../providers/pg-hba-closing.ts";
import { provider as template } from "../../providers/tenant-template.ts";
import { makeHosts, removeHosts, startServer, type Server } from "./hosts.ts";

const line = closingLine;
const sql = (text: string) => withAdmin((client) => client.query<Record<string, unknown>>(text));
const written = (text: string): void => writeFileSync(server.hbaFile, `local all all trust\n${text}`);

let server: Server;
beforeAll(async () => {
  await makeHosts({}, []);
  server = await startServer(Buffer.from("local all all trust\n"));
  Object.assign(process.env, {
    ...{ PGHOST: server.folder, PGPORT: "5432", PGUSER: "postgres", PGPASSWORD: "unused", PGSSLMODE: "disable" },
    // Not used here, but a checkout's settings are read as a whole.
    ...{ MINIO_ENDPOINT: "http://unused", MINIO_ROOT_USER: "unused", MINIO_ROOT_PASSWORD: "unused" },
    ...{ QDRANT_URL: "http://unused", QDRANT_API_KEY: "unused", REDIS_URL: "redis://unused" },
  });
});
afterAll(async () => {
  await (server as Server | undefined)?.stop();
  await removeHosts();
});

it.each([
  ["no closing line", "host all admin 10.0.0.0/8 scram-sha-256\n"],
  ["no last newline either", "host all admin 10.0.0.0/8 scram-sha-256"],
])("%s: it is written, once", async (_what, text) => {
  written(text);
  expect((await provider.read("pg_hba.conf", { line })).id).toBeUndefined();
  for (let times = 0; times < 2; times++) await provider.create({ line });
  expect(await withAdmin(readHba)).toBe(`local all all trust\n${text.trimEnd()}\n${line}\n`);
  expect((await provider.read("pg_hba.conf", { line })).props).toEqual({ line });
});

it.each([
  "host all all 127.0.0.1/32 scram-sha-256",
  "hostssl all +staff 10.0.0.0/8 cert",
  "host legacy,all bob,all 10.0.0.0/8 md5",
  "host samerole all all md5",
])("a broad line is refused, by its number: %s", async (broad) => {
  written(`${broad}\n${line}\n`);
  await expect(provider.create({ line })).rejects.toThrow(/also a tenant's, ask for any database \(line 2: host.*psql/);
  const { props } = await provider.read("pg_hba.conf", { line });
  expect(await provider.diff("pg_hba.conf", props as { line: string }, { line })).toMatchObject({ changes: true });
});

it.each([
  "host all admin,backup all scram-sha-256",
  "host legacy all 10.0.0.0/8 md5",
  "host replication all 10.0.0.0/8 scram-sha-256",
  "host all all 10.66.0.0/16 reject",
])("a line for somebody is not: %s", async (narrow) => {
  written(`${narrow}\nhost\tall  all all\treject\n`);
  await provider.create({ line });
  expect(await withAdmin(readHba)).not.toContain(line);
});

it("passwords that the server would store as MD5 are refused, with the command that helps", async () => {
  await sql(`DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${databaseOwner}') THEN
    CREATE ROLE ${databaseOwner}; END IF; END $$`);
  const inputs = { template: templateDatabase, owner: databaseOwner, version: catalogsVersion };
  await sql("ALTER ROLE postgres SET password_encryption = 'md5'");
  await expect(template.create(inputs)).rejects.toThrow(
    /password_encryption is md5.*ALTER SYSTEM SET password_encryption = 'scram-sha-256'/,
  );
  await sql("ALTER ROLE postgres RESET password_encryption");
  await template.create(inputs);
});
