// How drift is told: differences in words, what an engine's event means, whose lines and users are foreign.
import type { EngineEvent } from "@pulumi/pulumi/automation/index.js";
import { randomBytes } from "node:crypto";
import { describe, expect, it } from "vitest";
import { driftIn } from "../../cli/drift/events.ts";
import { patternsReaching } from "../../cli/drift/redis.ts";
import { sealed, unsealed } from "../../providers/clients/minio-admin.ts";
import { doorsIn, linesNaming, withEntry, withoutDoors } from "../../providers/clients/pg-hba.ts";
import { differences, lineDifferences } from "../../providers/clients/words.ts";

describe("two values in words", () => {
  it.each([
    ["the same", 20, 20, []],
    ["a number", 20, -1, ["x: 20 → -1"]],
    ["something new", undefined, "evil", ["x: nothing → evil"]],
    ["lists", ["a", "b"], ["b", "c"], ["x: added c", "x: removed a"]],
    ["a list where there was none", undefined, ["c"], ["x: added c"]],
    ["an order that counts", ["a", "b"], ["b", "a"], ["x: in another order"]],
    ["a field", { a: 1, b: { c: 2 } }, { a: 1, b: { c: 3 } }, ["x.b.c: 2 → 3"]],
    [
      "documents by what they say",
      '{"Statement":[{"Effect":"Allow","Action":["a","b"]}]}',
      '{ "Statement": [ {"Action":["b","a"],"Effect":"Allow"}, {"Effect":"Allow","Action":["c"]} ] }',
      ['x.Statement: added {"Action":["c"],"Effect":"Allow"}'],
    ],
    ["something long", "a".repeat(300), "b", [`x: ${"a".repeat(200)}… → b`]],
  ])("%s", (_, before, after, told) => {
    expect(differences("x", before, after)).toEqual(told);
  });

  it("the words of lines", () => {
    const before = "flags: on\ncommands: -@all +get\nkeys: ~a:*";
    expect(lineDifferences(before, "flags: on nopass\ncommands: -@all +get +keys\nkeys: ~a:*")).toEqual([
      "flags: added nopass",
      "commands: added +keys",
    ]);
  });
});

describe("an event of the engine", () => {
  const urn = (type: string, parents = "") => `urn:pulumi:acme::tenant-storage::${parents}${type}::acme`;
  const told = (op: string, type: string, old: object, now: object | undefined, parents = "") => {
    const side = (state: object) => ({ inputs: {}, outputs: {}, ...state });
    const metadata = { op, type, urn: urn(type, parents), old: side(old), ...(now ? { new: side(now) } : {}) };
    return driftIn([{ resOutputsEvent: { metadata } } as unknown as EngineEvent]);
  };
  const dynamic = (name: string) => `pulumi-nodejs:dynamic/tenant:${name}`;

  it("says nothing of what is the same", () => {
    expect(told("same", "postgresql:index/role:Role", {}, {})).toEqual([]);
    expect(told("refresh", "postgresql:index/role:Role", {}, {})).toEqual([]);
  });

  it("says what is gone, and in which store", () => {
    const parents = "tenant-storage:index:ObjectStorage$";
    expect(told("delete", "minio:index/iamUser:IamUser", {}, undefined, parents)).toEqual([
      { place: "MinIO", resource: "IamUser acme", kind: "deleted", what: "is gone" },
    ]);
  });

  it("says what changed and what was added", () => {
    const parents = "tenant-storage:index:KeySpace$";
    const old = { inputs: { commands: ["-@all"], enabled: true }, outputs: { granted: "commands: -@all" } };
    const now = {
      inputs: { commands: ["commands: -@all +keys"], enabled: false },
      outputs: { granted: "commands: -@all +keys", foreign: ["passwords that are not ours: 1"] },
    };
    expect(told("update", dynamic("RedisAclUser"), old, now, parents).map(({ kind, what }) => [kind, what])).toEqual([
      ["changed", "enabled: true → false"],
      ["changed", "commands: added +keys"],
      ["foreign", "passwords that are not ours: 1"],
    ]);
  });

  it("names a secret that changed, and shows none", () => {
    const state = { inputs: { tenant: "acme", secret: "[secret]" } };
    expect(told("update", dynamic("MinioAccess"), state, state)[0]?.what).toBe("secret (not shown): changed");
    const leaked = { inputs: {}, outputs: { foreign: [`x ${"aB3".repeat(14)}ab`] } };
    expect(told("update", dynamic("MinioAccess"), {}, leaked)[0]?.what).toBe("x [secret]");
  });

  it("takes the state of an older version for no drift", () => {
    const state = { inputs: { credentials: "[secret]" } };
    expect(told("update", dynamic("SopsFile"), state, state)).toEqual([]);
  });
});

describe("lines of pg_hba.conf", () => {
  const acme = { database: "tenant_acme", role: "tenant_acme_user" };
  const own = "host tenant_acme tenant_acme_user 10.1.0.0/16 scram-sha-256";
  const text = [
    "host all tenant_acme_user 0.0.0.0/0 trust",
    "local all tenant_acme_user peer",
    "host tenant_acme backup 10.9.0.1/32 scram-sha-256",
    "host tenant_acme tenant_acme_user 10.1.9.0/24 reject",
    "host all tenant_acme_user 10.1.8.0/24 reject",
    "host tenant_acme2 tenant_acme2_user 10.2.0.0/16 scram-sha-256",
    own,
    "host all all all reject",
    "",
  ].join("\n");

  it("that let the role in elsewhere are doors, and are closed; rejections stay", () => {
    expect(doorsIn(text, acme)).toEqual([
      "host all tenant_acme_user 0.0.0.0/0 trust",
      "local all tenant_acme_user peer",
    ]);
    const closed = withoutDoors(text, acme);
    expect(closed.split("\n")).toEqual(text.split("\n").slice(2));
    expect(withEntry(closed, { ...acme, networks: ["10.1.0.0/16"] })).toBe(closed);
  });

  it("that name the tenant for somebody else are told, not closed", () => {
    expect(linesNaming(text, acme)).toEqual(["host tenant_acme backup 10.9.0.1/32 scram-sha-256"]);
  });
});

it("Redis patterns that reach a tenant's prefix, but not everything", () => {
  const reaching = (rules: string) => patternsReaching(rules, "tenant:acme:");
  expect(reaching("~tenant:acme:cache:* ~tenant:* %R~tenant:acme:x &tenant:a* ~[t]enant:*")).toHaveLength(5);
  expect(reaching("~* &* ~tenant:acme ~tenant:acme2:* ~tenant:b* ~other")).toEqual([]);
});

describe("MinIO's encryption of its administrator's calls", () => {
  it("opens what it sealed, with that secret only", async () => {
    expect(await unsealed("administrator", sealed("administrator", "hello"))).toBe("hello");
    await expect(unsealed("another", sealed("administrator", "hello"))).rejects.toThrow();
  });

  it("refuses what was altered, or is not known", async () => {
    const answer = sealed("administrator", "hello");
    answer[answer.length - 1] = (answer.at(-1) ?? 0) ^ 1;
    await expect(unsealed("administrator", answer)).rejects.toThrow();
    await expect(unsealed("administrator", randomBytes(80).fill(9, 32, 33))).rejects.toThrow("not known here");
  });
});
