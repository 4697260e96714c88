// Two sets of the four stores, real ones: the tests' own is the default placement, another is eu-2. A tenant on each, by the real
// engine; then one placement loses a server.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Connection } from "../../cli/connection.ts";
import { placementText, storesEnv } from "../../local/environment.ts";
import { resetStores, startStores, stopStores } from "../../local/lifecycle.ts";
import { tenantNames } from "../../components/names.ts";
import { placementVariable, platformStack } from "../../providers/clients/placements.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { qdrantClient } from "../../providers/clients/qdrant.ts";
import { servers, type Servers } from "../../providers/clients/servers.ts";
import { inPlacement } from "../../providers/clients/stack-scope.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { localDir } from "../../toolchain/paths.ts";
import { platformUp } from "../support/platform.ts";
import { testPorts } from "../support/ports.ts";
import { initStack, pulumi, removeStack, run, setConfig } from "../support/pulumi.ts";

const folder = join(localDir, "test", "placement");
const stores = { dir: join(folder, "stores"), ports: testPorts(7000) };
const file = join(folder, "placements.yaml");
// The audit log outlives a tenant: ids of their own for each run.
const stamp = Date.now().toString(36);
const [here, there] = [`home${stamp}`, `away${stamp}`];
// The platform database of the tests knows those of earlier runs.
const placement = `eu-${stamp}`;
const platform = platformStack(placement);
/** Whether the last test has taken all away. */
let gone = false;

const tenant = (...args: string[]) =>
  run(process.execPath, ["cli/tenant.ts", ...args], { TENANT_PLACEMENTS_FILE: file });
/** What the command printed, when it succeeded. */
async function done(...args: string[]): Promise<string> {
  const { all, code, stdout } = await tenant(...args);
  expect(code, all).toBe(0);
  return stdout;
}
const traces = (id: string, all: Servers) => tracesOf(tenantNames(id), all, { keys: true });
/** Administrators' secrets of eu-2. */
let secrets: string[];
let all: Servers;

beforeAll(async () => {
  await resetStores(stores);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  await Promise.all([startStores(stores), platformUp()]);
  writeFileSync(file, placementText(placement, stores), { mode: 0o600 });
  const variables = storesEnv(stores);
  for (const [name, value] of Object.entries(variables)) process.env[placementVariable(placement, name)] = value;
  all = await inPlacement(placement, async () => servers());
  for (const name of Object.keys(variables)) Reflect.deleteProperty(process.env, placementVariable(placement, name));
  secrets = [all.minio.user, all.minio.password, all.postgresql.password, all.qdrant.apiKey, all.redis.url.password];
  await initStack(here, { id: here, network: ["10.94.0.0/16"], labels: { plan: "gold" } });
  await initStack(there, { id: there, network: ["10.95.0.0/16"], placement, qdrantVectorSize: 2 });
});
afterAll(async () => {
  if (!gone) await tenant("destroy", here, there, "--confirm", `${here},${there}`);
  for (const stack of [here, there, platform]) await removeStack(stack);
  await resetStores(stores);
  rmSync(folder, { recursive: true, force: true });
});

it("a tenant waits until its placement is prepared, and is told how; one that nobody named is refused", async () => {
  const early = await tenant("up", there);
  expect(early.code).not.toBe(0);
  expect(early.all).toContain(`${placement} is not prepared`);
  expect(early.all).toContain(`npm run tenant -- up ${platform}`);
  expect(await traces(there, all)).toEqual([]);
  const unnamed = await pulumi(["preview", "--stack", there]);
  expect(unnamed.code).not.toBe(0);
  expect(unnamed.all).toContain(`There is no placement ${placement} here`);
});

it("up prepares it, and makes a tenant on each", async () => {
  // In whatever order: what the tenant waits for is begun before it.
  await done("up", here, there, platform);
  const stored = JSON.parse(await done("placements", "--json")) as {
    placement: string;
    prepared: boolean;
    tenants: number;
  }[];
  expect(stored.find((one) => one.placement === placement)).toMatchObject({
    prepared: true,
    tenants: 1,
    problem: "",
  });
  const listed = JSON.parse(await done("list", "--json")) as { id: string; placement: string }[];
  const places = Object.fromEntries(listed.map(({ id, placement }) => [id, placement]));
  expect([places[here], places[there]]).toEqual(["default", placement]);
  // By its credentials each reaches its own servers.
  const [one, other] = await Promise.all(
    [here, there].map(async (id) => JSON.parse(await done("credentials", id, "--json")) as Connection),
  );
  expect([one?.minio.endpoint, other?.minio.endpoint]).toEqual([
    servers().minio.endpoint.origin,
    all.minio.endpoint.origin,
  ]);
  expect(other?.postgresql.port).toBe(stores.ports.postgresql);
  expect(other?.redis.url).toContain(`:${stores.ports.redis}`);
  // And neither has left anything on the other's; files are the same folder's.
  const inStores = (id: string, on: Servers) =>
    traces(id, on).then((found) => found.filter(({ place }) => place !== "files"));
  expect(await inStores(there, servers())).toEqual([]);
  expect(await inStores(here, all)).toEqual([]);
});

