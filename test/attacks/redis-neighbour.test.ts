// What one tenant can take from the others on a shared server: what the server's limits end, and that the others go on. What they
// cannot end is in docs/operations.md.
import { beforeAll, beforeEach, expect, it } from "vitest";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { asAdmin, asTenant, expectRefused } from "../support/redis-tenant.ts";
import { until } from "../support/redis-lab.ts";

const megabyte = 1024 * 1024;
let attacker: Deployed;
let victim: Deployed;
let own: string;

const usedMemory = (): Promise<number> =>
  asAdmin(async (admin) => Number(/^used_memory:(\d+)/m.exec(await admin.info("memory"))?.[1]));
const victimWorks = async (): Promise<void> => {
  const key = `${victim.names.keyPrefix}neighbour`;
  await asTenant(victim, async (client) => {
    expect(await client.set(key, "1", "EX", 60)).toBe("OK");
    expect(await client.del(key)).toBe(1);
  });
};
/** Whether the server still holds that connection. */
const isOpen = (id: number): Promise<boolean> =>
  asAdmin(async (admin) => String(await admin.client("LIST", "ID", id)).includes(`id=${id} `));
/** Gives commands until the server ends the connection; returns how many were answered. */
async function floods(most: number, command: () => Promise<unknown>): Promise<number> {
  for (let count = 0; count < most; count += 1) {
    const ended = await command().then(
      () => false,
      () => true,
    );
    if (ended) return count;
  }
  return most;
}

beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
  own = `${attacker.names.keyPrefix}neighbour`;
});
beforeEach(() => asAdmin((admin) => admin.del(own)));

it("one value: nothing of more than 8 MB", async () => {
  const before = await usedMemory();
  await asTenant(attacker, async (client) => {
    await expectRefused(
      client,
      ["SETBIT", own, "4294967295", "1"],
      /^ERR bit offset is not an integer or out of range/,
    );
    await expectRefused(client, ["SETRANGE", own, "9000000", "x"], /^ERR string exceeds maximum allowed size/);
    const piece = "x".repeat(4 * megabyte);
    expect(await client.append(own, piece)).toBe(4 * megabyte);
    await client.append(own, piece);
    await expectRefused(client, ["APPEND", own, piece], /^ERR string exceeds maximum allowed size/);
    await client.del(own);
  });
  expect((await usedMemory()) - before).toBeLessThan(64 * megabyte);
  await victimWorks();
});

it("commands that wait in a transaction: the connection is ended, the victim's is not", async () => {
  await asTenant(victim, async (bystander) => {
    await asTenant(attacker, async (client) => {
      await client.call("MULTI");
      const piece = "x".repeat(4 * megabyte);
      const answered = await floods(50, () => client.set(own, piece));
      expect(answered * 4).toBeLessThan(80);
    });
    expect(await bystander.ping()).toBe("PONG");
  });
  await victimWorks();
});

it("replies that nobody reads: the connection is ended, the victim's is not", async () => {
  await asAdmin((admin) => admin.set(own, "x".repeat(7 * megabyte)));
  await asTenant(victim, async (bystander) => {
    await asTenant(attacker, async (client) => {
      const connection = await client.client("ID");
      client.stream.pause();
      for (let count = 0; count < 100; count += 1) client.get(own).catch(() => undefined);
      await until("the server ended the attacker's connection", async () => !(await isOpen(connection)));
    });
    expect(await bystander.ping()).toBe("PONG");
  });
  expect(await usedMemory()).toBeLessThan(300 * megabyte);
  await victimWorks();
});
