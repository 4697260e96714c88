// The package in somebody else's program: built, packed, put into node_modules of examples/library, which the real engine runs on
// the real stores.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { secretFiles } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { localDir, root } from "../../toolchain/paths.ts";
import { platformUp } from "../support/platform.ts";
import { run, type Outcome } from "../support/pulumi.ts";

const id = "shopone";
const folder = join(localDir, "test", "library");
const project = join(folder, "shop");
const installed = join(project, "node_modules", "tenant-storage");

const pulumi = (...args: string[]): Promise<Outcome> =>
  run("pulumi", [...args, "--color", "never", "--non-interactive"], {}, project);

async function done(outcome: Promise<Outcome>): Promise<Outcome> {
  const { code, all } = await outcome;
  expect(code, all).toBe(0);
  return outcome;
}

beforeAll(async () => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(installed, { recursive: true });
  cpSync(join(root, "examples/library"), project, { recursive: true });
  await done(run(process.execPath, ["library/build.ts"], {}, root));
  await done(run("npm", ["pack", "./dist", "--silent", "--pack-destination", folder], {}, root));
  const [tarball = ""] = readdirSync(folder).filter((name) => name.endsWith(".tgz"));
  // As npm does; what the package needs is found above, in the checkout.
  await done(run("tar", ["-xzf", join(folder, tarball), "-C", installed, "--strip-components=1"], {}, folder));
  await platformUp();
  await pulumi("stack", "rm", "dev", "--yes", "--force");
  await done(pulumi("stack", "init", "dev"));
  await done(pulumi("config", "set", "tenant", id));
  await done(pulumi("config", "set", "--path", "network[0]", "10.239.0.0/16"));
}, 600_000);
afterAll(async () => {
  await pulumi("destroy", "--stack", "dev", "--yes");
  await pulumi("stack", "rm", "dev", "--yes", "--force");
  rmSync(folder, { recursive: true, force: true });
}, 300_000);

it("holds compiled files, types, licence, and nothing of the tests", () => {
  const names = readdirSync(installed);
  for (const name of ["package.json", "README.md", "LICENSE", "CHANGELOG.md", "library", "providers"])
    expect(names).toContain(name);
  expect(names).not.toContain("test");
  const sources = readdirSync(installed, { recursive: true, encoding: "utf8" }).filter((name) =>
    /(?<!\.d)\.ts$/.test(name),
  );
  expect(sources).toEqual([]);
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  expect(JSON.parse(readFileSync(join(installed, "package.json"), "utf8"))).toMatchObject({
    version,
    license: "Apache-2.0",
  });
});

it("does nothing when it is imported: no output, no file, no server asked", async () => {
  const before = readdirSync(project).sort();
  const script =
    "const all = await import('tenant-storage'); await import('tenant-storage/guards'); console.log(Object.keys(all).join())";
  const env = { MINIO_ENDPOINT: "", PGHOST: "", QDRANT_URL: "", REDIS_URL: "" };
  const { stdout, stderr } = await done(run(process.execPath, ["--input-type=module", "--eval", script], env, project));
  expect(stdout).toBe(
    "PermissionError,Platform,Tenant,bucketPrefixes,getCollectionName,idProblem,reservedIds,tenantNames,tenantProviders,verifyTenantAccess\n",
  );
  expect(stderr).toBe("");
  expect(readdirSync(project).sort()).toEqual(before);
});

it("has types: the program is right, and a mistake in it is seen", async () => {
  const mistake = `import { Tenant } from "tenant-storage";
// @ts-expect-error no such argument
new Tenant("wrong", { id: "wrong", network: [], bucketQuotas: 5 });
// @ts-expect-error no such distance
new Tenant("wrong", { id: "wrong", network: [], qdrantDistance: "Near" });
`;
  writeFileSync(join(project, "mistake.ts"), mistake);
  const config = { extends: "./tsconfig.json", files: ["index.ts", "mistake.ts"] };
  writeFileSync(join(project, "tsconfig.all.json"), JSON.stringify(config));
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  await done(run(process.execPath, [tsc, "-p", "tsconfig.all.json"], {}, project));
});

it("makes a tenant that is proven, with the program's own component on it", async () => {
  await done(pulumi("up", "--stack", "dev", "--yes", "--skip-preview"));
  const { stdout } = await done(pulumi("stack", "output", "--stack", "dev", "--json"));
  const { endpoints, settings } = JSON.parse(stdout) as { endpoints: Record<string, string>; settings: unknown };
  expect(endpoints["postgresql"]).toMatch(/\/tenant_shopone$/);
  expect(settings).toBe("[secret]");
  const shown = await done(pulumi("stack", "output", "settings", "--stack", "dev", "--json", "--show-secrets"));
  const variables = JSON.parse(shown.stdout) as Record<string, string>;
  expect(variables["SESSION_KEY"]).toHaveLength(44);
  const tenant = join(installed, "library/bin.js");
  const { stdout: json } = await done(run(process.execPath, [tenant, "credentials", id, "--json"], {}, project));
  const { postgresql } = JSON.parse(json) as { postgresql: { password: string } };
  expect(variables["PGPASSWORD"]).toBe(postgresql.password);
  const verified = await done(run(process.execPath, [tenant, "verify", id], {}, project));
  expect(verified.stdout).toContain(`Tenant ${id} is isolated`);
});

it("has nothing to change afterwards, and names no place of this machine in the state", async () => {
  await done(pulumi("refresh", "--stack", "dev", "--yes", "--skip-preview", "--expect-no-changes"));
  await done(pulumi("preview", "--stack", "dev", "--expect-no-changes"));
  const { stdout } = await done(pulumi("stack", "export", "--stack", "dev"));
  expect(stdout).toContain("tenant-storage/providers/");
  const { deployment } = JSON.parse(stdout) as { deployment: { resources: { inputs?: Record<string, unknown> }[] } };
  const code = deployment.resources.flatMap(({ inputs = {} }) => [inputs["__provider"], inputs["create"]]);
  expect(JSON.stringify(code)).not.toContain(root);
});

it("takes the tenant away again", async () => {
  await done(pulumi("destroy", "--stack", "dev", "--yes", "--skip-preview"));
  expect(await tracesOf(tenantNames(id), servers(), { keys: true })).toEqual([]);
  expect(existsSync(secretFiles(id).folder)).toBe(false);
});
