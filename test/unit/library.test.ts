// The package's arguments, as a program of somebody else's gives them; and what the state of tenants refers to.
import { runtime } from "@pulumi/pulumi";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Platform, Tenant, type TenantArgs } from "../../library/index.ts";
import { asConfiguration } from "../../library/settings.ts";
import { tenantSettings } from "../../stacks/config.ts";
import { root } from "../../toolchain/paths.ts";

const minimal: TenantArgs = { id: "acme", network: ["10.12.0.0/16"] };
const settings = (args: TenantArgs) => tenantSettings(args.id, asConfiguration(args), { title: "it", secretKeys: [] });

describe("arguments", () => {
  it("are completed by the defaults that their documentation says", () => {
    const source = readFileSync(join(root, "library/tenant.ts"), "utf8");
    const documented = [...source.matchAll(/@default (.+?)(?: \*\/|\n)[^?]*?readonly (\w+)\?:/g)];
    const defaults = Object.fromEntries(
      documented.map(([, value = "", name = ""]) => [name, JSON.parse(value) as unknown]),
    );
    const {
      networks,
      network: _,
      octet: __,
      id,
      placement,
      ...completed
    } = { ...settings(minimal) } as Record<string, unknown>;
    // The placement is the stack's configuration's to say: it is also where the providers connect to.
    expect({ networks, id, placement }).toEqual({ networks: ["10.12.0.0/16"], id: "acme", placement: "default" });
    expect(completed).toEqual(defaults);
  });

  it("that are given are kept, whatever they are", () => {
    const given = {
      suspended: true,
      suspensionReason: "12",
      qdrantPayloadIndexes: { a: "uuid" },
      rotation: { redis: 2 },
    } as const;
    expect(settings({ ...minimal, ...given, bucketQuota: 5 })).toMatchObject({ ...given, bucketQuota: 5 });
  });

  it("that are wrong are all named at once, before anything is touched", () => {
    const wrong = { id: "Bad_Id", network: ["nowhere"], bucketQuota: -1, recipients: ["x"], typo: 1 } as TenantArgs;
    const message = (() => {
      try {
        settings(wrong);
        return "";
      } catch (error) {
        return (error as Error).message;
      }
    })();
    expect(message).toContain("it cannot be used; nothing was touched.");
    for (const part of ['id: "Bad_Id"', "network.0: ", "bucketQuota: ", "recipients.0: ", "typo: no such setting"])
      expect(message).toContain(part);
    expect(message).not.toContain("stacks/Pulumi");
  });

  it("do without providers only where a component above has them", () => {
    void runtime.setMocks({ newResource: ({ inputs }) => ({ id: "id", state: inputs as object }), call: () => ({}) });
    expect(() => new Tenant("acme", minimal)).toThrow('new Tenant("acme") needs the providers of the shared servers');
    expect(() => new Platform("platform")).toThrow("pass { providers: tenantProviders() }");
  });
});

it("the code that the state of every tenant keeps is what it was: a letter changed is a difference of all of their resources", () => {
  const source = readFileSync(join(root, "providers/dynamic.ts"), "utf8");
  const [inCheckout, inPackage] = [...source.matchAll(/return `(exports\.handler.*?)`;\n/gs)].map(
    ([, code = ""]) => code,
  );
  const digest = (text = "") => createHash("sha256").update(text).digest("hex");
  expect(digest(inCheckout)).toBe("12fba33d5d3bd618fac7a53ed63ee5de060ff959c82e5227b883b1cd1756fb97");
  expect(digest(inPackage)).toBe("464f9177633c8e3b8f4f5030d42283cff70ebaa5bea7ac45f1b1c9df48de33ac");
});
