// npm run stores -- start --tls: the real servers, with a private authority.
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { connect } from "node:net";
import { join } from "node:path";
import { connect as connectSecurely, rootCertificates } from "node:tls";
import { Redis } from "ioredis";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { serviceAccount } from "../../local/account.ts";
import { writeComposeEnv } from "../../local/compose.ts";
import { makeAuthority, makeCertificate } from "../../local/certificates.ts";
import { storesEnv } from "../../local/environment.ts";
import { startStores, stopStores } from "../../local/lifecycle.ts";
import { command, temporaryStores } from "../local/support.ts";

// Real servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const stores = temporaryStores(4000);
const { dir, ports } = stores;
const authority = join(dir, "tls/ca.pem");
const servers = ["minio", "postgresql", "qdrant", "gateway", "redis"] as const;
const certificateOf = (name: string): string => join(dir, name, "tls/public.crt");
const serialOf = (file: string): string => new X509Certificate(readFileSync(file)).serialNumber;
const serials = (): string[] => [authority, ...servers.map(certificateOf)].map(serialOf);

beforeAll(async () => {
  const { code, stderr } = await command("stores", ["start", "--tls"], stores);
  expect(code, stderr).toBe(0);
});
afterAll(() => stores.remove());

/** The code of the error that a TLS client without the authority, or with another one, gets; undefined without an error. */
async function handshake(port: number, ca: string, servername = "localhost"): Promise<string | undefined> {
  return new Promise((done) => {
    const socket = connectSecurely({ host: "127.0.0.1", port, ca, servername }, () => {
      socket.destroy();
      done(undefined);
    });
    socket.on("error", (error: NodeJS.ErrnoException) => done(error.code));
  });
}

/** What the server says to this text sent in the clear. */
async function inTheClear(port: number, text: string): Promise<string> {
  return new Promise((done) => {
    let answer = "";
    const socket = connect({ host: "127.0.0.1", port }, () => void socket.end(text));
    socket.on("data", (data) => (answer += data.toString("latin1")));
    socket.on("close", () => done(answer));
    socket.on("error", () => undefined); // A reset closes it too.
  });
}

