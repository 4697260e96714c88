// A network for a new tenant that nobody has.
import { networkProblem, overlap } from "../../components/networks.ts";

// 10.0 to 10.9 are often the hosts' own: they come last.
const octets = [
  ...Array.from({ length: 246 }, (_, index) => index + 10),
  ...Array.from({ length: 10 }, (_, index) => index),
];

/**
 * The first 10.N.0.0/16 that overlaps none of these networks; undefined when there is none.
 * @param taken CIDRs; what is none is left out
 */
export function freeNetwork(taken: readonly string[]): string | undefined {
  const usable = taken.filter((one) => networkProblem(one) === undefined);
  // Nearly all are inside one /16, which their first two numbers name: hundreds of tenants are compared in no time.
  const bits = (one: string) => Number(one.split("/")[1]);
  const inside = new Set(usable.filter((one) => bits(one) >= 16).map((one) => one.split(".").slice(0, 2).join(".")));
  const wider = usable.filter((one) => bits(one) < 16);
  return octets
    .filter((octet) => !inside.has(`10.${octet}`))
    .map((octet) => `10.${octet}.0.0/16`)
    .find((one) => !wider.some((other) => overlap(one, other)));
}
