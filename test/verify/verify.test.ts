// Verification on real servers: a hardened tenant passes, and every broken guarantee fails its own check and no other.
import { once } from "node:events";
import { readFile, rm, writeFile } from "node:fs/promises";
import { createServer as createHttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { formatReport, verifyAndStore, verifyTenant, type Report, type Store } from "../../cli/verify/index.ts";
import { readCredentials } from "../../providers/clients/credentials.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { latestReport } from "../../providers/clients/reports.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers, type Servers } from "../../providers/clients/servers.ts";
import { breakers, target } from "../support/breakers.ts";
import { makeTenant, removeTenant } from "../support/hand-made-tenant.ts";
import { platformUp } from "../support/platform.ts";

// Not the canary itself: another test file may deploy it at the same time.
const [id, other] = ["verifyme", "verifyother"];
const names = tenantNames(id);
const options = { other };

const failed = (report: Report): string[] =>
  report.checks.filter((check) => !check.pass).map(({ store, test }) => `${store}/${test}`);
const found = (report: Report, name: string) => report.checks.find(({ store, test }) => `${store}/${test}` === name);

beforeAll(async () => {
  await platformUp();
  await Promise.all([makeTenant(id), makeTenant(other)]);
});

afterAll(async () => {
  await removeTenant(id);
  await removeTenant(other);
});

