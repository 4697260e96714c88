// compose.yaml cannot be run without Docker: what it says is checked against what local/ does.
import { readFileSync, rmSync } from "node:fs";
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { parse } from "yaml";
import { writeComposeEnv } from "../../local/compose.ts";
import { storesEnv } from "../../local/environment.ts";
import { root } from "../../toolchain/paths.ts";
import { temporaryStores } from "./support.ts";

interface Service {
  readonly image: string;
  readonly ports: readonly string[];
  readonly environment: Record<string, string>;
  readonly healthcheck: { readonly test: readonly string[]; readonly retries: number };
  readonly entrypoint?: readonly string[];
}

const stores = temporaryStores(4200);
afterAll(() => stores.remove());

const text = readFileSync(join(root, "local/compose.yaml"), "utf8");
const compose = parse(text, { merge: true }) as {
  services: Record<string, Service>;
  configs: Record<string, { content: string }>;
};

test("the four stores and the gateway, pinned, on the loopback address, with the default ports", () => {
  expect(Object.keys(compose.services)).toEqual(["minio", "postgresql", "qdrant", "gateway", "redis"]);
  for (const { image, ports, healthcheck } of Object.values(compose.services)) {
    expect(image).toMatch(/^[a-z/]+:[\w.-]*\d[\w.-]*$/);
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\$\{[A-Z_]+:-1\d{4}\}:\d+$/);
    expect(healthcheck).toMatchObject({ retries: 30 });
  }
});

test("every variable it takes is in the env file, which has the credentials that `env` prints", () => {
  const file = readFileSync(writeComposeEnv(stores), "utf8");
  const written = Object.fromEntries(
    file
      .trim()
      .split("\n")
      .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
  const taken = [...text.matchAll(/(?<!\$)\$\{([A-Z_0-9]+)/g)].map(([, name]) => name);
  expect(new Set(taken)).toEqual(new Set(Object.keys(written)));
  const variables = storesEnv(stores);
  expect(written).toMatchObject({
    MINIO_ROOT_PASSWORD: variables["MINIO_ROOT_PASSWORD"],
    POSTGRES_PASSWORD: variables["PGPASSWORD"],
    POSTGRES_PORT: variables["PGPORT"],
    QDRANT_API_KEY: variables["QDRANT_API_KEY"],
  });
  // Characters that Compose would read as more than themselves.
  expect(file.replace(/^QDRANT_GATEWAY_FILE='[^']+'$/m, "")).not.toMatch(/[$'"\s\\](?!\n|$)(?<!\n)/);
});

test("the gateway's configuration is beside it, and lets tenants reach Qdrant's container", () => {
  const file = /^QDRANT_GATEWAY_FILE='(.+)'$/m.exec(readFileSync(writeComposeEnv(stores), "utf8"))?.[1] ?? "";
  expect(readFileSync(file, "utf8")).toMatch(/listen 6335;.*server qdrant:6333;|server qdrant:6333;.*listen 6335;/s);
});

test("its shell scripts write what they should", () => {
  rmSync(join(stores.dir, "pg_hba.conf"), { force: true });
  const script = compose.configs["pg-hba"]?.content.replaceAll("$$", "$") ?? "";
  const { status, stderr } = spawnSync("sh", ["-c", script], {
    encoding: "utf8",
    env: { POSTGRES_USER: "admin", PGDATA: stores.dir },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(readFileSync(join(stores.dir, "pg_hba.conf"), "utf8").trim().split("\n")).toEqual([
    "local all admin scram-sha-256",
    "host all admin all scram-sha-256",
    "# Tenants: one line each, above the last one.",
    "local all all reject",
    "host all all all reject",
  ]);

  const start = compose.services["redis"]?.entrypoint?.[2]?.replaceAll("$$", "$").split("chown")[0] ?? "";
  const run = (): number | null =>
    spawnSync("sh", ["-euc", start], { cwd: stores.dir, env: { REDIS_ADMIN: "admin", REDIS_ADMIN_SHA256: "ab12" } })
      .status;
  expect([run(), run()]).toEqual([0, 0]);
  expect(readFileSync(join(stores.dir, "users.acl"), "utf8")).toBe(
    "user default reset off sanitize-payload resetchannels -@all\nuser admin reset on #ab12 sanitize-payload ~* &* +@all\n",
  );
});
