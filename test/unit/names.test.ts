// Names are exact, and injective: nothing is cleaned up, so that two ids never become one name.
import { describe, expect, it } from "vitest";
import { bucketPrefixes, idProblem, reservedIds, tenantNames } from "../../components/names.ts";

describe("the names of a tenant", () => {
  it.each([
    [
      "acme",
      {
        id: "acme",
        bucket: "tenant-acme-bucket",
        minioUser: "tenant-acme-access",
        minioPolicy: "tenant-acme-policy",
        database: "tenant_acme",
        role: "tenant_acme_user",
        collection: "tenant_acme",
        redisUser: "tenant_acme_user",
        keyPrefix: "tenant:acme:",
      },
    ],
    [
      "0",
      {
        id: "0",
        bucket: "tenant-0-bucket",
        minioUser: "tenant-0-access",
        minioPolicy: "tenant-0-policy",
        database: "tenant_0",
        role: "tenant_0_user",
        collection: "tenant_0",
        redisUser: "tenant_0_user",
        keyPrefix: "tenant:0:",
      },
    ],
  ])("of %s are exactly these", (id, names) => {
    expect(tenantNames(id)).toStrictEqual(names);
  });

  it("are the plan's four prefixes in the bucket", () => {
    expect(bucketPrefixes).toEqual(["raw/", "parsed/", "receipts/", "exports/"]);
  });

  it("exist for the canary, which only the platform stack may make", () => {
    expect(tenantNames("canary").bucket).toBe("tenant-canary-bucket");
    expect(idProblem("canary")).toContain("reserved");
  });

  it.each(["constructor", "tostring", "true", "null", "1e5", "007", "public", "user", "template1", "x"])(
    "are plain for %s, which means something elsewhere",
    (id) => {
      expect(tenantNames(id)).toMatchObject({ id, database: `tenant_${id}` });
    },
  );

  it("of the longest id fit every store", () => {
    const { bucket, minioUser, minioPolicy, database, role, collection, redisUser } = tenantNames("z".repeat(40));
    // Longer PostgreSQL names are cut at 63 bytes, and then two tenants collide.
    for (const name of [database, role]) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(bucket.length).toBeLessThanOrEqual(63);
    expect(bucket).toMatch(/^[a-z0-9][a-z0-9-]+[a-z0-9]$/);
    for (const name of [minioUser, minioPolicy]) expect(name.length).toBeLessThanOrEqual(128);
    for (const name of [collection, redisUser]) expect(name.length).toBeLessThanOrEqual(255);
    for (const name of [database, role]) expect(name).toMatch(/^[a-z_][a-z0-9_]*$/); // Needs no quoting.
  });

  it("share no name and no key prefix with those of another tenant, also when one id starts with the other", () => {
    const ids = ["acme", "acme2", "acm", "a", "aa", "user", "bucket", "acmeuser"];
    const namesOf = (id: string): string[] => Object.values({ ...tenantNames(id) });
    for (const one of ids) {
      for (const other of ids.filter((id) => id !== one)) {
        expect(namesOf(one).filter((name) => namesOf(other).includes(name))).toEqual([]);
        expect(tenantNames(other).keyPrefix.startsWith(tenantNames(one).keyPrefix)).toBe(false);
      }
    }
  });
});

describe("what is no tenant id", () => {
  const wrong: readonly [string, string][] = [
    ["nothing", ""],
    ["a capital", "Acme"],
    ["capitals only", "ACME"],
    ["a hyphen", "ac-me"],
    ["an underscore", "ac_me"],
    ["a dot", "ac.me"],
    ["a slash", "../acme"],
    ["a space at the end", "acme "],
    ["a newline at the end", "acme\n"],
    ["a newline before", "\nacme"],
    ["two lines", "acme\nglobex"],
    ["a NUL", "acme\0"],
    ["41 characters", "a".repeat(41)],
    ["a Cyrillic a", "аcme"],
    ["a full-width a", "ａcme"],
    ["a dotless i", "ıd"],
    ["a long s, which lower-cases to s", "ſtore"],
    ["Arabic digits", "١٢"],
    ["an accent", "café"],
    ["an emoji", "acme🙂"],
    ["a zero-width space", "ac\u200bme"],
    ["a glob", "acme*"],
    ["a colon", "acme:x"],
    ["a quote", `acme"; DROP DATABASE x; --`],
    ["a shell word", "$(id)"],
    ["__proto__", "__proto__"],
    ["hasOwnProperty", "hasOwnProperty"],
    ["a sign", "-1"],
  ];

  it.each(wrong)("%s is refused, and shown as it is", (_what, id) => {
    expect(idProblem(id)).toContain(JSON.stringify(id));
    expect(idProblem(id)).toContain("1 to 40 characters, only a-z and 0-9");
    expect(() => tenantNames(id)).toThrow(RangeError);
  });

  it.each(reservedIds)("%s is refused as reserved", (id) => {
    expect(idProblem(id)).toMatch(new RegExp(`^"${id}" is reserved .*choose another id$`));
  });

  it("`platform` has no names at all", () => {
    expect(() => tenantNames("platform")).toThrow(/reserved/);
  });

  it("every character but a-z and 0-9 is refused, in every position", () => {
    for (let code = 0; code < 0x250; code += 1) {
      const character = String.fromCharCode(code);
      const allowed = /[a-z0-9]/.test(character);
      for (const id of [character, `${character}a`, `a${character}`, `a${character}a`]) {
        expect([id, idProblem(id) === undefined]).toEqual([id, allowed]);
      }
    }
  });

  it("a cleaned-up id is never offered", () => {
    for (const [, id] of wrong) expect(idProblem(id)).not.toMatch(/did you mean/i);
  });
});
