// A stack's configuration: everything that is wrong with it is said at once, and no secret is repeated.
import { RunError } from "@pulumi/pulumi";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { adoptVariable } from "../../providers/clients/adopting.ts";
import { settings as serverSettings } from "../../providers/clients/servers.ts";
import { adoptedSecrets } from "../../stacks/adopted.ts";
import { platformSettings, tenantSettings } from "../../stacks/config.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "stacks-"))));
afterEach(() => rmSync(folder, { recursive: true }));

/** Values as the engine hands them over: strings, lists and objects as JSON. */
type Values = Readonly<Record<string, string>>;
const acme: Values = { id: "acme", network: '["10.12.0.0/16"]' };
/** Two age public keys. */
const recovery = "age1lvyvwawkr0mcnnnncaghunadrqkmuf9e6507x9y920xxpp866cnql7dp2z";
const another = "age1cy0su9fwf3gf9mw868g5yut09p6nytfmmnktexz2ya5uqg9vl9sss4euqm";
const privateKey = "AGE-SECRET-KEY-184JMZMVQH3E6U0PSL869004Y3U2NYV7R30EU99CSEDNPH02YUVFSZW44VU";
const namespaced = (values: Values): Values =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`tenant-storage:${key}`, value]));
const read = (
  values: Values,
  { stack = "acme", secret = [] as string[], warn = (message: string): unknown => message } = {},
) =>
  tenantSettings(stack, namespaced(values), { folder, secretKeys: secret.map((key) => `tenant-storage:${key}`), warn });

/** The lines of the refusal, each one problem. */
function problems(work: () => unknown): string[] {
  try {
    work();
  } catch (error) {
    const lines = (error as Error).message.split("\n");
    expect(error).toBeInstanceOf(RunError); // Shown without a stack trace.
    expect(lines[0]).toMatch(/^stacks\/Pulumi\.[a-z]+\.yaml cannot be used; nothing was touched\.$/);
    expect(lines.at(-1)).toMatch(
      /^Change it there, or: pulumi config set --stack [a-z]+ KEY VALUE\. Every key: README\.md/,
    );
    return lines.slice(1, -1).map((line) => line.replace(/^ {2}- /, ""));
  }
  throw new Error("it was accepted");
}

