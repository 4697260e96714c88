// Ports of the tests' own stores. Two checkouts on one machine can test at the same time: TENANT_TEST_PORT_SHIFT=10 npm test.
import { portsAt, type Ports } from "../../local/settings.ts";

/** The offset of a set of stores, for TENANT_STORES_PORT_OFFSET. */
export function testOffset(offset: number): number {
  return offset + Number(process.env["TENANT_TEST_PORT_SHIFT"] ?? 0);
}

/** The ports at that offset. */
export function testPorts(offset: number): Ports {
  return portsAt(testOffset(offset));
}