test("certificates name the loopback addresses, and only the servers' accounts read their keys", () => {
  const owners: Record<string, string> = { postgresql: "postgres", gateway: "www-data", redis: "redis" };
  for (const name of servers) {
    const certificate = new X509Certificate(readFileSync(certificateOf(name)));
    expect(certificate.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1");
    expect(certificate.ca).toBe(false);
    expect(certificate.verify(new X509Certificate(readFileSync(authority)).publicKey)).toBe(true);
    const { mode, uid } = statSync(join(dir, name, "tls/private.key"));
    expect(mode & 0o777).toBe(0o600);
    const owner = owners[name];
    expect(uid).toBe((owner === undefined ? undefined : serviceAccount(owner)?.uid) ?? process.getuid?.());
  }
  expect(statSync(join(dir, "tls/ca-key.pem")).mode & 0o777).toBe(0o600);
  expect(statSync(join(dir, "tls")).mode & 0o777).toBe(0o700);
});

const httpsPorts = { minio: ports.minio, qdrant: ports.qdrant, "qdrant's gRPC": ports.qdrantGrpc, redis: ports.redis };

test.each(Object.entries(httpsPorts))(
  "%s shows its certificate, and who trusts another authority goes",
  async (_, port) => {
    const ours = readFileSync(authority, "utf8");
    expect(await handshake(port, ours)).toBeUndefined();
    expect(await handshake(port, rootCertificates.join("\n"))).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    expect(await handshake(port, (await makeAuthority()).certificate)).toBe("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
    expect(await handshake(port, ours, "stores.example")).toBe("ERR_TLS_CERT_ALTNAME_INVALID");
  },
);

describe("nothing answers in the clear", () => {
  test("MinIO", async () => {
    const status = await new Promise((done) =>
      get(`http://127.0.0.1:${ports.minio}`, (response) => {
        response.resume();
        done(response.statusCode);
      }),
    );
    // Said by the TLS layer, before any S3.
    expect(status).toBe(400);
    expect(await inTheClear(ports.minio, "GET / HTTP/1.1\r\nHost: x\r\n\r\n")).toContain(
      "HTTP request to an HTTPS server",
    );
  });

  test.each([
    ["Qdrant", ports.qdrant, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["Qdrant's gRPC", ports.qdrantGrpc, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["Redis", ports.redis, "PING\r\n"],
  ])("%s", async (_, port, text) => {
    // Nothing, or a TLS alert.
    expect(await inTheClear(port, text)).toMatch(/^(\x15\x03.*)?$/s);
  });

  test("PostgreSQL, not to the administrator either", async () => {
    const { PGUSER: user, PGPASSWORD: password } = storesEnv({ dir, ports });
    const client = new pg.Client({
      host: "127.0.0.1",
      port: ports.postgresql,
      user,
      password,
      database: "postgres",
      ssl: false,
    });
    client.on("error", () => undefined);
    await expect(client.connect()).rejects.toThrow(/pg_hba\.conf rejects connection .* no encryption/);
  });
});

test("the environment names the authority, and a shell's earlier one is forgotten", async () => {
  const { stdout } = await command("env", [], stores);
  for (const line of [
    `export MINIO_ENDPOINT='https://127.0.0.1:${ports.minio}'`,
    `export QDRANT_URL='https://127.0.0.1:${ports.qdrant}'`,
    "export PGSSLMODE='verify-full'",
    `export PGSSLROOTCERT='${authority}'`,
    `export TENANT_CA_FILE='${authority}'`,
  ]) {
    expect(stdout.split("\n")).toContain(line);
  }
  expect(stdout).toMatch(/^export REDIS_URL='rediss:\/\//m);
  expect(stdout.split("\n")[0]).toMatch(/^unset .*PGSSLROOTCERT.*TENANT_CA_FILE/);
  // As libpq understands it.
  const psql = execFileSync("psql", ["-Atc", "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"], {
    env: { PATH: process.env["PATH"], ...storesEnv({ dir, ports }) },
    encoding: "utf8",
  });
  expect(psql).toMatch(/^TLSv1\.[23]\n$/);
  expect(() => writeComposeEnv({ dir, ports })).toThrow(/speak TLS .* npm run stores -- start --no-tls/);
});

test("status says it, for people and for programs", async () => {
  const shown = await command("stores", ["status"], stores);
  expect(shown.stdout).toContain(`TLS only; their authority: ${authority}`);
  expect(shown.stdout).toContain("sslmode=verify-full");
  const states = JSON.parse((await command("stores", ["status", "--json"], stores)).stdout) as { tls: boolean }[];
  expect(states.map(({ tls }) => tls)).toEqual(servers.map(() => true));
});

test("some of them cannot speak TLS without the others", async () => {
  const { code, stderr } = await command("stores", ["start", "--no-tls", "redis"], stores);
  expect(code).toBe(1);
  expect(stderr).toContain("all stores speak TLS, or none: leave the names out: npm run stores -- start --no-tls");
  expect(await handshake(ports.redis, readFileSync(authority, "utf8"))).toBeUndefined();
});

describe("certificates", () => {
  test("stay over a stop and a plain start", async () => {
    const before = serials();
    await stopStores({ dir, ports });
    await startStores({ dir, ports });
    expect(serials()).toEqual(before);
    expect(await handshake(ports.minio, readFileSync(authority, "utf8"))).toBeUndefined();
  });

  test("are made anew at a start when they end soon, or are another authority's", async () => {
    const before = serials();
    await stopStores({ dir, ports });
    const signer = {
      certificate: readFileSync(authority, "utf8"),
      key: readFileSync(join(dir, "tls/ca-key.pem"), "utf8"),
    };
    const names = ["localhost", "127.0.0.1", "::1"];
    const place = (name: string, { certificate, key }: { certificate: string; key: string }) => {
      writeFileSync(certificateOf(name), certificate);
      writeFileSync(join(dir, name, "tls/private.key"), key);
    };
    const inTenDays = new Date(Date.now() + 10 * 24 * 3600 * 1000);
    place("qdrant", await makeCertificate(signer, { names, until: inTenDays }));
    place("redis", await makeCertificate(await makeAuthority(), { names }));
    await startStores({ dir, ports });
    const after = serials();
    expect(after.map((serial, index) => serial === before[index])).toEqual([true, true, true, false, true, false]);
    for (const port of [ports.qdrant, ports.redis]) {
      expect(await handshake(port, signer.certificate)).toBeUndefined();
    }
    expect(statSync(join(dir, "redis/tls/private.key")).uid).toBe(serviceAccount("redis")?.uid ?? process.getuid?.());
  });

  test("need the authority's key: without it, the command says so", async () => {
    await stopStores({ dir, ports });
    const keyFile = join(dir, "tls/ca-key.pem");
    const key = readFileSync(keyFile);
    rmSync(keyFile);
    rmSync(certificateOf("redis"));
    await expect(startStores({ dir, ports, only: ["redis"] })).rejects.toThrow(
      /ca-key\.pem is not the key of .*ca\.pem: put the original back, or .* start --no-tls, then .* start --tls/,
    );
    writeFileSync(keyFile, key, { mode: 0o600 });
    await startStores({ dir, ports });
  });
});

test("turned off and on again while they run: they are restarted, and the data stay", async () => {
  const write = async () => {
    const redis = new Redis(storesEnv({ dir, ports })["REDIS_URL"] ?? "", { tls: { ca: readFileSync(authority) } });
    await redis.set("kept", "value");
    redis.disconnect();
  };
  await write();
  const before = serialOf(authority);

  const off = await command("stores", ["start", "--no-tls"], stores);
  expect(off.code, off.stderr).toBe(0);
  expect(off.stdout).not.toContain("TLS only");
  const env = storesEnv({ dir, ports });
  expect(env).toMatchObject({ MINIO_ENDPOINT: `http://127.0.0.1:${ports.minio}`, PGSSLMODE: "disable" });
  expect(env).not.toHaveProperty("TENANT_CA_FILE");
  expect(env).not.toHaveProperty("PGSSLROOTCERT");
  const redis = new Redis(env["REDIS_URL"] ?? "");
  expect(await redis.get("kept")).toBe("value");
  redis.disconnect();
  const client = new pg.Client({
    host: "127.0.0.1",
    port: ports.postgresql,
    user: env["PGUSER"],
    password: env["PGPASSWORD"],
    database: "postgres",
    ssl: false,
  });
  await client.connect();
  await client.end();

  const on = await command("stores", ["start", "--tls", "--json"], stores);
  expect((JSON.parse(on.stdout) as { tls: boolean; ready: boolean }[]).every(({ tls, ready }) => tls && ready)).toBe(
    true,
  );
  expect(serialOf(authority)).not.toBe(before);
  expect(await handshake(ports.redis, readFileSync(authority, "utf8"))).toBeUndefined();
});
