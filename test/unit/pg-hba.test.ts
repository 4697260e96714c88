// pg_hba.conf belongs to the server's administrator: the tenant's lines come and go, and not one byte of the rest changes.
import { describe, expect, it } from "vitest";
import { isFirst, networksIn, withEntry, withoutEntry, type HbaEntry } from "../../providers/clients/pg-hba.ts";

const tenant = (id: string, ...networks: string[]): HbaEntry => ({
  database: `tenant_${id}`,
  role: `tenant_${id}_user`,
  networks,
});
const acme = tenant("acme", "10.12.0.0/16");
const own = "host tenant_acme tenant_acme_user 10.12.0.0/16 scram-sha-256";
const closing = "host all all all reject";

describe("a tenant's lines", () => {
  it("are one a network, of the plan's form", () => {
    expect(withEntry("", tenant("acme", "10.12.0.0/16", "fd00:12::/48"))).toBe(
      `${own}\nhost tenant_acme tenant_acme_user fd00:12::/48 scram-sha-256\n`,
    );
  });

  it.each([
    ["an empty file", "", `${own}\n`],
    ["a file of comments", "# one\n\n# two\n", `# one\n\n# two\n${own}\n`],
    ["no newline at the end", "local all all peer", `local all all peer\n${own}`],
    ["spaces and tabs", "\t host\tall  all\t\tall reject\n", `${own}\n\t host\tall  all\t\tall reject\n`],
    [
      "lines that end with CR LF",
      `local all all peer\r\n${closing}\r\n`,
      `local all all peer\r\n${own}\n${closing}\r\n`,
    ],
    ["a commented-out broad line", `# ${closing}\r\n${closing}`, `# ${closing}\r\n${own}\n${closing}`],
    ["a broken line at the end", "host \\", `${own}\nhost \\`],
    ["a continued line at the end", "host x y all \\\n", `host x y all \\\n\n${own}`],
  ])("%s", (_what, before, after) => {
    expect(withEntry(before, acme)).toBe(after);
    // The empty line after a continued line at the end of the file is its own end.
    expect(withoutEntry(after, acme)).toBe(before);
  });

  it("are for TLS only where the server speaks it, and one for anything else is not taken for ours", () => {
    const encrypted = { ...acme, encrypted: true };
    const line = own.replace("host ", "hostssl ");
    expect(withEntry(`${closing}\n`, encrypted)).toBe(`${line}\n${closing}\n`);
    expect(networksIn(line, encrypted)).toEqual(["10.12.0.0/16"]);
    expect(networksIn(own, encrypted)).toEqual([own]);
    expect(networksIn(line, acme)).toEqual([line]);
    expect(withEntry(`${own}\n${closing}\n`, encrypted)).toBe(`${line}\n${closing}\n`);
    expect(withEntry(`${line}\n${closing}\n`, acme)).toBe(`${own}\n${closing}\n`);
    expect(withoutEntry(`${line}\n${closing}\n`, acme)).toBe(`${closing}\n`);
  });

  it("are written once, and moved when the networks change", () => {
    const once = withEntry(`${closing}\n`, acme);
    expect(withEntry(once, acme)).toBe(once);
    const moved = withEntry(once, tenant("acme", "10.13.0.0/16"));
    expect(moved).toBe(`host tenant_acme tenant_acme_user 10.13.0.0/16 scram-sha-256\n${closing}\n`);
  });
});

/** Lines that could decide about the tenant before its own: its own come before them. */
const broad = [
  "host all all 0.0.0.0/0 md5",
  "host all all all reject",
  "host all all 0.0.0.0/0 reject",
  "host all all ::/0 reject",
  "host all all 0.0.0.0 0.0.0.0 reject",
  "host all all 10.12.0.0/16 trust",
  "host all all 10.12.0.0 255.255.0.0 trust",
  "host all all samenet trust",
  "host all all .example.com md5",
  "hostssl all all all scram-sha-256",
  "hostnossl all all all md5",
  "hostgssenc all all all gss",
  "hostnogssenc all all all md5",
  "host tenant_acme all all md5",
  'host "tenant_acme" all all md5',
  "host all tenant_acme_user all trust",
  "host all +tenants all trust",
  "host all @users.txt all trust",
  "host @databases.txt all all trust",
  "host all /^tenant_ all trust",
  'host "/^tenant_.*$" all all trust',
  "host samerole all all trust",
  "host samegroup all all trust",
  "host globex,tenant_acme all all md5",
  "host globex, all bob,all all md5",
  'host all "some one",all all md5',
  'host all "we#ird",all all md5',
  'host all b"o"b,all all md5',
  "host all all all md5 # tenants",
  "host all all \\\n  all md5",
  "include other.conf",
  "include_if_exists other.conf",
  "include_dir pg_hba.d",
];

/** Lines that say nothing about the tenant, or that keep it out on purpose: they stay before its own. */
const narrow = [
  "local all all trust",
  "local all tenant_acme_user scram-sha-256",
  "host postgres postgres 127.0.0.1/32 trust",
  "host replication all 0.0.0.0/0 scram-sha-256",
  "hostssl replication replicator 10.0.0.0/8 cert",
  "host sameuser all all md5",
  "host tenant_globex tenant_globex_user 10.13.0.0/16 scram-sha-256",
  "host tenant_acme2 tenant_acme2_user 10.14.0.0/16 scram-sha-256",
  "host tenant_acme2 all all md5",
  "host tenant_acm all all md5",
  "host all tenant_acme all md5",
  'host "all" all all md5',
  'host all "all" all md5',
  'host all "+tenants" all md5',
  'host "my all" bob all md5',
  'host "a "" all" all all md5',
  "# host all all all trust",
  "#host all all all trust",
  "   ",
  "# a comment goes on \\\nhost all all all trust",
  // The administrator shut these out.
  "host all all 10.12.66.0/24 reject",
  "host all all 10.12.66.0 255.255.255.0 reject",
  "host all all 10.12.66.0/24 \\\n  reject",
  "host all all fd00:66::/64 reject",
  "host all all samenet reject",
  "host all +suspended all reject",
  "host all tenant_acme_user all reject",
  "host tenant_acme tenant_acme_user 10.12.66.0/24 reject",
  "hostnossl all all all reject",
  "hostnogssenc all all 0.0.0.0/0 reject",
];