it("no credential of a placement is in a state, also not encrypted", async () => {
  for (const stack of [platform, there]) {
    const { stdout } = await pulumi(["stack", "export", "--show-secrets", "--stack", stack]);
    expect(stdout).toContain(placementVariable(placement, "PGPASSWORD"));
    for (const secret of secrets) expect(stdout).not.toContain(secret);
  }
});

it("verification, selection and drift follow", async () => {
  const verified = JSON.parse(await done("verify", "--select", `placement=${placement}`, "--json")) as {
    tenants: { id: string }[];
  };
  expect(JSON.stringify(verified)).toContain(there);
  expect(JSON.stringify(verified)).not.toContain(here);
  await withAdmin(
    (client) => client.query(`ALTER ROLE ${tenantNames(there).role} CONNECTION LIMIT 7`),
    "postgres",
    all,
  );
  const { code, all: printed } = await tenant("drift", there, "--repair");
  expect(printed).toMatch(/connectionLimit|CONNECTION LIMIT|connection/i);
  expect(code, printed).toBe(0);
});

it("a tenant does not move: another placement is refused, in a preview and before anything is asked", async () => {
  await setConfig(there, "placement", "default");
  const preview = await pulumi(["preview", "--stack", there]);
  expect(preview.code).not.toBe(0);
  expect(preview.all).toContain(`lives on ${placement}: its data do not move by themselves`);
  expect(preview.all).toContain(`npm run tenant -- export ${there} --to FOLDER`);
  const verify = await tenant("verify", there);
  expect(verify.all).toContain(`pulumi config set --stack ${there} placement ${placement}`);
  expect(verify.code).not.toBe(0);
  await setConfig(there, "placement", placement);
});

it("servers and a placement at once are refused, and nobody connects", async () => {
  await setConfig(there, "redisUrl", "redis://a:b@127.0.0.1:1", "--secret");
  const { code, all: printed } = await tenant("verify", there);
  expect(printed).toContain(`servers of its own (redisUrl) and the placement ${placement}`);
  expect(code).not.toBe(0);
  await pulumi(["config", "rm", "--stack", there, "redisUrl"]);
});

it("a placement that has lost a server holds up nobody else", async () => {
  await stopStores({ ...stores, only: ["redis"] });
  const { code, all: printed } = await tenant("verify", here, there);
  expect(printed).toMatch(new RegExp(`${here}: \\d+ checks passed`));
  expect(printed).toContain(`npm run tenant -- verify ${there}\n`);
  expect(code).not.toBe(0);
  const metrics = await done("metrics");
  expect(metrics).toContain(`store_up{store="redis",placement="${placement}"} 0`);
  expect(metrics).toContain(`store_up{store="redis",placement="default"} 1`);
  expect(metrics).toContain(`placement_info{tenant="${there}",placement="${placement}"} 1`);
  await startStores({ ...stores, only: ["redis"] });
});

it("what tenants share stays while they live there; then nothing is left on either", async () => {
  const environment = JSON.parse(await done("placements", "--env", "--json")) as Record<string, string>;
  const early = await pulumi(["destroy", "--stack", platform, "--yes"], environment);
  expect(early.code).not.toBe(0);
  expect(early.all).toContain(`1 tenants live there: ${there}`);
  await done("destroy", here, there, "--confirm", `${here},${there}`);
  expect([await traces(here, servers()), await traces(there, all)]).toEqual([[], []]);
  const { code, all: printed } = await pulumi(["destroy", "--stack", platform, "--yes"], environment);
  expect(code, printed).toBe(0);
  expect((await (await qdrantClient(all)).getCollections()).collections).toEqual([]);
  const left = await withAdmin(
    (client) =>
      client.query(
        "SELECT rolname AS name FROM pg_roles WHERE rolname ~ '^(tenant|platform_owner)' UNION SELECT datname FROM pg_database WHERE datname ~ '^tenant'",
      ),
    "postgres",
    all,
  );
  expect(left.rows).toEqual([]);
  gone = true;
});
