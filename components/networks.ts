// Networks of tenants: CIDRs, IPv4 or IPv6, which may not overlap between tenants.
import ipaddr from "ipaddr.js";

/** Why `text` is not a network a tenant may have; undefined when it is. */
export function networkProblem(text: string): string | undefined {
  // Four decimal parts only: the library reads 10.12/16 as 10.0.0.12 and 010.12.0.0 as octal.
  if (!ipaddr.isValidCIDR(text) || !(text.includes(":") || ipaddr.IPv4.isValidCIDRFourPartDecimal(text))) {
    return `${JSON.stringify(text)} is not a CIDR: write an address and a prefix length, such as 10.12.0.0/16 or fd00:12::/48`;
  }
  const [address, length] = ipaddr.parseCIDR(text);
  const mapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && length >= 96;
  if (length === (mapped ? 96 : 0)) {
    return `${JSON.stringify(text)} is every address: name the tenant's own network`;
  }
  const base =
    address.kind() === "ipv4" ? ipaddr.IPv4.networkAddressFromCIDR(text) : ipaddr.IPv6.networkAddressFromCIDR(text);
  if (mapped && base instanceof ipaddr.IPv6) {
    // PostgreSQL never sees such an address, and its IPv4 twin would not count as an overlap.
    const ipv4 = `${base.toIPv4Address().toString()}/${length - 96}`;
    return `${JSON.stringify(text)} is an IPv4 network written as IPv6: write ${ipv4}`;
  }
  const canonical = `${base.toString()}/${length}`;
  return canonical === text ? undefined : `${JSON.stringify(text)} is not the start of its network: write ${canonical}`;
}

/** True when the network is this machine only. Local tenants share it. */
export function isLoopback(network: string): boolean {
  const [address, length] = ipaddr.parseCIDR(network);
  return address.range() === "loopback" && length >= (address.kind() === "ipv4" ? 8 : 128);
}

/** True when the two networks share an address. Loopback is shared by everybody and never counts. */
export function overlap(one: string, other: string): boolean {
  if (isLoopback(one) || isLoopback(other)) return false;
  const [first, firstLength] = ipaddr.parseCIDR(one);
  const [second, secondLength] = ipaddr.parseCIDR(other);
  if (first.kind() !== second.kind()) return false;
  return first.match(second, Math.min(firstLength, secondLength));
}