describe("a tenant's lines stand", () => {
  it.each(broad)("before: %s", (line) => {
    expect(withEntry(`local all all peer\n${line}\n${closing}\n`, acme)).toBe(
      `local all all peer\n${own}\n${line}\n${closing}\n`,
    );
    expect(isFirst(`${line}\n${own}\n`, acme)).toBe(false);
    expect(isFirst(`${own}\n${line}\n`, acme)).toBe(true);
  });

  it.each(narrow)("after: %s", (line) => {
    expect(withEntry(`${line}\n${closing}\n`, acme)).toBe(`${line}\n${own}\n${closing}\n`);
    expect(isFirst(`${line}\n${own}\n`, acme)).toBe(true);
  });
});

describe("what the file says of a tenant", () => {
  it.each([
    ["the networks, in the file's order", `${own}\nhost tenant_acme tenant_acme_user fd00::/64 scram-sha-256\n`],
    [
      "with tabs, quotes, a comment and CR",
      `host\t"tenant_acme" "tenant_acme_user"\t10.12.0.0/16  scram-sha-256 # x\r\n`,
    ],
    ["among other tenants'", `host tenant_acme2 tenant_acme2_user 10.14.0.0/16 scram-sha-256\n${own}`],
  ])("%s", (_what, text) => {
    expect(networksIn(text, acme)[0]).toBe("10.12.0.0/16");
  });

  it.each([
    ["a weaker method", "host tenant_acme tenant_acme_user 10.12.0.0/16 trust"],
    ["an option", "host tenant_acme tenant_acme_user 10.12.0.0/16 scram-sha-256 map=x"],
    ["another kind of connection", "hostnossl tenant_acme tenant_acme_user 10.12.0.0/16 scram-sha-256"],
    ["the socket", "local tenant_acme tenant_acme_user trust"],
  ])("%s is not what we wrote: it shows in the diff, and goes", (_what, line) => {
    expect(networksIn(`${line}\n`, acme)).toEqual([line]);
    expect(withEntry(`${line}\n${closing}\n`, acme)).toBe(`${own}\n${closing}\n`);
  });

  it.each([
    "",
    "# nothing\n",
    `${closing}\n`,
    `# ${own}\n`,
    "host tenant_acme all all md5\n",
    own.replace("acme_", "acme2_"),
  ])("is nothing in %j", (text) => {
    expect(networksIn(text, acme)).toEqual([]);
    expect(withoutEntry(text, acme)).toBe(text);
  });

  it("is nothing for acme in the lines of acme2, and the other way round", () => {
    const acme2 = tenant("acme2", "10.14.0.0/16");
    const both = withEntry(withEntry(closing, acme), acme2);
    expect(networksIn(both, acme)).toEqual(["10.12.0.0/16"]);
    expect(networksIn(both, acme2)).toEqual(["10.14.0.0/16"]);
    expect(withoutEntry(both, acme2)).toBe(withEntry(closing, acme));
    expect(withoutEntry(both, acme)).toBe(withEntry(closing, acme2));
  });
});

/** Repeatable random numbers below `most`. */
function random(seed: number): (most: number) => number {
  let state = seed;
  return (most) => {
    // mulberry32
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % most;
  };
}

describe("any file", () => {
  // Everything above, and what nobody would write.
  const pieces = [
    ...broad,
    ...narrow,
    "",
    "\\",
    '"',
    '"open',
    "host",
    "all all all",
    "#",
    ",,,",
    "\u00e9\u2028",
    "\r",
    "@",
  ];
  const others = [
    tenant("globex", "10.13.0.0/16", "fd00:13::/48"),
    tenant("acme2", "10.14.0.0/16"),
    tenant("a", "::1/128"),
  ];

  it("is the same, byte for byte, after the tenants' lines have come and gone, in any order", () => {
    for (let seed = 1; seed <= 2_000; seed += 1) {
      const pick = random(seed);
      const count = pick(8);
      const newline = ["\n", "\n", "\r\n"][pick(3)] ?? "\n";
      const lines = Array.from({ length: count }, () => pieces[pick(pieces.length)] ?? "");
      const original = lines.join(newline) + (pick(2) === 0 ? "" : newline);
      const tenants = [acme, ...others.slice(0, pick(4))];
      // The file may hold a tenant's own line already; then it is that tenant's, not the administrator's.
      const start = tenants.reduce(withoutEntry, original);

      const full = tenants.reduce(withEntry, start);
      for (const one of tenants) {
        expect({ seed, networks: networksIn(full, one) }).toEqual({ seed, networks: one.networks });
        expect({ seed, first: isFirst(full, one) }).toEqual({ seed, first: true });
        expect({ seed, text: withEntry(full, one) }).toEqual({ seed, text: full });
      }
      const leaving = pick(2) === 0 ? tenants : tenants.toReversed();
      expect({ seed, text: leaving.reduce(withoutEntry, full) }).toEqual({ seed, text: start });
    }
  });
});
