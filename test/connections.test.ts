// Sessions on the PostgreSQL server: errors, search path, sslmode.
import { expect, it } from "vitest";
import { adminClient, sslOptions, withAdmin } from "../providers/clients/postgresql.ts";
import { servers } from "../providers/clients/servers.ts";
import { testTls } from "./support/tls.ts";

const { postgresql } = servers();

it("name the server, the user and the command that helps, never the password", async () => {
  const password = "wrong-password-of-the-test";
  for (const [over, reason] of [
    [{ port: 1 }, /ECONNREFUSED/],
    [{ password }, /password authentication failed/],
    [{ sslMode: "sometimes" }, /use disable, require, verify-ca or verify-full/],
  ] as const) {
    const failure = await adminClient({ postgresql: { ...postgresql, ...over } }).then(
      () => new Error("connected"),
      (error: unknown) => error as Error,
    );
    expect(failure.message).toMatch(reason);
    expect(failure.message).toMatch(/PostgreSQL at .*:\d+ \(user .*, database postgres\).*npm run stores -- status/);
    expect(failure.message).not.toContain(password);
  }
});

it("say that only one side speaks TLS", async () => {
  const [sslMode, problem] = testTls()
    ? ["disable", "it speaks TLS, but PGSSLMODE says disable"]
    : ["verify-full", "it does not speak TLS, but PGSSLMODE says verify-full"];
  await expect(adminClient({ postgresql: { ...postgresql, sslMode } })).rejects.toThrow(
    `PostgreSQL at ${postgresql.host}:${postgresql.port}: ${problem}`,
  );
});

it("search nothing but the catalog", async () => {
  const { rows } = await withAdmin((client) => client.query("SHOW search_path"));
  expect(rows).toEqual([{ search_path: "pg_catalog,pg_temp" }]);
});

it("map libpq's sslmode", () => {
  const ca = { file: "/ca.pem", pem: "its certificates" };
  expect(sslOptions({ sslMode: "disable", ca })).toBe(false);
  expect(sslOptions({ sslMode: "require" })).toEqual({ rejectUnauthorized: false });
  expect(sslOptions({ sslMode: "verify-full" })).toEqual({ rejectUnauthorized: true });
  expect(sslOptions({ sslMode: "verify-full", ca })).toEqual({ rejectUnauthorized: true, ca: ca.pem });
  for (const sslMode of ["verify-ca", "require"]) {
    expect(sslOptions({ sslMode, ca })).toEqual({
      rejectUnauthorized: true,
      ca: ca.pem,
      checkServerIdentity: expect.any(Function) as unknown,
    });
  }
});
