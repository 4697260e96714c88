// A tenant's database is reached from the tenant's network and from nowhere else: real hosts, a real server, psql.
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { databaseOwner, templateDatabase } from "../../components/shared.ts";
import { catalogsVersion } from "../../providers/clients/catalogs.ts";
import { editHba } from "../../providers/clients/hba-file.ts";
import { withEntry, type HbaEntry } from "../../providers/clients/pg-hba.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { provider } from "../../providers/pg-hba-entry.ts";
import { provider as limits } from "../../providers/role-limits.ts";
import { provider as template } from "../../providers/tenant-template.ts";
import { hasIpv6, makeHosts, onHost, removeHosts, serverAddress, startServer, type Ran, type Server } from "./hosts.ts";

const hosts = {
  acme: ["10.12.0.5/16", "fd00:12::5/64"],
  globex: ["10.13.0.5/16", "fd00:13::5/64"],
  // In acme's network, but shut out by the administrator.
  shutout: ["10.12.66.5/16"],
};
type Host = keyof typeof hosts;

/** What the administrator wrote, in Latin-1: the tenants' lines belong before the `bob, all` record. */
const administrators = Buffer.from(
  String.raw`# Caf${"\u00e9"}, 10 ${"\u00a3"}: do not touch			
local	all		all					trust
local	replication	all				trust
host	"ops db",ops	"J. Doe",bob	192.0.2.0/24	scram-sha-256	# a name with a space
host	all		all		10.12.66.0	255.255.255.0	reject
# The comment goes on: \
host all all all trust
host	replication	all		all		scram-sha-256
host	ops,\
	all		bob, all	10.99.0.0/16	md5
host	all		all		all		reject`,
  "latin1",
);

const password = "correct horse";
const entry = (id: string, ...networks: string[]): HbaEntry => {
  const { database, role } = tenantNames(id);
  return { database, role, networks };
};
const acme = entry("acme", "10.12.0.0/16");
const sql = (text: string) => withAdmin((client) => client.query<Record<string, unknown>>(text));

let server: Server;
/** A new connection is accepted after the server has read the file: from then on a test may write to it. */
const settled = () => sql("SELECT");
const bytes = () => readFileSync(server.hbaFile);

/** psql on a host, as a tenant, with its password. */
async function connect(
  host: Host,
  as = "acme",
  to = as,
  address = serverAddress.ipv4,
  secret = password,
): Promise<Ran> {
  const query = [
    "-h",
    address,
    "-U",
    tenantNames(as).role,
    "-d",
    tenantNames(to).database,
    "-XAtc",
    "SHOW temp_file_limit",
  ];
  const env = { PATH: process.env["PATH"], PGPASSWORD: secret, PGSSLMODE: "disable", PGCONNECT_TIMEOUT: "5" };
  return onHost(host, `${server.bin}/psql`, query, env);
}
const accepted = { code: 0, stdout: "256MB", stderr: "" };
const refused = (from: string, as = "acme", to = as) => ({
  code: 2,
  stdout: "",
  stderr: expect.stringContaining(
    `pg_hba.conf rejects connection for host "${from}", user "tenant_${as}_user", database "tenant_${to}"`,
  ) as string,
});