describe("a tenant's settings", () => {
  it("need an id and a network; the rest has defaults", () => {
    expect(read(acme)).toMatchObject({
      id: "acme",
      networks: ["10.12.0.0/16"],
      recipients: [],
      allowDestroy: false,
      bucketQuota: 10_737_418_240,
    });
  });

  it("labels are short words, and every wrong one is said", () => {
    expect(read({ ...acme, labels: '{"plan":"gold","region":"eu-1"}' }).labels).toEqual({
      plan: "gold",
      region: "eu-1",
    });
    const given = { Plan: "gold", tier: 5, team: "a b" };
    expect(problems(() => read({ ...acme, labels: JSON.stringify(given) }))).toEqual([
      expect.stringMatching(/^labels.Plan: must be values by label.* a label is 1 to 40 of a-z/),
      expect.stringMatching(/^labels.tier: must be a text in quotes \(given: 5\)/),
      expect.stringMatching(/^labels.team: must be 1 to 40 letters.*\(given: "a b"\)/),
    ]);
    expect(problems(() => read({ ...acme, labels: "gold" }))).toEqual([
      expect.stringMatching(/^labels: must be values by label, such as \{plan: gold\}.*\(given: "gold"\)/),
    ]);
  });

  it("are what the file says", () => {
    const values = {
      ...acme,
      network: '["10.12.0.0/16","fd00:12::/48"]',
      operatorNetworks: '["192.168.7.0/24"]',
      recipients: JSON.stringify([recovery, another]),
      allowDestroy: "true",
      postgresqlConnectionLimit: "7",
      postgresqlStatementTimeout: "30000",
      postgresqlIdleTransactionTimeout: "5000",
      postgresqlTempFileLimit: "1GB",
      bucketQuota: "1073741824",
      qdrantVectorSize: "1024",
      qdrantDistance: "Dot",
      qdrantPayloadIndexes: '{"document_id":"keyword"}',
      qdrantShards: "6",
      qdrantReplicas: "3",
      qdrantWriteConsistency: "2",
      qdrantMaxPoints: "5000",
      qdrantQuota: "0",
      qdrantReadsPerMinute: "600",
      qdrantWritesPerMinute: "6000",
      qdrantUnindexedFilters: "true",
      qdrantTokenDays: "90",
      rotation: '{"redis":2,"age":1}',
    };
    expect(read(values)).toMatchObject({
      networks: ["10.12.0.0/16", "fd00:12::/48"],
      operatorNetworks: ["192.168.7.0/24"],
      recipients: [recovery, another],
      allowDestroy: true,
      postgresqlConnectionLimit: 7,
      postgresqlStatementTimeout: 30_000,
      postgresqlIdleTransactionTimeout: 5000,
      postgresqlTempFileLimit: "1GB",
      bucketQuota: 1_073_741_824,
      qdrantVectorSize: 1024,
      qdrantDistance: "Dot",
      qdrantPayloadIndexes: { document_id: "keyword" },
      qdrantShards: 6,
      qdrantReplicas: 3,
      qdrantWriteConsistency: 2,
      qdrantMaxPoints: 5000,
      qdrantQuota: 0,
      qdrantReadsPerMinute: 600,
      qdrantWritesPerMinute: 6000,
      qdrantUnindexedFilters: true,
      qdrantTokenDays: 90,
      rotation: { redis: 2, age: 1 },
    });
  });

  it.each([
    ["0", ["10.0.0.0/16"]],
    ["12", ["10.12.0.0/16"]],
    ["255", ["10.255.0.0/16"]],
  ])("octet %s is the network %s", (octet, networks) => {
    expect(read({ id: "acme", octet }).networks).toEqual(networks);
  });

  it("take networks and an octet together; -1 is no octet", () => {
    expect(read({ ...acme, octet: "13" }).networks).toEqual(["10.12.0.0/16", "10.13.0.0/16"]);
    expect(read({ ...acme, octet: "-1" }).networks).toEqual(["10.12.0.0/16"]);
  });

  it("an id of digits only stays text", () => {
    expect(read({ ...acme, id: "007" }, { stack: "007" }).id).toBe("007");
  });

  it("other programs' keys and the servers' keys are none of theirs", () => {
    const servers = Object.fromEntries(Object.values(serverSettings).map(({ config }) => [config, "x"]));
    const config = { ...namespaced({ ...acme, ...servers }), "aws:region": "x", "other:id": "y" };
    const secretKeys = Object.keys(namespaced(servers));
    expect(tenantSettings("acme", config, { folder, secretKeys }).id).toBe("acme");
  });

  it.each(Object.values(serverSettings).map(({ config, env }) => [config, env]))(
    "the server setting %s is refused unless it is encrypted: a proposed change of the file must not name a server",
    (key, env) => {
      const [problem, ...others] = problems(() => read({ ...acme, [key]: "https://elsewhere.example" }));
      expect(others).toEqual([]);
      expect(problem).toMatch(
        new RegExp(`^${key}: .* is not encrypted: .*Use ${env}, or: pulumi config set --secret ${key}$`),
      );
      expect(problem).not.toContain("elsewhere");
      expect(read({ ...acme, [key]: "https://elsewhere.example" }, { secret: [key] }).id).toBe("acme");
    },
  );
});

