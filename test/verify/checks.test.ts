// What a check's result may be: a refusal counts only when the server itself refused.
import { describe, expect, it } from "vitest";
import {
  messageOf,
  Mismatch,
  refused,
  runStore,
  works,
  type Dialect,
  type StoreDefinition,
  type Subject,
} from "../../cli/verify/checks.ts";
import { isLeftover, newTrace } from "../../cli/verify/probe.ts";
import { tenantNames } from "../../components/names.ts";
import { parseRedisUrl } from "../../providers/clients/redis-url.ts";

const dialect: Dialect = { code: (error) => (error as { code?: string }).code, refusals: ["NO"] };

function fails(code?: string): () => Promise<never> {
  const error = Object.assign(new Error(`because ${code ?? "of the network"}`), code === undefined ? {} : { code });
  return () => Promise.reject(error);
}

describe("refused", () => {
  it("is DENIED when the server refused everything", async () => {
    const finding = await refused(dialect, [
      { what: "read", run: fails("NO") },
      { what: "write", run: fails("NO") },
    ]);
    expect(finding).toEqual({ result: "DENIED", detail: "read, write: NO" });
  });

  it("is ALLOWED when one thing got through, and takes it back", async () => {
    const undone: string[] = [];
    const undo = async () => undone.push("write");
    const finding = await refused(dialect, [
      { what: "read", run: fails("NO") },
      { what: "write", run: async () => 1, undo },
    ]);
    expect(finding).toEqual({ result: "ALLOWED", detail: "not refused: write" });
    expect(undone).toEqual(["write"]);
  });

  it.each([
    ["another code", "GONE"],
    ["no answer", undefined],
  ])("is ERROR after %s", async (_, code) => {
    const finding = await refused(dialect, [
      { what: "read", run: fails("NO") },
      { what: "write", run: fails(code) },
    ]);
    expect(finding.result).toBe("ERROR");
    expect(finding.detail).toContain("write: because");
  });

  it("says what could not be taken back", async () => {
    const finding = await refused(dialect, [{ what: "write", run: async () => 1, undo: fails() }]);
    expect(finding.detail).toBe("not refused: write; write could not be undone: because of the network");
  });
});

describe("works", () => {
  const cases: [string, () => Promise<void>][] = [
    ["OK", async () => undefined],
    ["FAILED", fails("NO")],
    ["ERROR", fails()],
    ["FAILED", () => Promise.reject(new Mismatch("two is not one"))],
  ];
  it.each(cases)("%s", async (result, run) => {
    expect((await works(dialect, run)).result).toBe(result);
  });
});

describe("runStore", () => {
  const credentials = { redis_password: "a-secret-of-the-tenant", minio_access_key: "tenant-acme-access" };
  const subject = {
    names: tenantNames("acme"),
    other: tenantNames("canary"),
    servers: {
      minio: { password: "m" },
      postgresql: { password: "p" },
      qdrant: { apiKey: "q" },
      redis: parseRedisUrl("redis://:an-admin-secret@127.0.0.1:1"),
    },
    credentials: Promise.resolve(credentials),
    extraRecipients: [],
    timeout: 50,
  } as unknown as Subject;
  const one = (over: Partial<StoreDefinition<object>>, run: () => Promise<never>): StoreDefinition<object> => ({
    store: "redis",
    within: (_, work) => work({}),
    checks: [{ test: "t", expected: "DENIED", run }],
    ...over,
  });

  it("a late check is an ERROR", async () => {
    const never = new Promise<never>(() => undefined);
    expect(
      await runStore(
        one({}, () => never),
        subject,
      ),
    ).toMatchObject([{ result: "ERROR", pass: false, detail: "no answer within 0.05 s" }]);
  });

  it("a store that cannot be opened gives every check an ERROR", async () => {
    const within = async (): Promise<never> => Promise.reject(new Error("down"));
    expect(await runStore(one({ within }, fails()), subject)).toMatchObject([
      { store: "redis", test: "t", result: "ERROR", detail: "down" },
    ]);
  });

  it("no secret gets into a detail", async () => {
    const leak = async () =>
      Promise.reject(new Error("AUTH a-secret-of-the-tenant an-admin-secret tenant-acme-access"));
    expect(await runStore(one({}, leak), subject)).toMatchObject([
      { detail: "AUTH [secret] [secret] tenant-acme-access" },
    ]);
  });
});

it("finds the reason inside a failed fetch and an error without a message", () => {
  expect(messageOf(new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") }))).toBe(
    "fetch failed: connect ECONNREFUSED",
  );
  expect(messageOf(Object.assign(new AggregateError([]), { code: "ECONNREFUSED" }))).toBe("ECONNREFUSED");
});

it("only old traces are leftovers", () => {
  const trace = newTrace();
  expect(isLeftover(trace)).toBe(false);
  expect(isLeftover(trace, Date.now() + 61_000)).toBe(true);
  expect(isLeftover("raw")).toBe(false);
  // A UUIDv4 says nothing about its time.
  expect(isLeftover("018cc251-f400-4000-8000-000000000000")).toBe(false);
});
