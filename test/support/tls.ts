// Whether the tests' own stores speak TLS: npm test -- --tls.

/** Set by test/run.ts for the test files. */
export const tlsVariable = "TENANT_TEST_TLS";

/** True when they do. */
export const testTls = (): boolean => process.env[tlsVariable] === "1";
