// A primary and its standbys: what PGHOST and PGPORT may say, how others are told, and which server accepts writes.
import { execFileSync } from "node:child_process";
import { describe, expect, it } from "vitest";
import { connectionOf, variables } from "../../cli/connection.ts";
import { clientFiles } from "../../cli/handover/client-files.ts";
import { externalSecret } from "../../cli/handover/kubernetes.ts";
import { tenantNames } from "../../components/names.ts";
import {
  formatPostgresqlList,
  parsePostgresqlList,
  postgresqlUrl,
  primaryOf,
  type PostgresqlState,
} from "../../providers/clients/postgresql-list.ts";
import { servers } from "../../providers/clients/servers.ts";

const list = (hosts: string, ports: string): string =>
  parsePostgresqlList(hosts, ports)
    .addresses.map(({ host, port }) => `${host}|${port}`)
    .join(" ");

it.each([
  ["db", "5432", "db|5432"],
  ["one,two", "5432,5433", "one|5432 two|5433"],
  ["one, two", "5433", "one|5433 two|5433"],
  ["::1,10.0.0.5,/run/postgresql", "5432", "::1|5432 10.0.0.5|5432 /run/postgresql|5432"],
])("%s and %s are read as libpq reads them", (hosts, ports, expected) => {
  expect(parsePostgresqlList(hosts, ports).problems).toEqual([]);
  expect(list(hosts, ports)).toBe(expected);
});

it.each([
  ["one,two", "5432,5433,5434", ["PGPORT names 3 ports for the 2 servers of PGHOST"]],
  ["one,two,three", "5432,5433", ["PGPORT names 2 ports for the 3 servers of PGHOST"]],
  ["one", "5432,5433", ["PGPORT names 2 ports for the one server of PGHOST"]],
  ["one,,two", "5432", ["PGHOST names 3 servers, and number 2 is empty"]],
  ["one,two,", "5432", ["PGHOST names 3 servers, and number 3 is empty"]],
  ["one,two", "5432,", ["PGPORT must be a port from 1 to 65535, each; number 2 of 2 is none"]],
  ["one,two", "5432,99999", ["PGPORT must be a port from 1 to 65535, each; number 2 of 2"]],
  ["one,one", "5432", ["PGHOST names one:5432 twice"]],
  [",one", "x,1,2", ["number 1 is empty", "PGPORT must be a port", "PGPORT names 3 ports"]],
])("%s and %s are refused", (hosts, ports, expected) => {
  const { problems } = parsePostgresqlList(hosts, ports);
  expect(problems).toHaveLength(expected.length);
  for (const [index, text] of expected.entries()) expect(problems[index]).toContain(text);
});

const environment = {
  ...{ MINIO_ENDPOINT: "http://m.example", MINIO_ROOT_USER: "admin", MINIO_ROOT_PASSWORD: "s3cret" },
  ...{ PGHOST: "one.example,two.example", PGPORT: "5432,5433", PGUSER: "postgres", PGPASSWORD: "s3cret" },
  ...{ QDRANT_URL: "http://q.example", QDRANT_API_KEY: "s3cret", REDIS_URL: "redis://admin:s3cret@r.example" },
};

it("servers() has them all, from the configuration too", () => {
  const nodes = [
    { host: "one.example", port: 5432 },
    { host: "two.example", port: 5433 },
  ];
  expect(servers(environment, () => undefined).postgresql).toMatchObject({ ...nodes[0], nodes });
  const config = { pgHost: "three.example, four.example", pgPort: "5434", pgPassword: "own" };
  const lookup = (key: string): string | undefined => config[key as keyof typeof config];
  expect(servers(environment, lookup).postgresql.nodes).toEqual([
    { host: "three.example", port: 5434 },
    { host: "four.example", port: 5434 },
  ]);
  expect(() => servers({ ...environment, PGHOST: "one,,two" }, () => undefined)).toThrow(
    /number 2 is empty[^]*PGPORT names 2 ports for the 3 servers/,
  );
});

