// Whether the tests' own stores speak TLS: npm test -- --tls.
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { servers } from "../../providers/clients/servers.ts";

/** Set by test/run.ts for the test files. */
export const tlsVariable = "TENANT_TEST_TLS";

/** True when they do. */
export const testTls = (): boolean => process.env[tlsVariable] === "1";

/** For clients without an option for an authority: from now on this process trusts the stores'. */
export function trustStoresAuthority(): void {
  const { ca } = servers().qdrant;
  if (ca !== undefined) setDefaultCACertificates([...getCACertificates("default"), ca.pem]);
}
