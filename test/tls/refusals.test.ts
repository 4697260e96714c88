// A certificate that is not right, or TLS on one side only: refused, with the store, its address, the reason and what to do.
import { execFile } from "node:child_process";
import { KeyObject, webcrypto } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TLSSocket } from "node:tls";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { makeAuthority, makeCertificate, type Certificate } from "../../local/certificates.ts";
import { storesEnv } from "../../local/environment.ts";
import { startStores } from "../../local/lifecycle.ts";
import { provider as bucketEncryption } from "../../providers/bucket-encryption.ts";
import { servers } from "../../providers/clients/servers.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { verifyTenant } from "../../cli/verify/index.ts";
import { root } from "../../toolchain/paths.ts";
import { temporaryStores } from "../local/support.ts";

// Real servers, on a machine that may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 120_000 });

type Env = Record<string, string>;
const secure = temporaryStores(4100);
const plain = temporaryStores(4200);
const folder = mkdtempSync(join(tmpdir(), "authorities-"));
const otherCa = join(folder, "other-ca.pem");
const ownCa = join(folder, "own-ca.pem");
let own: Certificate;

beforeAll(async () => {
  own = await makeAuthority();
  writeFileSync(ownCa, own.certificate);
  writeFileSync(otherCa, (await makeAuthority()).certificate);
  await startStores({ ...secure, tls: true });
  await startStores(plain);
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await Promise.all([secure.remove(), plain.remove()]);
});

const envOf = ({ dir, ports }: typeof secure): Env => storesEnv({ dir, ports });
const serversOf = (env: Env) => servers(env, () => undefined);
const withCa = (env: Env, file: string): Env => ({ ...env, TENANT_CA_FILE: file, PGSSLROOTCERT: file });

/** What the clients say of all stores at once, as the first step of a provision asks them; empty when all answer. */
async function refusals(env: Env): Promise<string[]> {
  return tracesOf(tenantNames("nobody"), serversOf(env), { keys: false }).then(
    () => [],
    (error: unknown) => (error as AggregateError).errors.map(({ message }: Error) => message),
  );
}

/** One sentence a store, in the order of the stores. */
function ofEveryStore(env: Env, problem: string | ((where: { pg: boolean; setting: string; says: string }) => string)) {
  const { minio, postgresql, qdrant, redis } = serversOf(env);
  const stores = [
    {
      title: `MinIO at ${minio.endpoint.origin}`,
      setting: "MINIO_ENDPOINT",
      says: `${minio.endpoint.protocol}//`,
      step: "step 4, MinIO",
    },
    {
      title: `PostgreSQL at ${postgresql.host}:${postgresql.port}`,
      setting: "PGSSLMODE",
      says: postgresql.sslMode,
      step: "step 5, PostgreSQL",
    },
    {
      title: `Qdrant at ${qdrant.url.origin}`,
      setting: "QDRANT_URL",
      says: `${qdrant.url.protocol}//`,
      step: "step 6, Qdrant",
    },
    {
      title: `Redis at ${redis.url.protocol}//${redis.url.host}`,
      setting: "REDIS_URL",
      says: `${redis.url.protocol}//`,
      step: "step 7, Redis",
    },
  ];
  return stores.map(({ title, setting, says, step }) => {
    const text = typeof problem === "string" ? problem : problem({ pg: setting === "PGSSLMODE", setting, says });
    return { title, text, step };
  });
}

function expectEach(found: string[], wanted: ReturnType<typeof ofEveryStore>): void {
  expect(found).toHaveLength(wanted.length);
  for (const [index, { title, text, step }] of wanted.entries()) {
    expect(found[index]).toContain(`${title}: ${text}`);
    expect(found[index]).toContain(`(${step})`);
  }
}

