// `tenant report` and `tenant metrics` on real stores: what they read, what they serve to whom, and in what form.
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { request } from "node:http";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import parse from "parse-prometheus-text-format";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attention } from "../../cli/report/attention.ts";
import { readFleet, type Fleet } from "../../cli/report/fleet.ts";
import { metricsOf } from "../../cli/report/metrics.ts";
import { serve, type Serving } from "../../cli/report/serve.ts";
import { storeSizes } from "../../cli/report/sizes.ts";
import { servers } from "../../providers/clients/servers.ts";
import { SecretScan } from "../support/secret-scan.ts";
import { administrators, secretsOf } from "../support/secrets.ts";
import { deployed } from "../support/deployed.ts";
import { run, type Outcome } from "../support/pulumi.ts";
import { fakeId, withFakeFleet } from "./fake-fleet.ts";

const folder = mkdtempSync(join(tmpdir(), "tenant-report-"));
const tenant = (...args: string[]): Promise<Outcome> => run(process.execPath, ["cli/tenant.ts", ...args]);
const nothing = { events: 0, notifications: 0 };

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("many tenants", () => {
  let fleet: Fleet;
  let queries = 0;
  beforeAll(async () => {
    fleet = await withFakeFleet(60, async (read, admin) => {
      const all = await read();
      const counting = new Proxy(admin, {
        get: (target, name) => {
          if (name === "query") queries += 1;
          const value: unknown = Reflect.get(target, name);
          return typeof value === "function" ? (value.bind(target) as unknown) : value;
        },
      });
      await readFleet(counting, [fakeId(0)]);
      const one = queries;
      await readFleet(counting);
      // As many questions for 60 tenants as for one, but for what is asked about no tenant.
      expect(queries - one).toBeLessThanOrEqual(one + 2);
      return all;
    });
  });

  it("are read with what is known of each", () => {
    expect(fleet.tenants).toHaveLength(60);
    const [first] = fleet.tenants.filter(({ id }) => id === fakeId(0));
    expect(first?.verifications).toMatchObject([{ against: "canary", report: { overall_pass: true } }]);
    expect(first?.events.map(({ type }) => type)).toEqual(["TENANT_UPDATED", "TENANT_ROTATED", "TENANT_PROVISIONED"]);
    const ages = Object.fromEntries(first?.credentials.map(({ secret, rotations }) => [secret, rotations]) ?? []);
    expect(ages).toEqual({ minio: 1, postgresql: 0, qdrant: 0, redis: 1, api: 0, age: 0 });
    expect(fleet.incomplete.map(({ id }) => id)).toEqual(["halfway"]);
  });

  it("want attention: failed, drifted, long ago, incomplete", () => {
    const found = attention(fleet).map(({ tenant: id, severity, what }) => `${severity} ${id}: ${what}`);
    expect(found).toContain(`bad ${fakeId(1)}: its last verification failed: postgresql cross_db_connect`);
    expect(found).toContain(`bad ${fakeId(2)}: drift: role tenant_${fakeId(2)}_user changed`);
    expect(found).toContain(`warn ${fakeId(11)}: was verified 41 days ago`);
    const drifted = attention(fleet).find(({ tenant: id }) => id === fakeId(2));
    expect(drifted?.command).toBe(`npm run tenant -- drift ${fakeId(2)}`);
    expect(found.at(-1)).toMatch(/^warn halfway: is not complete/);
    expect(found.findIndex((one) => one.startsWith("warn"))).toBe(found.filter((one) => one.startsWith("bad")).length);
  });

  it("as metrics are what Prometheus reads", async () => {
    const odd = { ...fleet, audit: { signed: 0, by_type: { 'A"B\\C\nD': 7 } } };
    const text = await metricsOf(odd, nothing).metrics();
    expect(text.endsWith("\n")).toBe(true);
    // Every line is a comment or a sample, and every sample's family is described before it.
    const described = new Set<string>();
    for (const line of text.split("\n").filter((one) => one !== "")) {
      const comment = /^# (HELP|TYPE) (tenant_storage_\w+) \S/.exec(line);
      const sample =
        /^(tenant_storage_[a-z_]+)(\{\w+="(?:[^"\\\n]|\\["\\n])*"(?:,\w+="(?:[^"\\\n]|\\["\\n])*")*\})? \S+$/.exec(
          line,
        );
      if (comment?.[1] === "TYPE") described.add(comment[2] ?? "");
      expect(comment ?? sample, line).not.toBeNull();
      if (sample) expect(described).toContain(sample[1]);
    }
    const families = new Map(parse(text).map((family) => [family.name, family]));
    const value = (name: string, labels: Record<string, string>): string | undefined =>
      families
        .get(`tenant_storage_${name}`)
        ?.metrics.find((one) => Object.entries(labels).every(([key, wanted]) => one.labels?.[key] === wanted))?.value;
    expect(value("tenants", { status: "suspended" })).toBe("2");
    expect(value("verification_passed", { tenant: fakeId(1) })).toBe("0");
    expect(value("verification_passed", { tenant: fakeId(0) })).toBe("1");
    expect(value("drift_differences", { tenant: fakeId(2) })).toBe("1");
    expect(value("drift_differences", { tenant: fakeId(0) })).toBe("0");
    expect(value("drift_differences", { tenant: fakeId(3) })).toBeUndefined();
    expect(value("audit_events_total", { type: "TENANT_PROVISION_FAILED" })).toBe("0");
    expect(families.get("tenant_storage_audit_events_total")?.type).toBe("COUNTER");
    expect(text).toContain('type="A\\"B\\\\C\\nD"} 7');
  });

  it("of which some do not answer: a store that is down is named, the others are read", async () => {
    const down = { ...servers(), qdrant: { ...servers().qdrant, url: new URL("http://127.0.0.1:1") } };
    const { stores } = await storeSizes([fakeId(0)], "fast", down);
    expect(stores.map(({ store, answered }) => [store, answered])).toEqual([
      ["minio", true],
      ["postgresql", true],
      ["qdrant", false],
      ["redis", true],
    ]);
    expect(attention({ ...fleet, stores })[0]?.what).toMatch(/^Qdrant did not answer: ./);
  });

  describe("served", () => {
    let serving: Serving;
    let gathered = 0;
    beforeAll(async () => {
      serving = await serve(async () => {
        gathered += 1;
        return Promise.resolve(fleet);
      }, 0);
    });
    afterAll(async () => serving.close());

    const ask = async (path: string, method = "GET", host?: string, address = "127.0.0.1") =>
      new Promise<{ status: number; type: string; text: string }>((done, fail) => {
        const { port } = new URL(serving.url);
        const headers = host === undefined ? {} : { host };
        request({ host: address, port, path, method, headers }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part: string) => (text += part));
          const type = response.headers["content-type"] ?? "";
          response.on("end", () => done({ status: response.statusCode ?? 0, type, text }));
        })
          .on("error", fail)
          .end();
      });

    it("is the page, metrics and JSON; nothing else", async () => {
      const [page, metrics, json, other] = await Promise.all(
        ["/", "/metrics", "/fleet.json", "/../etc"].map((one) => ask(one)),
      );
      expect(page).toMatchObject({ status: 200, type: "text/html; charset=utf-8" });
      expect(page?.text).toContain('<a href="/metrics">');
      expect(metrics?.type).toMatch(/^text\/plain; version=0\.0\.4/);
      expect((JSON.parse(json?.text ?? "") as Fleet).tenants).toHaveLength(60);
      expect(other?.status).toBe(404);
      // Who asks at the same moment gets the same.
      expect(gathered).toBe(1);
    });

    it("refuses other methods, other names, and everybody who is not on this machine", async () => {
      for (const method of ["POST", "PUT", "DELETE", "OPTIONS"])
        expect((await ask("/", method)).status, method).toBe(405);
      expect((await ask("/", "HEAD")).text).toBe("");
      for (const host of ["attacker.example", "127.0.0.1", `127.0.0.1.attacker.example:${new URL(serving.url).port}`])
        expect((await ask("/", "GET", host)).status, host).toBe(421);
      const outside = Object.values(networkInterfaces())
        .flatMap((all) => all ?? [])
        .find(({ internal, family }) => !internal && family === "IPv4");
      if (outside !== undefined)
        await expect(ask("/", "GET", undefined, outside.address)).rejects.toThrow("ECONNREFUSED");
    });
  });
});

