// Every command the server knows, as it describes itself: those a tenant may give are reviewed, all others are refused, and
// each that takes keys is refused the keys of another tenant, at every place of a key.
import type { Redis } from "ioredis";
import { beforeAll, describe, expect, it } from "vitest";
import { clusterCommands, tenantCommands } from "../../providers/clients/redis-commands.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { serverCommands, wordsOf, type Described } from "../support/redis-arguments.ts";
import { asAdmin, asTenant, contentsOf, expectRefused, refusal } from "../support/redis-tenant.ts";

/** Allowed commands without a key in their description: each was looked at. */
const keyless = [
  // Their own connection, and what the server is.
  ..."acl|whoami auth client|getname client|id client|info client|reply client|setname echo hello ping quit reset".split(
    " ",
  ),
  ..."command|count command|docs command|getkeys command|getkeysandflags command|help command|info command|list time".split(
    " ",
  ),
  // Their own transaction.
  ..."discard exec multi unwatch".split(" "),
  // Channels are checked against the channel pattern (redis-channels.test.ts).
  ..."psubscribe publish punsubscribe subscribe unsubscribe".split(" "),
  // The cache of scripts is everybody's: by the script's own hash (redis-scripts.test.ts).
  ..."script|exists script|load".split(" "),
];
/** Channels of a shard are described as keys, and refused as channels. */
const shardChannels = ["spublish", "ssubscribe", "sunsubscribe"];

let attacker: Deployed;
let victim: Deployed;
let commands: Described[];
/** Whether the server would let the tenant's user run the command, whatever its keys. */
let mayRun: Map<string, boolean>;

beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
  await asAdmin(async (admin) => {
    commands = await serverCommands(admin);
    const answers = await Promise.all(
      commands.map(async (command) => {
        const words = wordsOf(command, `${attacker.names.keyPrefix}own`);
        return String(await admin.call("ACL", "DRYRUN", attacker.names.redisUser, ...words));
      }),
    );
    mayRun = new Map(commands.map(({ name }, index) => [name, !/no permissions to run/.test(answers[index] ?? "")]));
    await admin.set(`${victim.names.keyPrefix}attacked`, "untouched");
  });
});

const named = (name: string): Described => commands.find((command) => command.name === name) as Described;
const allowed = (): string[] => [...mayRun].filter(([, may]) => may).map(([name]) => name);

describe("commands", () => {
  it("allows exactly those on the list: what a newer server adds is refused until somebody reviews it", () => {
    expect(commands.length).toBeGreaterThan(340);
    // SELECT 0 is a command with its argument; SELECT of anything else is refused below.
    const list = tenantCommands.map((rule) => rule.slice(1)).filter((name) => !["@all", "select|0"].includes(name));
    const listed = (name: string): string | undefined =>
      [name, name.split("|")[0]].find((word) => word !== undefined && list.includes(word));
    expect(allowed()).toEqual([...mayRun.keys()].filter((name) => listed(name) !== undefined));
    // A rule that names nothing of this server would hide a typing mistake.
    expect([...new Set(allowed().map(listed))].sort()).toEqual([...list].sort());
  });

  it("refuses every other command, each with NOPERM", async () => {
    const refused = commands.filter(({ name }) => mayRun.get(name) === false);
    expect(refused.length).toBeGreaterThan(130);
    const names = refused.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(clusterCommands.map((rule) => rule.slice(1))));
    await asTenant(attacker, async (client) => {
      for (const command of refused) {
        await expectRefused(client, wordsOf(command, `${attacker.names.keyPrefix}own`), refusal.command);
      }
    });
  });

  it("allows no command without keys but the reviewed ones", () => {
    const without = allowed().filter((name) => named(name).keySpecs.length === 0);
    expect(without.sort()).toEqual([...keyless].sort());
  });
});

describe("keys of another tenant", () => {
  const marker = "the-place-of-a-key";

  it("are refused at every place of every command", async () => {
    const before = await contentsOf(victim.names.keyPrefix);
    const own = `${attacker.names.keyPrefix}own`;
    const theirs = `${victim.names.keyPrefix}attacked`;
    const withKeys = allowed().filter((name) => named(name).keySpecs.length > 0 && !shardChannels.includes(name));
    expect(withKeys.length).toBeGreaterThan(160);
    let places = 0;
    await asTenant(attacker, async (client) => {
      for (const name of withKeys) {
        const words = wordsOf(named(name), marker);
        const at = words.flatMap((word, index) => (word === marker ? [index] : []));
        expect(await keysOf(client, words), name).toEqual(at.map(() => marker));
        for (const attacked of at) {
          const attempt = words.map((word, index) => (word !== marker ? word : index === attacked ? theirs : own));
          await expectRefused(client, attempt, refusal.key);
          places += 1;
        }
      }
    });
    expect(places).toBeGreaterThan(withKeys.length);
    expect(await contentsOf(victim.names.keyPrefix)).toEqual(before);
  });
});

/** The keys the server finds in the words. */
async function keysOf(client: Redis, words: readonly string[]): Promise<string[]> {
  return (await client.call("COMMAND", "GETKEYS", ...words)) as string[];
}