describe("a hardened tenant", () => {
  it("passes every check, in the plan's format", async () => {
    const report = await verifyTenant(id, options);
    expect(report.checks.filter((check) => !check.pass)).toEqual([]);
    expect(report.overall_pass).toBe(true);
    expect(report.tenant_id).toBe(id);
    expect(report.report_id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    for (const [name, result] of [
      ["minio/cross_tenant_access", "DENIED"],
      ["postgresql/cross_db_connect", "DENIED"],
      ["qdrant/collection_exists", "OK"],
      ["redis/cross_tenant_prefix", "DENIED"],
    ] as const) {
      expect(found(report, name)).toMatchObject({ result });
      expect(found(report, name)?.timestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    }
    expect(await formatReport(report)).toContain(`Tenant ${id} is isolated: ${report.checks.length} checks passed.`);
  });

  it("keeps no trace of it, also of a verification that was killed", async () => {
    const admin = await minioClient(servers());
    const qdrant = await qdrantClient(servers());
    // A UUIDv7 of 2024.
    const old = "018cc251-f400-7000-8000-000000000000";
    await admin.putObject(names.bucket, `.tenant-verify/${old}/probe`, "left behind");
    await qdrant.upsert(names.collection, {
      wait: true,
      points: [
        { id: "7e4a7e00-0000-4000-8000-000000000003", vector: Array(8).fill(1), payload: { tenant_verify: old } },
      ],
    });
    expect(await verifyTenant(id, options)).toMatchObject({ overall_pass: true });
    const objects: unknown[] = [];
    for await (const item of admin.listObjectsV2(names.bucket, ".tenant-verify/", true)) objects.push(item);
    expect(objects).toEqual([]);
    expect((await qdrant.getCollection(names.collection)).points_count).toBe(0);
    expect(await withRedis(servers(), (client) => client.keys(`${names.keyPrefix}*`))).toEqual([]);
    const tables = await withAdmin(
      (client) => client.query("SELECT FROM pg_tables WHERE schemaname = 'public'"),
      names.database,
    );
    expect(tables.rowCount).toBe(0);
  });

  it("passes twice at the same time", async () => {
    const reports = await Promise.all([verifyTenant(id, options), verifyTenant(id, options)]);
    expect(reports.flatMap(failed)).toEqual([]);
  });

  it("is stored", async () => {
    const { report, stored } = await verifyAndStore(id, options);
    expect(stored).toBe(true);
    const latest = await withPlatform((client) => latestReport(client, id));
    expect(latest?.report).toEqual(report);
  });
});

describe("a broken guarantee", () => {
  it.each(breakers.map((breaker) => [breaker.name, breaker] as const))("%s", async (_, breaker) => {
    const restore = await breaker.breakIt(target(id, other));
    let report: Report;
    try {
      report = await verifyTenant(id, options);
    } finally {
      await restore();
    }
    const mayFail = breaker.mayFail ?? [];
    const unexpected = failed(report).filter((name) => !mayFail.includes(name));
    expect(unexpected.sort(), JSON.stringify(report.checks.filter((check) => !check.pass))).toEqual(
      [...breaker.fails].sort(),
    );
    expect(report.overall_pass).toBe(false);
    const secrets = Object.entries(await readCredentials(id)).filter(([key]) => key !== "minio_access_key");
    for (const [, secret] of secrets) expect(JSON.stringify(report)).not.toContain(secret);
  });

  it("all of them are restored", async () => {
    expect(failed(await verifyTenant(id, options))).toEqual([]);
  });
});

describe("an accepted leak", () => {
  const real = servers();
  const open = { ...real, qdrant: { ...real.qdrant, tenantUrl: real.qdrant.url, gateway: false } };

  it("passes, and the report says so", async () => {
    const report = await verifyTenant(id, { ...options, servers: open });
    expect(failed(report)).toEqual([]);
    expect(found(report, "qdrant/telemetry")).toMatchObject({
      result: "ALLOWED",
      expected: "ALLOWED",
      detail: "accepted by qdrantGateway: false: tenants see each other's collection names",
    });
    const shown = await formatReport(report);
    expect(shown).toContain("accepted by qdrantGateway: false");
    expect(shown).toContain(`${report.checks.length} checks passed. Leaks that were accepted: 1.`);
  });

  it("is no leak behind a gateway", async () => {
    const report = await verifyTenant(id, {
      ...options,
      servers: { ...real, qdrant: { ...real.qdrant, gateway: false } },
    });
    expect(found(report, "qdrant/telemetry")).toMatchObject({ result: "DENIED", expected: "DENIED" });
  });

  it("without acceptance names the remedy", async () => {
    const strict = { ...open, qdrant: { ...open.qdrant, gateway: true } };
    const report = await verifyTenant(id, { ...options, servers: strict });
    expect(failed(report)).toEqual(["qdrant/telemetry"]);
    expect(found(report, "qdrant/telemetry")?.detail).toMatch(
      /docs\/operations\.md.*QDRANT_TENANT_URL.*QDRANT_GATEWAY=false/,
    );
  });
});

describe("nothing to be refused by", () => {
  it("fails the cross-tenant checks and names the platform stack", async () => {
    const report = await verifyTenant(id, { other: "nobody" });
    expect(failed(report)).toEqual([
      "minio/cross_tenant_access",
      "postgresql/cross_db_connect",
      "postgresql/shared_db_connect",
      "qdrant/cross_collection",
      "redis/cross_tenant_prefix",
      "redis/cross_tenant_channel",
    ]);
    for (const name of failed(report)) {
      expect(found(report, name)).toMatchObject({
        result: "FAILED",
        detail: expect.stringContaining("pulumi up --stack platform") as string,
      });
    }
  });

  it("a tenant is not verified against itself", async () => {
    await expect(verifyTenant("canary")).rejects.toThrow("cannot be verified against itself");
    await expect(verifyTenant("Not-a-tenant")).rejects.toThrow(RangeError);
  });
});

/** The servers of the environment, with one of them at another port of this machine. */
function serversWith(store: Store, port: number): Servers {
  const real = servers();
  const at = (url: URL): URL => Object.assign(new URL(url), { port: String(port) });
  return {
    minio: store === "minio" ? { ...real.minio, endpoint: at(real.minio.endpoint) } : real.minio,
    postgresql: store === "postgresql" ? { ...real.postgresql, port } : real.postgresql,
    qdrant:
      store === "qdrant"
        ? { ...real.qdrant, url: at(real.qdrant.url), tenantUrl: at(real.qdrant.tenantUrl) }
        : real.qdrant,
    redis: store === "redis" ? { ...real.redis, addresses: [{ host: "127.0.0.1", port }] } : real.redis,
  };
}

/** Runs `use` with the port of a server that treats every connection with `serve`. */
async function withServer<T>(server: Server, use: (port: number) => Promise<T>): Promise<T> {
  await once(server.listen(0, "127.0.0.1"), "listening");
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => sockets.add(socket));
  try {
    return await use((server.address() as AddressInfo).port);
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

describe("a server that lets everybody in", () => {
  it("fails Qdrant's checks", async () => {
    const welcoming = createHttpServer((_, answer) => {
      answer
        .setHeader("content-type", "application/json")
        .end(JSON.stringify({ result: { collections: [], exists: true }, status: "ok" }));
    });
    const report = await withServer(welcoming, (port) => {
      const url = new URL(`http://127.0.0.1:${port}`);
      const qdrant = { ...servers().qdrant, url, tenantUrl: url };
      return verifyTenant(id, { ...options, servers: { ...servers(), qdrant } });
    });
    for (const name of ["unauthenticated_access", "cross_collection", "global_access"]) {
      expect(found(report, `qdrant/${name}`)).toMatchObject({ result: "ALLOWED", pass: false });
    }
  });
});

describe("what cannot be checked is an ERROR", () => {
  it.each(["minio", "postgresql", "qdrant", "redis"] as const)("%s down", async (store) => {
    const closed = await withServer(createServer(), async (port) => port);
    const report = await verifyTenant(id, { ...options, servers: serversWith(store, closed) });
    const others = report.checks.filter((check) => check.store !== store);
    expect(others.filter((check) => !check.pass)).toEqual([]);
    const own = report.checks.filter((check) => check.store === store && check.test !== "application_guard");
    for (const check of own)
      expect(check).toMatchObject({ result: "ERROR", detail: expect.stringContaining("ECONNREFUSED") as string });
  });

  it.each(["minio", "postgresql", "qdrant", "redis"] as const)("%s does not answer", async (store) => {
    const report = await withServer(createServer(), (port) =>
      verifyTenant(id, { ...options, servers: serversWith(store, port), timeout: 1500 }),
    );
    const own = report.checks.filter((check) => check.store === store && check.test !== "application_guard");
    for (const check of own)
      expect(check).toMatchObject({ result: "ERROR", detail: expect.stringMatching(/no answer within/) as string });
  });

  it("no credentials", async () => {
    const { encrypted } = secretFiles(id);
    const before = await readFile(encrypted, "utf8");
    await rm(encrypted);
    try {
      const report = await verifyTenant(id, options);
      expect(report.checks.every((check) => check.result === "ERROR" || check.result === "FAILED")).toBe(true);
      expect(found(report, "redis/own_access")?.detail).toContain(`credentials of tenant ${id}`);
    } finally {
      await writeFile(encrypted, before);
    }
  });
});