describe("one wrong key", () => {
  it.each([
    ["id", "Acme", /^id: "Acme" is not a tenant id: 1 to 40 characters, only a-z and 0-9/],
    ["id", "", /^id: "" is not a tenant id/],
    ["id", "canary", /^id: "canary" is reserved for the platform \(reserved: canary, platform\): choose another id$/],
    ["id", "globex", /^id: is "globex", but the stack is "acme": one tenant, one stack of its name$/],
    ["network", "[]", /^network: is not set: the tenant's CIDRs, such as \[10\.12\.0\.0\/16\] \(or octet: 12\)$/],
    [
      "network",
      "10.12.0.0/16",
      /^network: must be a list of CIDRs, such as \[10\.12\.0\.0\/16\] \(given: "10\.12\.0\.0\/16"\)$/,
    ],
    ["network", '["acme"]', /^network\.0: "acme" is not a CIDR: write .* such as 10\.12\.0\.0\/16 or fd00:12::\/48$/],
    [
      "network",
      '["10.12.0.5/16"]',
      /^network\.0: "10\.12\.0\.5\/16" is not the start of its network: write 10\.12\.0\.0\/16$/,
    ],
    ["network", '["0.0.0.0/0"]', /^network\.0: "0\.0\.0\.0\/0" is every address: name the tenant's own network$/],
    ["network", "[12]", /^network\.0: must be a CIDR, such as 10\.12\.0\.0\/16 \(given: 12\)$/],
    [
      "network",
      '["10.12.0.0/16","10.12.7.0/24"]',
      /^network: 10\.12\.7\.0\/24 and 10\.12\.0\.0\/16 of this tenant overlap: keep one$/,
    ],
    [
      "network",
      '["127.0.0.0/8","127.0.0.0/8"]',
      /^network: 127\.0\.0\.0\/8 and 127\.0\.0\.0\/8 of this tenant overlap/,
    ],
    ["octet", "256", /^octet: must be a whole number from 0 to 255; .*10\.<octet>\.0\.0\/16 \(given: 256\)$/],
    ["octet", "-2", /^octet: must be a whole number from 0 to 255; .* \(given: -2\)$/],
    ["octet", "12.5", /^octet: must be a whole number from 0 to 255; .* \(given: 12\.5\)$/],
    ["octet", "twelve", /^octet: must be a whole number from 0 to 255; .* \(given: "twelve"\)$/],
    ["octet", "", /^octet: must be a whole number from 0 to 255; .* \(given: ""\)$/],
    ["octet", "12", /^network: 10\.12\.0\.0\/16 and 10\.12\.0\.0\/16 of this tenant overlap: keep one$/],
    ["operatorNetworks", "[]", /^operatorNetworks: needs a network: verification connects from it \(given: \[\]\)$/],
    [
      "operatorNetworks",
      "127.0.0.1",
      /^operatorNetworks: must be a list of CIDRs, such as .* \(given: "127\.0\.0\.1"\)$/,
    ],
    ["operatorNetworks", '["localhost"]', /^operatorNetworks\.0: "localhost" is not a CIDR/],
    ["recipients", recovery, /^recipients: must be a list of age public keys, such as \[age1…\] \(given: "age1lvyv/],
    [
      "recipients",
      `["${recovery}x"]`,
      /^recipients\.0: "age1lvyv\w+2zx" is mistyped, or no X25519 key: print it with: age/,
    ],
    ["recipients", `["${recovery.replace("m", "n")}"]`, /^recipients\.0: "age1lvyv\w+" is mistyped, or no X25519 key/],
    [
      "recipients",
      '["ssh-ed25519 AAAA"]',
      /^recipients\.0: "ssh-ed25519 AAAA" is not an age public key \(age1…\): print/,
    ],
    ["recipients", "[1]", /^recipients\.0: must be an age public key, age1… \(given: 1\)$/],
    [
      "recipients",
      `["${recovery}","${another}","${recovery}"]`,
      /^recipients: age1lvyv\w+ is listed more than once: keep/,
    ],
    ["recipients", `["${privateKey}"]`, /^recipients\.0: is a private key: take it out(?!.*184JMZ)/],
    ["recipients", privateKey, /^recipients: must be a list of age public keys, such as \[age1…\]$/],
    ["allowDestroy", "yes", /^allowDestroy: must be true or false \(given: "yes"\)$/],
    [
      "postgresqlConnectionLimit",
      "1",
      /^postgresqlConnectionLimit: must be a whole number of connections from 2 to 10000 \(given: 1\)$/,
    ],
    ["postgresqlConnectionLimit", "-1", /whole number of connections from 2 to 10000 \(given: -1\)$/],
    ["postgresqlConnectionLimit", "1e99", /whole number of connections from 2 to 10000 \(given: 1e\+99\)$/],
    [
      "postgresqlStatementTimeout",
      "30s",
      /^postgresqlStatementTimeout: must be a whole number of milliseconds from 0 to 2147483647 \(given: "30s"\)$/,
    ],
    ["postgresqlIdleTransactionTimeout", "-1", /^postgresqlIdleTransactionTimeout: must be a whole number of milli/],
    [
      "postgresqlTempFileLimit",
      "256",
      /^postgresqlTempFileLimit: must be a number with kB, MB, GB or TB, such as 256MB \(given: "256"\)$/,
    ],
    ["postgresqlTempFileLimit", "256 MB'; DROP", /^postgresqlTempFileLimit: must be a number with kB/],
    ["postgresqlTempFileLimit", "256MB\n", /^postgresqlTempFileLimit: must be a number with kB/],
    [
      "bucketQuota",
      "10GB",
      /^bucketQuota: must be a whole number of bytes from 0 to 9007199254740991 \(given: "10GB"\)$/,
    ],
    ["qdrantVectorSize", "0", /^qdrantVectorSize: must be a whole number of dimensions from 1 to 65536 \(given: 0\)$/],
    ["qdrantDistance", "cosine", /^qdrantDistance: must be Cosine, Dot, Euclid or Manhattan \(given: "cosine"\)$/],
    [
      "qdrantPayloadIndexes",
      '["a"]',
      /^qdrantPayloadIndexes: must be index types by field, such as \{document_id: keyword\} \(given: \["a"\]\)$/,
    ],
    [
      "qdrantPayloadIndexes",
      '{"a":"string"}',
      /^qdrantPayloadIndexes\.a: must be one of keyword, .*, uuid \(given: "string"\)$/,
    ],
    ["qdrantShards", "0", /^qdrantShards: must be a whole number of shards from 1 to 1000 \(given: 0\)$/],
    [
      "qdrantWriteConsistency",
      "2",
      /^qdrantWriteConsistency: is 2, and qdrantReplicas is 1: a write is taken by as many nodes as have a copy, at most$/,
    ],
    ["qdrantMaxPoints", "-1", /^qdrantMaxPoints: must be a whole number of points from 0 to 4294967295 \(given: -1\)$/],
    ["qdrantQuota", "1e99", /^qdrantQuota: must be a whole number of bytes from 0 to 9007199254740991 /],
    ["qdrantReadsPerMinute", "many", /^qdrantReadsPerMinute: must be a whole number of searches from 0 to /],
    ["qdrantWritesPerMinute", "0.5", /^qdrantWritesPerMinute: must be a whole number of points from 0 to /],
    ["qdrantUnindexedFilters", "yes", /^qdrantUnindexedFilters: must be true or false \(given: "yes"\)$/],
    ["qdrantTokenDays", "0.5", /^qdrantTokenDays: must be a whole number of days from 0 to 36500 \(given: 0\.5\)$/],
    ["quota", "1", /^quota: no such setting\. Known: id, network, octet, .*rotation.*$/],
    ["bucketQuotta", "1", /^bucketQuotta: no such setting\. Did you mean bucketQuota\?$/],
    ["qdrantvectorsize", "1", /^qdrantvectorsize: no such setting\. Did you mean qdrantVectorSize\?$/],
    ["pgPasword", "1", /^pgPasword: no such setting\. Did you mean pgPassword\?$/],
    [
      "rotation",
      '{"redis":-1}',
      /^rotation\.redis: must be a whole number of rotations from 0 to 1000000 \(given: -1\)$/,
    ],
    [
      "rotation",
      '{"kafka":1}',
      /^rotation: must be numbers by secret \(minio, .*, age\), such as \{redis: 1\} \(given: /,
    ],
    ["rotation", "1", /^rotation: must be numbers by secret/],
    ["__proto__", "1", /^__proto__: no such setting/],
    ["constructor", "1", /^constructor: no such setting/],
  ])("%s = %s", (key, value, expected) => {
    const found = problems(() => read(Object.fromEntries([...Object.entries(acme), [key, value]])));
    expect(found).toEqual([expect.stringMatching(expected)]);
  });
});

it("every wrong key is reported at once", () => {
  const found = problems(() =>
    read({ id: "Acme", network: '["x"]', octet: "300", allowDestroy: "no", bucketQuota: "-1", quota: "1", size: "2" }),
  );
  expect(found.map((line) => line.split(":")[0])).toEqual([
    "id",
    "network.0",
    "octet",
    "allowDestroy",
    "bucketQuota",
    "quota",
    "size",
  ]);
});

it("an empty file lacks the id and the network", () => {
  expect(problems(() => read({})).map((line) => line.split(":")[0])).toEqual(["id", "network"]);
});

describe("another stack's file", () => {
  const others = (files: Values) => {
    for (const [stack, text] of Object.entries(files)) writeFileSync(join(folder, `Pulumi.${stack}.yaml`), text);
  };
  const config = (text: string) => `config:\n  ${text}\n`;

  it.each([
    ["the same network", 'tenant-storage:network: ["10.12.0.0/16"]', "10.12.0.0/16"],
    ["a wider one", 'tenant-storage:network: ["10.0.0.0/8"]', "10.0.0.0/8"],
    ["one inside", "tenant-storage:network:\n    - 10.99.0.0/16\n    - 10.12.3.0/24", "10.12.3.0/24"],
    ["an octet", "tenant-storage:octet: 12", "10.12.0.0/16"],
    // Pulumi takes keys without the project's name as the project's.
    ["a key without namespace", 'network: ["10.12.0.0/16"]', "10.12.0.0/16"],
    ["an octet without namespace", "octet: 12", "10.12.0.0/16"],
    ["an octet as text", 'tenant-storage:octet: "12"', "10.12.0.0/16"],
  ])("with %s is an overlap, and named", (_what, text, theirs) => {
    others({ globex: config(text) });
    expect(problems(() => read(acme))).toEqual([
      `network: 10.12.0.0/16 overlaps ${theirs} of stacks/Pulumi.globex.yaml: tenants may not share addresses`,
    ]);
  });

  it("with an IPv6 network inside ours is an overlap", () => {
    others({ globex: config('tenant-storage:network: ["fd00:12:0:7::/64"]') });
    expect(problems(() => read({ ...acme, network: '["fd00:12::/48"]' }))).toHaveLength(1);
  });

  it("each overlap is reported, beside everything else", () => {
    others({ globex: config("octet: 12"), initech: config('network: ["10.12.9.0/24"]') });
    const found = problems(() => read({ ...acme, bucketQuota: "x" }));
    expect(found).toHaveLength(3);
    expect(found.join()).toMatch(/bucketQuota.*globex.*initech/);
  });

  it.each([
    ["our own", { acme: config("octet: 12") }],
    ["the platform's", { platform: config('operatorNetworks: ["10.12.0.0/16"]') }],
    ["a neighbour's", { globex: config("octet: 13") }],
    ["an empty one", { globex: "" }],
    ["one without configuration", { globex: "config:\n" }],
    ["one with an encrypted network", { globex: config("network:\n    secure: v1:abc") }],
    ["one that is wrong itself", { globex: config('network: ["10.12/16", 7]\n  octet: 300') }],
    ["one on loopback", { globex: config('network: ["127.0.0.0/8"]') }],
  ])("%s is no obstacle", (_what, files) => {
    others(files);
    expect(read(acme).networks).toEqual(["10.12.0.0/16"]);
  });

  it("loopback is shared by local tenants", () => {
    others({ globex: config('network: ["127.0.0.0/8", "::1/128"]') });
    expect(read({ ...acme, network: '["127.0.0.0/8","::1/128"]' }).networks).toHaveLength(2);
  });

  it("that cannot be read stops its own stack only", () => {
    others({ globex: "config: [" });
    const warnings: string[] = [];
    expect(read(acme, { warn: (message) => warnings.push(message) }).networks).toEqual(["10.12.0.0/16"]);
    expect(warnings).toEqual([expect.stringMatching(/^stacks\/Pulumi\.globex\.yaml cannot be read: /)]);
  });

  it("with a network that holds our operator's hosts is named: its role would be let in from there", () => {
    others({ globex: config("octet: 13") });
    expect(problems(() => read({ ...acme, operatorNetworks: '["10.13.0.7/32"]' }))).toEqual([
      "operatorNetworks: 10.13.0.7/32 overlaps the network 10.13.0.0/16 of stacks/Pulumi.globex.yaml: name the operator's hosts only",
    ]);
  });

  it("with its operator's hosts in our network is named", () => {
    others({ globex: config('octet: 13\n  operatorNetworks: ["10.12.0.7/32"]') });
    expect(problems(() => read(acme))).toEqual([
      "network: 10.12.0.0/16 overlaps operatorNetworks 10.12.0.7/32 of stacks/Pulumi.globex.yaml: those are the operator's hosts",
    ]);
  });
});

describe("no secret is repeated", () => {
  const hidden = "hunter2hunter2";
  const known = Object.keys(projectFile().config);

  it.each(known)("one that was encrypted into %s is refused, as the state would hold it in the clear", (key) => {
    const values = { ...acme, [key]: hidden };
    const found = problems(() => read(values, { secret: [key] }));
    expect(found).toEqual([
      `${key}: is encrypted, but the setting is no secret: the state would hold it in the clear. Set it without --secret`,
    ]);
  });

  it("nor one that is inside a list", () => {
    const found = problems(() => read({ ...acme, network: `["10.12.0.0/16","${hidden}"]` }, { secret: ["network"] }));
    expect(found.join()).not.toContain(hidden);
  });

  it("nor the value of a key that does not exist, encrypted or not", () => {
    for (const secret of [[], ["pgPasword"]]) {
      const found = problems(() => read({ ...acme, pgPasword: hidden }, { secret }));
      expect(found).toEqual([expect.stringMatching(/^pgPasword: no such setting/)]);
      expect(found.join()).not.toContain(hidden);
    }
  });

  it("nor the servers' own, whatever else is wrong", () => {
    const servers = Object.fromEntries(Object.values(serverSettings).map(({ config }) => [config, hidden]));
    expect(problems(() => read({ ...servers, id: "x" })).join()).not.toContain(hidden);
  });

  it("the engine's own list of secret keys counts", () => {
    const before = process.env["PULUMI_CONFIG_SECRET_KEYS"];
    process.env["PULUMI_CONFIG_SECRET_KEYS"] = '["tenant-storage:bucketQuota"]';
    try {
      const values = namespaced({ ...acme, bucketQuota: hidden });
      expect(problems(() => tenantSettings("acme", values, { folder })).join()).not.toContain(hidden);
    } finally {
      if (before === undefined) delete process.env["PULUMI_CONFIG_SECRET_KEYS"];
      else process.env["PULUMI_CONFIG_SECRET_KEYS"] = before;
    }
  });
});

describe("the platform stack", () => {
  const read = (values: Values, secretKeys: string[] = []) =>
    platformSettings("platform", namespaced(values), { secretKeys });

  it("takes the networks of verification, and the defaults of the project file", () => {
    expect(read({ operatorNetworks: '["10.1.0.0/16"]' })).toEqual({
      operatorNetworks: ["10.1.0.0/16"],
      recipients: [],
      placement: "default",
    });
    expect(read({ recipients: JSON.stringify([recovery]) })).toMatchObject({ recipients: [recovery] });
    expect(read({})).toEqual({ operatorNetworks: ["127.0.0.0/8", "::1/128"], recipients: [], placement: "default" });
    expect(read({ ...engineDefaults(), pgHost: "db" }, ["tenant-storage:pgHost"])).toEqual({
      operatorNetworks: ["127.0.0.0/8", "::1/128"],
      recipients: [],
      placement: "default",
    });
  });

  it.each([
    ["operatorNetworks", '["x"]', /^operatorNetworks\.0: "x" is not a CIDR/],
    ["operatorNetworks", "[]", /^operatorNetworks: needs a network/],
    ["recipients", '["age1"]', /^recipients\.0: "age1" is mistyped/],
    ["recipients", `["${recovery}","${recovery}"]`, /^recipients: age1lvyv\w+ is listed more than once/],
    ["id", "acme", /^id: the platform stack is no tenant: remove it$/],
    ["operatorNetwork", "[]", /^operatorNetwork: no such setting\. Did you mean operatorNetworks\?$/],
  ])("%s = %s is refused", (key, value, expected) => {
    expect(problems(() => read({ [key]: value }))).toEqual([expect.stringMatching(expected)]);
  });

  it("is of the placement that its name says", () => {
    const of = (stack: string, placement: string) => () =>
      platformSettings(stack, namespaced({ placement }), { secretKeys: [] });
    expect(of("platform-eu-2", "eu-2")().placement).toBe("eu-2");
    expect(of("platform-eu-2", "default")).toThrow(
      "placement: is default, and the stack platform-eu-2 is that of placement eu-2: set it to eu-2, or use the stack platform",
    );
    expect(of("platform", "eu-2")).toThrow("or use the stack platform-eu-2");
    expect(of("platform-eu-2", "EU 2")).toThrow("placement: must be the name of a placement");
  });

  it("names no server unless encrypted", () => {
    expect(problems(() => read({ qdrantUrl: "https://x" }))).toEqual([
      expect.stringMatching(/^qdrantUrl: .*not encrypted/),
    ]);
  });

  it("repeats no secret", () => {
    const found = problems(() => read({ operatorNetworks: '["hunter2"]' }, ["tenant-storage:operatorNetworks"]));
    expect(found.join()).not.toContain("hunter2");
  });
});

interface Declared {
  readonly type: string;
  readonly description?: string;
  readonly default: unknown;
}
function projectFile() {
  const text = readFileSync(new URL("../../Pulumi.yaml", import.meta.url), "utf8");
  return parse(text) as { readonly config: Readonly<Record<string, Declared>> };
}
/** The declared defaults as the engine hands them to the program. */
function engineDefaults(): Values {
  const entries = Object.entries(projectFile().config);
  return Object.fromEntries(
    entries.map(([key, { default: value }]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}

describe("Pulumi.yaml", () => {
  const declared = projectFile().config;

  it("declares every setting, and no other", () => {
    const [unknown = ""] = problems(() => read({ ...acme, nonsense: "1" }));
    expect(Object.keys(declared)).toEqual(unknown.replace(/^.*Known: /, "").split(", "));
  });

  it.each(Object.entries(declared))("describes %s in a sentence", (_key, { type, description }) => {
    expect(["string", "integer", "boolean", "array", "object"]).toContain(type);
    expect(description).toMatch(/^\S.{20,}[^.]\.$/s);
  });

  it("has the defaults of stacks/config.ts", () => {
    expect(read({ ...engineDefaults(), ...acme })).toEqual(read(acme));
    const { networks, ...settings } = read(acme);
    const defaults = Object.fromEntries(Object.entries(declared).map(([key, value]) => [key, value.default]));
    expect(settings).toEqual({ ...defaults, id: "acme", network: networks });
  });
});

describe("what an adoption writes", () => {
  const secrets = { minio: "old-secret-1", postgresql: "old-secret-2", redis: "old-secret-3", api: "old-secret-4" };
  const adopted = { ...acme, adoptedSecrets: JSON.stringify(secrets) };
  afterEach(() => Reflect.deleteProperty(process.env, adoptVariable));

  it("keeps every run away but the one that adopts this tenant", () => {
    const begun = { ...acme, adopting: "with its own credentials" };
    expect(problems(() => read(begun))).toEqual([
      "adopting: the adoption of tenant acme is not complete. Go on with it: npm run tenant -- adopt acme. " +
        "Or leave the tenant as it is: npm run tenant -- adopt acme --give-up",
    ]);
    process.env[adoptVariable] = "globex";
    expect(problems(() => read(begun))).toHaveLength(1);
    process.env[adoptVariable] = "acme";
    expect(read(begun).id).toBe("acme");
  });

  it("takes secrets that are encrypted and complete, and repeats none", () => {
    expect(read(adopted, { secret: ["adoptedSecrets"] })).not.toHaveProperty("adoptedSecrets");
    expect(adoptedSecrets(namespaced(adopted))).toEqual(secrets);
    expect(adoptedSecrets(namespaced(acme))).toBeUndefined();
    expect(problems(() => read(adopted))).toEqual([
      "adoptedSecrets: is not encrypted, so everybody who reads the file knows them: change them all",
    ]);
    for (const text of ["old-secret-1", JSON.stringify({ ...secrets, api: undefined }), '{"minio": "old-secret-1"}']) {
      const said = problems(() => read({ ...acme, adoptedSecrets: text }, { secret: ["adoptedSecrets"] }));
      expect(said).toEqual([expect.stringMatching(/^adoptedSecrets: is not what tenant adopt writes/)]);
      expect(said.join()).not.toContain("old-secret");
    }
  });
});
