// Which networks a tenant may have, and which two tenants may not have.
import { describe, expect, it } from "vitest";
import { isLoopback, networkProblem, overlap } from "../../components/networks.ts";

describe("a network", () => {
  it.each([
    ...["10.12.0.0/16", "10.12.0.5/32", "0.0.0.0/1", "192.168.1.128/25", "127.0.0.0/8"],
    ...["fd00:12::/48", "2001:db8::1/128", "::1/128", "fe80::/64", "8000::/1"],
  ])("%s is fine", (text) => {
    expect(networkProblem(text)).toBeUndefined();
  });

  it.each([
    ...[
      "",
      "acme",
      "10.12.0.0",
      "10.12.0.0/",
      "/16",
      "10.12.0.0/33",
      "10.12.0.0/-1",
      "10.12.0.0/1e1",
      "10.12.0.0/16.0",
    ],
    ...[
      "10.12.0.0/255.255.0.0",
      "10.12.0.0/16 ",
      " 10.12.0.0/16",
      "10.12.0.0/16\n",
      "10.256.0.0/16",
      "10.12.0.0/16,10.13.0.0/16",
    ],
    ...["fd00::/129", "fd00::12::/48", "fd00:12/48", "::", "all", "samenet", ".example.com", "10.12.0.0/16 trust"],
    // Read by some tools as 10.0.0.12, 8.12.0.0 and 10.12.0.0.
    ...["10.12/16", "10/8", "010.12.0.0/16", "0xa.12.0.0/16", "168558592/16"],
  ])("%j is not one, and an example shows how to write it", (text) => {
    expect(networkProblem(text)).toBe(
      `${JSON.stringify(text)} is not a CIDR: write an address and a prefix length, such as 10.12.0.0/16 or fd00:12::/48`,
    );
  });

  it.each(["0.0.0.0/0", "10.12.0.0/0", "::/0", "fd00::/0"])("%s is everybody's", (text) => {
    expect(networkProblem(text)).toBe(`${JSON.stringify(text)} is every address: name the tenant's own network`);
  });

  it.each([
    ["10.12.0.5/16", "10.12.0.0/16"],
    ["10.12.0.1/31", "10.12.0.0/31"],
    ["127.0.0.0/7", "126.0.0.0/7"],
    ["10.12.0.0/016", "10.12.0.0/16"],
    ["fd00:12::5/48", "fd00:12::/48"],
    ["FD00:12::/48", "fd00:12::/48"],
    ["fd00:0012::/48", "fd00:12::/48"],
    ["fd00:12:0:0:0:0:0:0/48", "fd00:12::/48"],
    ["fe80::%eth0/64", "fe80::/64"],
    ["::1/127", "::/127"],
  ])("%s has one spelling: %s", (text, canonical) => {
    expect(networkProblem(text)).toBe(`${JSON.stringify(text)} is not the start of its network: write ${canonical}`);
    expect(networkProblem(canonical)).toBeUndefined();
  });

  it.each([
    ["::ffff:10.12.0.0/112", "10.12.0.0/16"],
    ["::ffff:a0c:0/112", "10.12.0.0/16"],
    ["::ffff:127.0.0.1/128", "127.0.0.1/32"],
  ])("%s is IPv4 in IPv6, which would hide an overlap: write %s", (text, ipv4) => {
    expect(networkProblem(text)).toBe(`${JSON.stringify(text)} is an IPv4 network written as IPv6: write ${ipv4}`);
  });

  it("::ffff:0:0/96 is every IPv4 address", () => {
    expect(networkProblem("::ffff:0:0/96")).toMatch(/is every address: name/);
  });
});

describe("this machine only", () => {
  it.each([
    ["127.0.0.0/8", true],
    ["127.0.0.1/32", true],
    ["127.255.0.0/16", true],
    ["::1/128", true],
    ["126.0.0.0/7", false],
    ["127.0.0.0/7", false],
    ["::/127", false],
    ["128.0.0.0/8", false],
    ["10.0.0.0/8", false],
    ["fe80::/64", false],
  ])("%s: %s", (network, expected) => {
    expect(isLoopback(network)).toBe(expected);
  });
});

describe("two networks", () => {
  it.each([
    ["the same", "10.12.0.0/16", "10.12.0.0/16", true],
    ["one inside the other", "10.0.0.0/8", "10.12.0.0/16", true],
    ["one address inside", "10.12.255.255/32", "10.12.0.0/16", true],
    ["neighbours", "10.12.0.0/16", "10.13.0.0/16", false],
    ["neighbours with a common longer prefix", "10.12.0.0/17", "10.12.128.0/17", false],
    ["far apart", "10.12.0.0/16", "192.168.0.0/16", false],
    ["the same in IPv6", "fd00:12::/48", "fd00:12::/48", true],
    ["inside in IPv6", "fd00::/16", "fd00:12::/48", true],
    ["IPv6 neighbours", "fd00:12::/48", "fd00:12:1::/48", false],
    ["IPv4 and IPv6", "10.12.0.0/16", "fd00:12::/48", false],
    ["loopback twice: local tenants share it", "127.0.0.0/8", "127.0.0.0/8", false],
    ["parts of loopback", "127.0.0.0/8", "127.0.0.1/32", false],
    ["IPv6 loopback twice", "::1/128", "::1/128", false],
    ["more than loopback, twice", "126.0.0.0/7", "126.0.0.0/7", true],
    ["more than loopback and its neighbour", "126.0.0.0/7", "126.1.0.0/16", true],
    ["half of the internet and a part of it", "0.0.0.0/1", "10.12.0.0/16", true],
  ])("%s (%s, %s): %s, both ways", (_what, one, other, expected) => {
    expect([overlap(one, other), overlap(other, one)]).toEqual([expected, expected]);
  });
});
