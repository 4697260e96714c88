// Reservations of tenant ids and networks, on a real PostgreSQL server.
import type { Client } from "pg";
import { afterAll, beforeAll, expect, it } from "vitest";
import { ensurePlatformSchema, writerRole } from "../providers/clients/platform-db.ts";
import { adminClient, closeSession, withAdmin } from "../providers/clients/postgresql.ts";
import { addPlacement, preparedPlacements, removePlacement, tenantsOn } from "../providers/clients/prepared.ts";
import { overlaps, release, reservationOf, reserve, takeBack } from "../providers/clients/reservations.ts";
import { getTenant, removeTenant } from "../providers/clients/registry.ts";
import { servers } from "../providers/clients/servers.ts";

// A database of its own, so that networks of other tests do not collide.
const database = `reservations_test_${process.pid}`;
let admin: Client;
let writer: Client;

const connectWriter = () => adminClient(servers(), database, { role: writerRole });

beforeAll(async () => {
  await withAdmin((client) => client.query(`CREATE DATABASE ${database} TEMPLATE template0`));
  await withAdmin(ensurePlatformSchema, database);
  admin = await adminClient(servers(), database);
  writer = await connectWriter();
});

afterAll(async () => {
  await Promise.all([closeSession(admin), closeSession(writer)]);
  await withAdmin((client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`));
});

const request = (tenant: string, networks: string[], stack = `stacks/${tenant}`) => ({ tenant, stack, networks });

it("are taken, kept, changed and given back", async () => {
  expect(await reserve(writer, request("one", ["10.1.0.0/16", "10.1.2.0/24", "fd00:1::/64"]))).toBe("new");
  expect(await reserve(writer, request("one", ["10.1.0.0/16", "fd00:1::/64"]))).toBe("ours");
  // 10.1.2.0/24 is inside 10.1.0.0/16.
  expect(await reservationOf(writer, "one")).toMatchObject({
    stack: "stacks/one",
    networks: ["10.1.0.0/16", "fd00:1::/64"],
  });
  expect(await reserve(writer, request("one", ["10.1.2.0/24", "10.9.0.0/16"]))).toBe("ours");
  expect(await reservationOf(writer, "one")).toMatchObject({ networks: ["10.1.2.0/24", "10.9.0.0/16"] });
  expect(await release(writer, "one")).toBe(true);
  expect(await release(writer, "one")).toBe(false);
  expect(await reservationOf(writer, "one")).toBeUndefined();
});

it("refuse an overlap and name the other tenant and both networks", async () => {
  await reserve(writer, request("left", ["10.20.0.0/16"]));
  await expect(reserve(writer, request("right", ["10.21.0.0/16", "10.20.9.0/24"]))).rejects.toThrow(
    /networks of tenant right .*\n {2}- 10\.20\.9\.0\/24 overlaps 10\.20\.0\.0\/16 of tenant left\n.*pulumi config set --stack right/,
  );
  expect(await reservationOf(writer, "right")).toBeUndefined();
  expect(await overlaps(writer, ["10.0.0.0/8"], "right")).toEqual([
    { network: "10.0.0.0/8", otherTenant: "left", otherNetwork: "10.20.0.0/16" },
  ]);
  expect(await overlaps(writer, ["10.0.0.0/8"], "left")).toEqual([]);
  await release(writer, "left");
});

it("are on a placement that is prepared, which stays while somebody lives there", async () => {
  const placed = { ...request("placed", ["10.25.0.0/16"]), placement: "eu-2" };
  await expect(reserve(writer, placed)).rejects.toMatchObject({ code: "23503" });
  expect([await addPlacement(writer, "eu-2"), await addPlacement(writer, "eu-2")]).toEqual([true, false]);
  await reserve(writer, placed);
  await reserve(writer, request("unplaced", ["10.26.0.0/16"]));
  expect([(await reservationOf(writer, "placed"))?.placement, await tenantsOn(writer, "eu-2")]).toEqual([
    "eu-2",
    ["placed"],
  ]);
  expect((await reservationOf(writer, "unplaced"))?.placement).toBe("default");
  await expect(removePlacement(writer, "eu-2")).rejects.toMatchObject({ code: "23503" });
  // Changed by hand, the state puts it back.
  await admin.query("UPDATE public.reservations SET placement = 'default' WHERE tenant_id = 'placed'");
  await takeBack(writer, placed);
  expect(await tenantsOn(writer, "eu-2")).toEqual(["placed"]);
  // Ids and networks are the fleet's, whatever the placement.
  await expect(reserve(writer, { ...request("third", ["10.25.1.0/24"]), placement: "default" })).rejects.toThrow(
    "of tenant placed",
  );
  for (const id of ["placed", "unplaced"]) await release(writer, id);
  await removePlacement(writer, "eu-2");
  expect(await preparedPlacements(writer)).toEqual([]);
});

it("of before there were placements are on the default one after the upgrade", async () => {
  await admin.query(`ALTER TABLE public.reservations DROP COLUMN placement; ALTER TABLE public.tenants DROP COLUMN placement;
    DROP TABLE public.placements; DELETE FROM public.schema_versions WHERE version >= 7`);
  await admin.query("INSERT INTO public.reservations (tenant_id, stack) VALUES ('older', 'older')");
  await admin.query(`INSERT INTO public.tenants (tenant_id, status, networks, endpoints, age_public_key, credentials_ref)
    VALUES ('older', 'active', '{10.27.0.0/16}', '{}', 'age1', 'older')`);
  for (const _ of [1, 2]) await withAdmin(ensurePlatformSchema, database);
  expect((await reservationOf(writer, "older"))?.placement).toBe("default");
  expect((await getTenant(writer, "older"))?.placement).toBe("default");
  await removeTenant(writer, "older");
  await release(writer, "older");
});

it("are exclusive by construction, without this program", async () => {
  await reserve(writer, request("built", ["10.30.0.0/16"]));
  await admin.query("INSERT INTO public.reservations (tenant_id, stack) VALUES ('byhand', 's')");
  const insert = (network: string) =>
    admin.query("INSERT INTO public.reservation_networks (tenant_id, network) VALUES ('byhand', $1)", [network]);
  for (const network of ["10.30.0.0/16", "10.30.1.0/24", "10.0.0.0/8", "0.0.0.0/0"]) {
    await expect(insert(network), network).rejects.toMatchObject({ code: "23P01" });
  }
  await insert("10.31.0.0/16");
  await Promise.all([release(writer, "built"), release(admin, "byhand")]);
});

it("share loopback", async () => {
  for (const tenant of ["near", "nearer"]) {
    expect(await reserve(writer, request(tenant, ["127.0.0.1/32", "::1/128"]))).toBe("new");
  }
  expect(await overlaps(writer, ["127.0.0.0/8"], "someone")).toEqual([]);
  await release(writer, "near");
  await release(writer, "nearer");
});

it("one of two that want the same network at the same time gets it", async () => {
  const clients = await Promise.all(["racea", "raceb"].map(async (tenant) => [tenant, await connectWriter()] as const));
  const results = await Promise.allSettled(
    clients.map(([tenant, client]) => reserve(client, request(tenant, ["10.40.0.0/16"]))),
  );
  await Promise.all(clients.map(([, client]) => closeSession(client)));
  expect(results.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(String(results.find((result) => result.status === "rejected")?.reason)).toContain(
    "overlaps 10.40.0.0/16 of tenant race",
  );
  await Promise.all([release(writer, "racea")]);
  await release(writer, "raceb");
});

it("belong to one stack", async () => {
  await reserve(writer, request("mine", ["10.50.0.0/16"], "team-a/mine"));
  await expect(reserve(writer, request("mine", ["10.50.0.0/16"], "team-b/mine"))).rejects.toThrow(
    /belongs to stack team-a\/mine since .*pulumi destroy --stack team-a\/mine/,
  );
  await release(writer, "mine");
});

it.each(["10.1.2.3/16", "10.1.2.0/33", "not a network"])("refuse %s", async (network) => {
  await expect(reserve(writer, request("wrong", [network]))).rejects.toThrow("The networks of tenant wrong are wrong");
  expect(await reservationOf(writer, "wrong")).toBeUndefined();
});