beforeAll(async () => {
  await makeHosts(hosts, ["10.12.0.1/16", "10.13.0.1/16", "fd00:12::1/64", "fd00:13::1/64"]);
  server = await startServer(administrators);
  Object.assign(process.env, {
    ...{ PGHOST: server.folder, PGPORT: "5432", PGUSER: "postgres", PGPASSWORD: "unused", PGSSLMODE: "disable" },
    // Not used here, but a checkout's settings are read as a whole.
    ...{ MINIO_ENDPOINT: "http://unused", MINIO_ROOT_USER: "unused", MINIO_ROOT_PASSWORD: "unused" },
    ...{ QDRANT_URL: "http://unused", QDRANT_API_KEY: "unused", REDIS_URL: "redis://unused" },
    ...{ TENANT_CA_FILE: "", PGSSLROOTCERT: "" },
  });
  await sql(`CREATE ROLE ${databaseOwner} NOLOGIN`);
  await template.create({ template: templateDatabase, owner: databaseOwner, version: catalogsVersion });
  for (const id of ["acme", "globex"]) {
    const { database, role } = tenantNames(id);
    await sql(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
    await sql(`CREATE DATABASE ${database} OWNER ${databaseOwner} TEMPLATE ${templateDatabase}`);
    await sql(`REVOKE ALL ON DATABASE ${database} FROM PUBLIC`);
    await sql(`GRANT CONNECT ON DATABASE ${database} TO ${role}`);
    await limits.create({ role, tempFileLimit: "256MB" });
  }
});

afterAll(async () => {
  // Also after a failure in the middle of beforeAll.
  await (server as Server | undefined)?.stop();
  await removeHosts();
});

beforeEach(async () => {
  await withAdmin((client) => editHba(client, () => administrators.toString("latin1")));
  await settled();
});

it("nobody gets in before the lines are there", async () => {
  expect(await connect("acme")).toEqual(refused("10.12.0.5"));
  expect(await connect("globex")).toEqual(refused("10.13.0.5"));
});

describe("with acme's lines", () => {
  beforeEach(async () => {
    await provider.create(acme);
    await settled();
  });

  it("acme gets in from its network, with its password", async () => {
    expect(await connect("acme")).toEqual(accepted);
    expect((await connect("acme", "acme", "acme", serverAddress.ipv4, "wrong")).stderr).toContain(
      'password authentication failed for user "tenant_acme_user"',
    );
  });

  it("acme does not get in from another network", async () => {
    expect(await connect("globex")).toEqual(refused("10.13.0.5"));
    if (hasIpv6) expect(await connect("acme", "acme", "acme", serverAddress.ipv6)).toEqual(refused("fd00:12::5"));
  });

  it("acme does not get in from what the administrator shut out of that network", async () => {
    expect(await connect("shutout")).toEqual(refused("10.12.66.5"));
  });

  it("acme does not get into another tenant's database, nor another tenant into anything from here", async () => {
    expect(await connect("acme", "acme", "globex")).toEqual(refused("10.12.0.5", "acme", "globex"));
    expect(await connect("acme", "globex", "acme")).toEqual(refused("10.12.0.5", "globex", "acme"));
  });

  it("the server shows the line, without an error anywhere, and before the first one that could decide", async () => {
    const { rows } = await sql(
      "SELECT database, user_name, address, netmask, auth_method, error FROM pg_hba_file_rules",
    );
    expect(rows.filter(({ error }) => error !== null)).toEqual([]);
    const index = rows.findIndex(({ database }) => String(database) === "tenant_acme");
    expect(rows[index]).toMatchObject({
      database: ["tenant_acme"],
      user_name: ["tenant_acme_user"],
      ...{ address: "10.12.0.0", netmask: "255.255.0.0", auth_method: "scram-sha-256" },
    });
    expect(rows[index + 1]).toMatchObject({ database: ["ops", "all"], user_name: ["bob", "all"] });
  });

  it("every other byte of the file is as it was, and so are its owner and mode", async () => {
    const line = "host tenant_acme tenant_acme_user 10.12.0.0/16 scram-sha-256\n";
    expect(bytes().toString("latin1").replace(line, "")).toBe(administrators.toString("latin1"));
    const { uid, mode } = statSync(server.hbaFile);
    expect([uid, mode & 0o777]).toEqual([statSync(dirname(server.hbaFile)).uid, 0o600]);
    expect(readdirSync(dirname(server.hbaFile)).filter((name) => name.startsWith("pg_hba"))).toEqual(["pg_hba.conf"]);
  });

  it("a second time changes nothing", async () => {
    const before = bytes();
    await provider.create(acme);
    expect(bytes()).toEqual(before);
  });

  it("other networks move the access", async () => {
    await provider.update("tenant_acme", acme, entry("acme", "10.13.0.0/16"));
    expect(await connect("acme")).toEqual(refused("10.12.0.5"));
    expect(await connect("globex")).toEqual(accepted);
  });

  it.runIf(hasIpv6)("an IPv6 network lets in over IPv6, from that network only", async () => {
    await provider.update("tenant_acme", acme, entry("acme", "fd00:12::/64"));
    expect(await connect("acme", "acme", "acme", serverAddress.ipv6)).toEqual(accepted);
    expect(await connect("globex", "acme", "acme", serverAddress.ipv6)).toEqual(refused("fd00:13::5"));
    expect(await connect("acme")).toEqual(refused("10.12.0.5"));
  });

  it.each([
    ["a weaker method", ["scram-sha-256\n", "trust\n"]],
    ["another network", ["10.12.0.0/16 scram", "10.0.0.0/8 scram"]],
    ["a line before it that lets everybody in", ["host tenant_acme ", "host all all all trust\nhost tenant_acme "]],
  ] as const)("%s, written by hand, shows on refresh and is repaired or made harmless", async (_what, [from, to]) => {
    const own = "host tenant_acme tenant_acme_user 10.12.0.0/16 scram-sha-256\n";
    const text = bytes().toString("latin1");
    writeFileSync(server.hbaFile, text.replace(own, own.replace(from, to)), "latin1");
    const { props } = await provider.read("tenant_acme", acme);
    expect(await provider.diff("tenant_acme", props as HbaEntry, acme)).toMatchObject({ changes: true });
    await provider.update("tenant_acme", props as HbaEntry, acme);
    expect((await provider.read("tenant_acme", acme)).props).toEqual(acme);
    expect((await connect("acme", "acme", "acme", serverAddress.ipv4, "wrong")).code).toBe(2);
  });

  it("deleting them closes the way, and the file is what it was", async () => {
    await provider.delete("tenant_acme", acme);
    expect(bytes()).toEqual(administrators);
    expect(await connect("acme")).toEqual(refused("10.12.0.5"));
    await provider.delete("tenant_acme", acme);
  });

  it("an edit of a file that the server cannot read is undone, and says which line", async () => {
    appendFileSync(server.hbaFile, "\nhost nonsense\n");
    const broken = bytes();
    const moved = provider.update("tenant_acme", acme, entry("acme", "10.13.0.0/16"));
    await expect(moved).rejects.toThrow(
      /could not update the pg_hba\.conf lines of database tenant_acme.*cannot read its pg_hba\.conf \(line \d+: .*\); the file is as it was before\. See them: psql/,
    );
    expect(bytes()).toEqual(broken);
    // The rules in force are still the last good ones.
    expect(await connect("acme")).toEqual(accepted);
    // Nor are lines that stand there already in force in such a file.
    await expect(provider.create(acme)).rejects.toThrow(/cannot read its pg_hba\.conf/);
  });
});

it("a file that is a link stays one", async () => {
  const elsewhere = `${server.hbaFile}.elsewhere`;
  renameSync(server.hbaFile, elsewhere);
  symlinkSync(elsewhere, server.hbaFile);
  try {
    await withAdmin((client) => editHba(client, (text) => `${text}\n# through the link\n`));
    expect(readlinkSync(server.hbaFile)).toBe(elsewhere);
    expect(readFileSync(elsewhere, "latin1")).toContain("# through the link");
  } finally {
    renameSync(elsewhere, server.hbaFile);
  }
});

it("lines that an interrupted run wrote but did not put in force are put in force by the next", async () => {
  writeFileSync(server.hbaFile, withEntry(administrators.toString("latin1"), acme), "latin1");
  expect(await connect("acme")).toEqual(refused("10.12.0.5"));
  await provider.create(acme);
  expect(await connect("acme")).toEqual(accepted);
});

it("many editors at once lose nothing: neither each other's lines nor the administrator's", async () => {
  const many = Array.from({ length: 12 }, (_, index) => entry(`stack${index}`, `10.${100 + index}.0.0/16`));
  await Promise.all([acme, ...many].map((one) => provider.create(one)));
  for (const one of [acme, ...many]) expect((await provider.read(one.database, one)).props).toEqual(one);
  const [half, rest] = [many.slice(0, 6), many.slice(6)];
  await Promise.all([
    ...half.map((one) => provider.delete(one.database, one)),
    ...rest.map((one) => provider.update(one.database, one, { ...one, networks: [...one.networks, "fd00:99::/64"] })),
  ]);
  expect(await connect("acme")).toEqual(accepted);
  await Promise.all([acme, ...rest].map((one) => provider.delete(one.database, one)));
  expect(bytes()).toEqual(administrators);
});