describe("an application is told all of them, in libpq's words", () => {
  const credentials = {
    ...{ minio_access_key: "a", minio_secret_key: "s", postgres_password: "p", qdrant_api_key: "q" },
    ...{ redis_password: "r", tenant_api_key: "t" },
  };
  const found = connectionOf(
    tenantNames("acme"),
    servers(environment, () => undefined),
    credentials,
  );
  const own = { PGHOST: "one.example,two.example", PGPORT: "5432,5433", PGTARGETSESSIONATTRS: "read-write" };

  it("as variables, JSON and a service file", () => {
    expect(variables(found)).toMatchObject(own);
    expect(found.postgresql).toMatchObject({
      ...{ host: own.PGHOST, port: own.PGPORT, target_session_attrs: "read-write" },
    });
    const lines = ["host=one.example,two.example", "port=5432,5433", "target_session_attrs=read-write"];
    for (const line of lines) expect(clientFiles.psql(found).split("\n")).toContain(line);
  });

  it("as an ExternalSecret", () => {
    expect(externalSecret(found, {}).spec.data).toContainEqual({
      secretKey: "PGTARGETSESSIONATTRS",
      remoteRef: { key: "tenants/acme", property: "postgresql.target_session_attrs" },
    });
  });

  it("as a URL, which psql takes", () => {
    const nodes = [
      { host: "127.0.0.1", port: 1 },
      { host: "::1", port: 2 },
    ];
    const url = postgresqlUrl(nodes, "tenant_acme");
    expect(url).toBe("postgresql://127.0.0.1:1,[::1]:2/tenant_acme?target_session_attrs=read-write");
    expect(postgresqlUrl(nodes.slice(0, 1), "tenant_acme")).toBe("postgresql://127.0.0.1:1/tenant_acme");
    expect(() => execFileSync("psql", [url, "-c", ""], { stdio: "pipe" })).toThrow(/port 1 failed[^]*port 2 failed/);
  });

  it("and with one port where it is everybody's", () => {
    const same = ["one", "two"].map((host) => ({ host, port: 5432 }));
    expect(formatPostgresqlList(same)).toEqual({ host: "one,two", port: "5432" });
  });
});

describe("the server that accepts writes", () => {
  const [one, two] = ["one", "two"].map((host) => ({ host, port: 5432 })) as [
    PostgresqlState["address"],
    PostgresqlState["address"],
  ];
  const primary: PostgresqlState = { address: one, standby: false, readOnly: false, system: "7", since: "1" };
  const standby: PostgresqlState = { address: two, standby: true, readOnly: true, system: "7", since: "2" };

  it("is found wherever it is, and with a standby down", () => {
    expect(primaryOf([primary, standby])).toEqual({ primary: one });
    expect(primaryOf([standby, primary])).toEqual({ primary: one });
    expect(primaryOf([primary, { address: two, reason: "cannot be used" }])).toEqual({ primary: one });
  });

  it.each([
    [[{ ...primary, address: two, since: "2" }, primary], "two:5432 and one:5432 both accept writes (split brain)"],
    [[primary, { ...primary, address: two }], "one:5432 and two:5432 are the same server: name it once in PGHOST"],
    [[primary, { ...primary, address: two, system: "8" }], "not a primary and its standby but independent servers"],
    [[primary, { ...standby, system: "8" }], "two:5432 is no standby of one:5432: take it out of PGHOST"],
    [[standby], "The PostgreSQL server of PGHOST accepts no writes: two:5432 is a standby"],
    [
      [{ address: one, reason: "cannot be used (ECONNREFUSED)" }, standby],
      "None of the 2 PostgreSQL servers of PGHOST accepts writes: one:5432 cannot be used (ECONNREFUSED); two:5432 is a standby. " +
        "Start the primary, or promote a standby",
    ],
    [[{ ...primary, readOnly: true }, standby], "one:5432 starts its sessions read-only"],
  ])("is not guessed: %#", (asked, expected) => {
    expect(primaryOf(asked)).toMatchObject({ problem: expect.stringContaining(expected) as unknown });
  });
});