/** Servers that show this certificate, and the environment that leads to them. What refuses them goes before any other word. */
async function withCertificate(pair: Certificate, use: (env: Env) => Promise<void>): Promise<void> {
  const sockets = new Set<Socket>();
  const secured = (socket: Socket) => {
    const upgraded = new TLSSocket(socket, { isServer: true, cert: pair.certificate, key: pair.key });
    upgraded.on("error", () => undefined);
  };
  const listening = async (onConnection: (socket: Socket) => void): Promise<[Server, number]> => {
    const server = createServer((socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      onConnection(socket);
    });
    await once(server.listen(0, "127.0.0.1"), "listening");
    return [server, (server.address() as AddressInfo).port];
  };
  const [tls, port] = await listening(secured);
  // PostgreSQL's begins in the clear.
  const [pg, pgPort] = await listening((socket) => {
    socket.once("data", () => {
      socket.write("S");
      secured(socket);
    });
  });
  try {
    const real = envOf(secure);
    await use({
      ...withCa(real, ownCa),
      MINIO_ENDPOINT: `https://127.0.0.1:${port}`,
      PGPORT: String(pgPort),
      QDRANT_URL: `https://127.0.0.1:${port}`,
      QDRANT_TENANT_URL: `https://127.0.0.1:${port}`,
      REDIS_URL: `rediss://admin:password@127.0.0.1:${port}`,
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    tls.close();
    pg.close();
  }
}

/** A server's certificate that nobody else signed. */
async function selfSigned(): Promise<Certificate> {
  const { SubjectAlternativeNameExtension, X509CertificateGenerator } = await import("@peculiar/x509");
  const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const made = await X509CertificateGenerator.createSelfSigned({
    name: "CN=by itself",
    keys,
    signingAlgorithm: algorithm,
    extensions: [new SubjectAlternativeNameExtension([{ type: "ip", value: "127.0.0.1" }])],
  });
  const key = KeyObject.from(keys.privateKey).export({ format: "pem", type: "pkcs8" }).toString();
  return { certificate: made.toString("pem"), key };
}

it("with the right authority all four answer", async () => {
  expect(await refusals(envOf(secure))).toEqual([]);
});

it("another authority", async () => {
  const env = withCa(envOf(secure), otherCa);
  const wanted = ofEveryStore(
    env,
    ({ pg }) =>
      `its certificate is not signed by the authority in ${otherCa} (UNABLE_TO_VERIFY_LEAF_SIGNATURE): name the file of the one that signed it: ${pg ? "PGSSLROOTCERT or " : ""}TENANT_CA_FILE`,
  );
  expectEach(await refusals(env), wanted);
});

it("no authority named", async () => {
  const { TENANT_CA_FILE: _, PGSSLROOTCERT: _2, ...env } = envOf(secure);
  expectEach(
    await refusals(env),
    ofEveryStore(env, "its certificate is not signed by an authority that Node.js knows"),
  );
});

it("a certificate that expired", async () => {
  const pair = await makeCertificate(own, {
    names: ["127.0.0.1"],
    from: new Date("2024-01-01"),
    until: new Date("2025-01-01"),
  });
  await withCertificate(pair, async (env) => {
    expectEach(
      await refusals(env),
      ofEveryStore(env, "its certificate expired on Jan  1 00:00:00 2025 GMT: give the server a new one"),
    );
  });
});

it("a certificate for another name", async () => {
  // pg, without care, would take one for localhost when it was told an address.
  const pair = await makeCertificate(own, { names: ["localhost", "10.0.0.1"] });
  await withCertificate(pair, async (env) => {
    const problem =
      "its certificate is for DNS:localhost, IP Address:10.0.0.1, not for 127.0.0.1: use one of its names";
    expectEach(await refusals(env), ofEveryStore(env, problem));
  });
});

it("a certificate signed by itself", async () => {
  await withCertificate(await selfSigned(), async (env) => {
    expectEach(
      await refusals(env),
      ofEveryStore(env, `its certificate is signed by itself, not signed by the authority in ${ownCa}`),
    );
  });
});

describe("TLS on one side only", () => {
  it("servers without it", async () => {
    const real = envOf(plain);
    const env = {
      ...withCa(real, ownCa),
      MINIO_ENDPOINT: real["MINIO_ENDPOINT"]?.replace("http:", "https:") ?? "",
      QDRANT_URL: real["QDRANT_URL"]?.replace("http:", "https:") ?? "",
      REDIS_URL: real["REDIS_URL"]?.replace("redis:", "rediss:") ?? "",
      PGSSLMODE: "verify-full",
    };
    const wanted = ofEveryStore(
      env,
      ({ setting, says }) => `it does not speak TLS, but ${setting} says ${says}: turn TLS on at the server`,
    );
    expectEach(await refusals(env), wanted);
  });

  it("a client without it", async () => {
    const real = envOf(secure);
    const env = {
      ...real,
      MINIO_ENDPOINT: real["MINIO_ENDPOINT"]?.replace("https:", "http:") ?? "",
      QDRANT_URL: real["QDRANT_URL"]?.replace("https:", "http:") ?? "",
      REDIS_URL: real["REDIS_URL"]?.replace("rediss:", "redis:") ?? "",
      PGSSLMODE: "disable",
    };
    const wanted = ofEveryStore(
      env,
      ({ pg, setting, says }) =>
        `it speaks TLS, but ${setting} says ${says}: write ${pg ? "verify-full" : says.replace(":", "s:")} there`,
    );
    expectEach(await refusals(env), wanted);
  });
});

describe("is said by", () => {
  it("the verification, in each check of the store, and no check passes", async () => {
    const env = withCa(envOf(secure), otherCa);
    const { checks } = await verifyTenant("nobody", { servers: serversOf(env) });
    for (const { title } of ofEveryStore(env, "")) {
      const store = title.split(" ")[0]?.toLowerCase();
      const own = checks.filter((check) => check.store === store);
      expect(own.length).toBeGreaterThan(0);
      for (const check of own) {
        expect(check).toMatchObject({ result: "ERROR", pass: false });
        expect(check.detail).toContain(`${title}: its certificate is not signed by the authority in ${otherCa}`);
      }
    }
  });

  it("the tenant command", async () => {
    const env = { ...process.env, ...withCa(envOf(secure), otherCa), NO_COLOR: "1" };
    const stderr = await new Promise<string>((done) => {
      execFile(process.execPath, ["cli/tenant.ts", "list"], { cwd: root, env }, (_, __, text) => done(text));
    });
    expect(stderr).toContain(
      `PostgreSQL at 127.0.0.1:${secure.ports.postgresql}: its certificate is not signed by the authority in ${otherCa}`,
    );
  });

  it("a resource of an update", async () => {
    const before = { ...process.env };
    Object.assign(process.env, withCa(envOf(secure), otherCa));
    try {
      await expect(bucketEncryption.create({ bucket: "none", algorithm: "AES256" })).rejects.toThrow(
        `MinIO at https://127.0.0.1:${secure.ports.minio}: its certificate is not signed by the authority in ${otherCa}`,
      );
    } finally {
      for (const name of Object.keys(process.env)) if (!(name in before)) Reflect.deleteProperty(process.env, name);
      Object.assign(process.env, before);
    }
  });
});