describe("a real tenant", () => {
  beforeAll(async () => {
    await deployed("attacker");
  });

  it("is reported with its sizes, and no secret", async () => {
    const file = join(folder, "one.html");
    const written = await tenant("report", "attacker", "--html", file, "--sizes", "all");
    expect(written.code, written.all).toBe(0);
    const { stdout, code, all } = await tenant("report", "attacker", "--json", "--sizes", "all");
    expect(code, all).toBe(0);
    const fleet = JSON.parse(stdout) as Fleet;
    expect(fleet.stores.map(({ answered, version }) => answered && version !== "")).toEqual([true, true, true, true]);
    const [one] = fleet.tenants;
    expect(one).toMatchObject({ id: "attacker", status: "active", verifications: [{ against: "canary" }] });
    expect(one?.sizes.postgresql?.bytes).toBeGreaterThan(1_000_000);
    expect(one?.sizes.minio?.limit).toBe(10_737_418_240);
    expect(one?.sizes.qdrant).toMatchObject({ items: expect.any(Number) as number, limit: 1_000_000 });
    expect(one?.sizes.redis?.items).toBeGreaterThanOrEqual(0);
    expect(one?.credentials.every(({ since }) => since !== null)).toBe(true);
    const page = readFileSync(file, "utf8");
    expect(page).toContain('id="tenant-attacker"');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const scan = new SecretScan([...administrators(), ...(await secretsOf("attacker"))]);
    expect([...scan.in("page", page), ...scan.in("json", stdout)]).toEqual([]);
  });

  it("is measured, in a file that another user may read", async () => {
    const file = join(folder, "tenants.prom");
    const { code, all } = await tenant("metrics", "--output", file);
    expect(code, all).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o644);
    const text = readFileSync(file, "utf8");
    for (const line of [
      'verification_passed{tenant="attacker"} 1',
      'store_up{store="redis",placement="default"} 1',
      'size_bytes{tenant="attacker",store="postgresql"} ',
    ])
      expect(text).toContain(`tenant_storage_${line}`);
  });

  it.each([
    [["report"], "say one of --html FILE, --serve and --json"],
    [["report", "--json", "--port", "8080"], "--port is for --serve"],
    [["report", "--serve", "--port", "0"], "Give a port from 1 to 65535."],
    [["report", "attackr", "--json"], "Did you mean attacker?"],
    [["metrics", "--sizes", "some"], "Allowed choices are none, fast, all."],
  ])("%j is refused", async (args, message) => {
    const { code, stderr } = await tenant(...args);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
    expect(existsSync(join(folder, "none"))).toBe(false);
  });
});
