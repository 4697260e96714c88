// Everything that somebody may change of a tenant from outside is found, told one by one, put back and recorded. One tenant; all
// changes are made at once.
import { randomBytes } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Difference } from "../../cli/drift/difference.ts";
import type { Notification } from "../../cli/notify/webhook.ts";
import { tenantNames } from "../../components/names.ts";
import { events } from "../../providers/clients/audit.ts";
import { minioClient } from "../../providers/clients/minio.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { servers } from "../../providers/clients/servers.ts";
import type { Deployed } from "../support/deployed.ts";
import { deployWith, destroy } from "../support/deploy-with.ts";
import { pulumi, run } from "../support/pulumi.ts";
import { SecretScan } from "../support/secret-scan.ts";
import { administrators, secretsOf } from "../support/secrets.ts";
import { besides } from "./besides.ts";
import type { Change } from "./change.ts";
import { changes, clean, deletions, prepare } from "./changes.ts";

const id = `drift${Date.now().toString(36)}`;
let tenant: Deployed;

interface Found {
  readonly drift: readonly Difference[];
  readonly repaired?: readonly Difference[];
  readonly outcome: string;
  readonly error?: { readonly message: string };
}

/** What the webhook was told. */
const told: Notification[] = [];
const webhook = createServer((request, response) => {
  void text(request).then((body) => {
    told.push(JSON.parse(body) as Notification);
    response.writeHead(204).end();
  });
});

/** `tenant drift ID … --json`: its exit code, what it found, and everything it printed. */
async function drift(...options: string[]): Promise<Found & { readonly code: number; readonly all: string }> {
  const env = {
    TENANT_WEBHOOK_URL: `http://127.0.0.1:${(webhook.address() as AddressInfo).port}/`,
    TENANT_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString("base64")}`,
  };
  const { code, stdout, all } = await run("node", ["cli/tenant.ts", "drift", id, ...options, "--json"], env);
  const { tenants = [] } = JSON.parse(stdout || "{}") as { tenants?: Found[] };
  const [found] = tenants;
  if (found === undefined) throw new Error(all);
  return { ...found, code, all };
}

const tells =
  ({ place, resource, says }: Omit<Change, "ask">) =>
  (one: Difference): boolean =>
    one.place === place && one.resource.startsWith(resource) && says.test(one.what);
const lines = (all: readonly Difference[]): string =>
  all.map(({ place, resource, what }) => `${place} ${resource}: ${what}`).join("\n");

/** What the servers say of each, before anything is done. */
const asked = async (table: readonly Change[]): Promise<unknown[]> => {
  const answers: unknown[] = [];
  for (const { ask } of table) answers.push(await ask(tenant.names));
  return answers;
};

beforeAll(async () => {
  await new Promise<void>((done) => webhook.listen(0, "127.0.0.1", done));
  const settings = { network: ["10.87.0.0/16"], qdrantPayloadIndexes: { document_id: "keyword" } };
  tenant = await deployWith(id, settings);
  await prepare(tenant.names);
  await (await minioClient(servers())).putObject(tenant.names.bucket, "raw/document", "of the tenant");
});
afterAll(async () => {
  await destroy(id);
  await clean(tenantNames(id));
  webhook.close();
});

it("a tenant as it was deployed has no drift", async () => {
  expect(await drift()).toMatchObject({ code: 0, outcome: "done", drift: [] });
  expect(told).toEqual([]);
});

it("who cannot be looked at is told with the others, by exit code 1", async () => {
  const unknown = await run("node", ["cli/tenant.ts", "drift", id, "nobody-such"]);
  expect(unknown).toMatchObject({ code: 1, stdout: "" });
  expect(unknown.stderr).toContain("nobody-such has no stacks/Pulumi.nobody-such.yaml here");
});

describe("what is changed and added is found, and put back by --repair", () => {
  let before: unknown[];
  let found: Awaited<ReturnType<typeof drift>>;
  let repair: Awaited<ReturnType<typeof drift>>;

  beforeAll(async () => {
    before = await asked(changes);
    for (const { make } of [...changes, ...besides]) await make(tenant.names);
    // One of many, and one alone.
    found = await drift("--parallel", "2");
    repair = await drift("--repair");
    for (const one of besides) await one.clean(tenant.names);
  });

  it.each(changes)("$place: $name", async (change) => {
    expect(found.drift.filter(tells(change)), lines(found.drift)).not.toEqual([]);
    expect((repair.repaired ?? []).filter(tells(change)), repair.all).not.toEqual([]);
    expect(await change.ask(tenant.names)).toEqual(before[changes.indexOf(change)]);
  });

  it.each(besides)("$place, by hand: $name", (one) => {
    expect(found.drift.filter(tells(one)), lines(found.drift)).toMatchObject([{ help: expect.any(String) as string }]);
    // Left alone, and said again.
    expect(repair.drift.filter(tells(one))).toHaveLength(1);
  });

  it("says so by its exit code, without a secret", async () => {
    expect(found.code).toBe(2);
    expect([repair.code, repair.error], repair.all).toEqual([2, undefined]);
    expect(repair.drift).toHaveLength(besides.length);
    const scan = new SecretScan([...administrators(), ...(await secretsOf(id))]);
    expect(scan.in("output", found.all + repair.all)).toEqual([]);
  });

  it("is told to the webhook", () => {
    const named = (all: readonly Difference[] = []): unknown =>
      all.map(({ place, resource, kind, what }) => ({ place, resource, kind, what }));
    expect(told).toMatchObject([
      { type: "tenant.drift_found", tenant: id, details: { findings: named(found.drift) } },
      { type: "tenant.drift_found", details: { findings: named(repair.drift), repaired: named(repair.repaired) } },
    ]);
  });

  it("is recorded, and touched no data", async () => {
    const [event] = await withPlatform((client) => events(client, id, 1));
    expect(event).toMatchObject({ event_type: "TENANT_DRIFT_REPAIRED", details: { status: "success" } });
    expect(event?.details["repaired"]).toHaveLength((repair.repaired ?? []).length);
    const { size } = await (await minioClient(servers())).statObject(tenant.names.bucket, "raw/document");
    expect(size).toBe("of the tenant".length);
  });
});

describe("what is deleted is found, and put back by pulumi", () => {
  let before: unknown[];
  let found: Awaited<ReturnType<typeof drift>>;

  beforeAll(async () => {
    before = await asked(deletions);
    for (const { make } of deletions) await make(tenant.names);
    found = await drift();
    const { code, all } = await pulumi(["up", "--refresh", "--stack", id, "--yes", "--skip-preview"]);
    expect(code, all).toBe(0);
  });

  it.each(deletions)("$place: $name", async (change) => {
    expect(found.drift.filter(tells(change)), lines(found.drift)).not.toEqual([]);
    expect(await change.ask(tenant.names)).toEqual(before[deletions.indexOf(change)]);
  });

  it("and nothing is left", async () => {
    expect(await drift()).toMatchObject({ code: 0, drift: [] });
  });
});
