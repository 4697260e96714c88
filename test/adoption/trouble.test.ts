// What stands in the way of an adoption, what happens when it breaks off, and how it is given up: nothing of the tenant is
// deleted or changed by any of it. The tenant is half a one, bucket and database, and its secrets are lost.
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { events } from "../../providers/clients/audit.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { withAdmin } from "../../providers/clients/postgresql.ts";
import { reservationOf } from "../../providers/clients/reservations.ts";
import { servers } from "../../providers/clients/servers.ts";
import { platformUp } from "../support/platform.ts";
import { checkout, planned, pulumi } from "../support/pulumi.ts";
import { dataOf, fillHalf, makeHalf, settingsOf } from "../support/runbook-tenant.ts";
import { killedTenantTool, tenantTool } from "./world.ts";

const id = `half${Date.now().toString(36)}`;
const names = tenantNames(id);
const foreign = "adoption_foreign";
const fileOf = (stack: string): string => join(checkout(), "stacks", `Pulumi.${stack}.yaml`);
const adopt = ["adopt", id, "--network", "10.99.4.0/24"];
const sql = (statement: string) => withAdmin((client) => client.query(statement));

let data: unknown;
let settings: unknown;
const expectUntouched = async () => {
  expect(await dataOf(names)).toEqual(data);
  expect(await settingsOf(names)).toEqual(settings);
};
const stackExists = async () => (await pulumi(["stack", "ls", "--json"])).stdout.includes(`"${id}"`);

beforeAll(async () => {
  await platformUp();
  await makeHalf(id);
  await fillHalf(names);
  data = await dataOf(names);
});
afterAll(async () => {
  rmSync(fileOf("neighbour"), { force: true });
  await sql("REVOKE ALL ON DATABASE postgres FROM PUBLIC");
  await tenantTool(["deprovision", id, "--confirm", id]);
  await sql(`DROP ROLE IF EXISTS ${foreign}`);
});

it("every problem is said at once", async () => {
  const admin = await minioClient(servers());
  const open = {
    Effect: "Allow",
    Principal: "*",
    Action: ["s3:GetObject"],
    Resource: [`arn:aws:s3:::${names.bucket}/*`],
  };
  await admin.setBucketPolicy(names.bucket, JSON.stringify({ Version: "2012-10-17", Statement: [open] }));
  await sql(`CREATE ROLE ${foreign}`);
  await sql(`ALTER DATABASE ${names.database} OWNER TO ${foreign}`);
  writeFileSync(fileOf("neighbour"), "config: { tenant-storage:network: [10.99.0.0/16] }\n");
  settings = await settingsOf(names);
  const { code, stdout, stderr } = await tenantTool([...adopt, "--secrets", "/nowhere"]);
  expect(code).toBe(1);
  expect(stdout).toContain(`${names.minioUser} is missing: the first update makes it`);
  const [, list = ""] = stderr.split(`Tenant ${id} cannot be adopted as it is, and nothing was touched:\n`);
  expect(list.split("\n").filter((line) => line.startsWith("  - "))).toEqual([
    expect.stringMatching(
      /^ {2}- --secrets \/nowhere: there is no \/nowhere\/key\.age and no \/nowhere\/secrets\.enc\.yaml\./,
    ),
    expect.stringContaining(`bucket ${names.bucket} has a policy of its own`),
    expect.stringContaining(`database ${names.database} belongs to role ${foreign}`),
    expect.stringContaining("network: 10.99.4.0/24 overlaps 10.99.0.0/16 of stacks/Pulumi.neighbour.yaml"),
  ]);
  await expectUntouched();
  expect(await stackExists()).toBe(false);
  expect(existsSync(fileOf(id))).toBe(false);

  await admin.setBucketPolicy(names.bucket, "");
  await sql(`ALTER DATABASE ${names.database} OWNER TO ${servers().postgresql.user}`);
  rmSync(fileOf("neighbour"));
  settings = await settingsOf(names);
});

it("killed in the middle, no command touches the tenant but the same again", async () => {
  expect(await killedTenantTool(adopt, /\d (MinIO|PostgreSQL)/)).not.toContain("reading what was taken over");
  await expectUntouched();
  for (const args of [
    ["provision", id],
    ["deprovision", id, "--confirm", id],
  ]) {
    const { code, stderr } = await tenantTool(args);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`npm run tenant -- adopt ${id} --give-up`)]);
  }
  await pulumi(["cancel", "--stack", id, "--yes"]);
  const up = await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]);
  expect(up.code).not.toBe(0);
  expect(up.all).toContain(`the adoption of tenant ${id} is not complete`);
  const destroy = await pulumi(["destroy", "--stack", id, "--yes"], { TENANT_CONFIRM_DESTROY: id });
  expect(destroy.code).not.toBe(0);
  expect(destroy.all).toContain("it is protected");
  await expectUntouched();
});

it("given up, the tenant is as it was, and everybody's", async () => {
  const { code, stderr } = await tenantTool(["adopt", id, "--give-up"]);
  expect([code, stderr]).toEqual([0, ""]);
  await expectUntouched();
  expect(await stackExists()).toBe(false);
  expect(existsSync(fileOf(id))).toBe(false);
  expect(await withPlatform((client) => reservationOf(client, id))).toBeUndefined();
  const again = await tenantTool(["adopt", id, "--give-up"]);
  expect([again.code, again.stderr]).toEqual([1, expect.stringContaining(`Nobody adopts tenant ${id}`)]);
  const provision = await tenantTool(["provision", id, "--network", "10.99.4.0/24"]);
  expect([provision.code, provision.stderr]).toEqual([1, expect.stringContaining("the name is taken")]);
  await expectUntouched();
});

it("what is missing is made by the update; one that fails takes nothing back", async () => {
  const adopted = await tenantTool(adopt);
  expect(adopted.stderr).not.toContain("error");
  expect(adopted.code).toBe(0);
  await expectUntouched();
  const created = (await planned(id)).filter(({ op }) => op === "create").map(({ type }) => type);
  expect(created).toEqual(expect.arrayContaining(["IamUser", "IamPolicy", "Role", "QdrantCollection", "RedisAclUser"]));

  // Any tenant could connect to it: verification fails.
  await sql("GRANT CONNECT ON DATABASE postgres TO PUBLIC");
  const failed = await tenantTool(["provision", id]);
  expect([failed.code, failed.stderr]).toEqual([1, expect.stringContaining("role_confined: FAILED")]);
  expect(failed.stderr).toContain("nothing was rolled back");
  expect(await dataOf(names)).toEqual(data);
  expect((await planned(id)).map(({ type }) => type)).not.toContain("Grant");

  await sql("REVOKE CONNECT ON DATABASE postgres FROM PUBLIC");
  const { code, stdout } = await tenantTool(["provision", id]);
  expect(stdout).toContain(`Tenant ${id} is isolated`);
  expect(code).toBe(0);
  expect(await dataOf(names)).toEqual(data);
  const recorded = await withPlatform((client) => events(client, id));
  expect(recorded.map(({ event_type }) => event_type).reverse()).toEqual([
    "TENANT_ADOPTION_GIVEN_UP",
    "TENANT_PROVISION_FAILED",
    "TENANT_ADOPTED",
    "TENANT_UPDATED",
  ]);
});
