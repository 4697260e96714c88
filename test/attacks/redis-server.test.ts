// The server itself: what it tells of others, what it can be made to do to them, and whom it takes the tenant for.
import { beforeAll, describe, expect, it } from "vitest";
import { anonymously } from "../../cli/verify/redis-clients.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { asAdmin, asTenant, expectRefused, refusal } from "../support/redis-tenant.ts";

let attacker: Deployed;
let victim: Deployed;
beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
});

/** Some commands no user may give in a transaction. */
const inTransaction = new RegExp(`${refusal.command.source}|^ERR Command not allowed inside a transaction`, "i");

it.each([
  // Other tenants' keys.
  ...["KEYS tenant:*", "SCAN 0", "SCAN 0 MATCH tenant:victim:*", "RANDOMKEY", "DBSIZE"],
  // Other tenants' connections and commands.
  ...[
    "MONITOR",
    "CLIENT LIST",
    "CLIENT KILL TYPE normal",
    "CLIENT PAUSE 1000",
    "CLIENT UNBLOCK 1",
    "CLIENT NO-EVICT ON",
  ],
  ...[
    "CLIENT TRACKING ON BCAST",
    "CLIENT TRACKING ON BCAST PREFIX tenant:victim:",
    "CLIENT TRACKINGINFO",
    "CLIENT GETREDIR",
  ],
  ...["CLIENT CACHING YES", "SLOWLOG GET", "LATENCY HISTOGRAM", "INFO", "INFO commandstats", "INFO server"],
  ...["MEMORY STATS", "MEMORY DOCTOR", "MEMORY PURGE", "MEMORY MALLOC-STATS", "WAIT 0 0"],
  // Users.
  ...[
    "ACL LIST",
    "ACL USERS",
    "ACL GETUSER default",
    "ACL SETUSER tenant_attacker_user +@all",
    "ACL DELUSER tenant_victim_user",
  ],
  ...["ACL CAT", "ACL GENPASS", "ACL LOG", "ACL LOAD", "ACL SAVE", "ACL DRYRUN tenant_victim_user GET x"],
  // The process.
  ...[
    "CONFIG GET *",
    "CONFIG SET maxmemory 1",
    "CONFIG REWRITE",
    "DEBUG SLEEP 1",
    "DEBUG OBJECT x",
    "SHUTDOWN NOSAVE",
    "SAVE",
  ],
  ...["BGSAVE", "BGREWRITEAOF", "FLUSHALL", "FLUSHDB ASYNC", "MODULE LOAD /tmp/x.so", "MODULE LIST", "LOLWUT"],
  // Replication and clusters.
  ...["REPLICAOF 127.0.0.1 1", "SLAVEOF NO ONE", "PSYNC ? -1", "SYNC", "REPLCONF listening-port 1", "FAILOVER", "ROLE"],
  ...["CLUSTER NODES", "CLUSTER SLOTS", "CLUSTER MEET 127.0.0.1 1", "CLUSTER GETKEYSINSLOT 0 10", "READONLY", "ASKING"],
  ...["RESTORE tenant:attacker:x 0 x", "RESTORE-ASKING tenant:attacker:x 0 x", "PFDEBUG ENCODING x", "PFSELFTEST"],
])("%s: refused", async (command) => {
  await asTenant(attacker, async (client) => {
    await expectRefused(client, command.split(" "), refusal.command);
    await client.call("MULTI");
    await expectRefused(client, command.split(" "), inTransaction);
    await client.call("DISCARD");
  });
});

/** The answer to a line of somebody who has not said who they are. */
async function anonymousAnswer(line: string): Promise<string> {
  const { redis } = servers();
  return anonymously(redis, redis.addresses[0], [line]).then(
    () => `${line}: it was answered`,
    (error: Error) => error.message,
  );
}

describe("whom the server takes somebody for", () => {
  it("the own password opens nobody else's name", async () => {
    const { redis_password: password } = attacker.credentials;
    const admin = decodeURIComponent(servers().redis.url.username);
    await asTenant(attacker, async (client) => {
      for (const user of [victim.names.redisUser, "default", admin, "", attacker.names.redisUser.toUpperCase()]) {
        await expectRefused(client, ["AUTH", user, password], /^WRONGPASS /);
        await expectRefused(client, ["HELLO", "3", "AUTH", user, password], /^WRONGPASS /);
      }
      await expectRefused(client, ["AUTH", password], /^WRONGPASS /);
      // Refused, it is still itself.
      expect(await client.call("ACL", "WHOAMI")).toBe(attacker.names.redisUser);
    });
  });

  it("a connection that resets itself is nobody, not the default user", async () => {
    await asTenant(attacker, async (client) => {
      await client.call("RESET");
      await expectRefused(client, ["GET", `${attacker.names.keyPrefix}x`], /^NOAUTH /);
      await expectRefused(client, ["ACL", "WHOAMI"], /^NOAUTH /);
    });
  });

  it("without a name nothing is answered, and no password opens the default user", async () => {
    const { redis_password: password } = attacker.credentials;
    for (const line of ["PING", "GET x", "INFO", "HELLO 3", "COMMAND COUNT", "SUBSCRIBE x"]) {
      expect(await anonymousAnswer(line), line).toMatch(/^NOAUTH /);
    }
    for (const line of ['AUTH ""', "AUTH default", `AUTH ${password}`, `AUTH default ${password}`]) {
      expect(await anonymousAnswer(line)).toMatch(/^WRONGPASS /);
    }
    const user = await asAdmin((admin) => admin.call("ACL", "LIST"));
    expect((user as string[]).find((line) => line.startsWith("user default "))).toBe(
      "user default off sanitize-payload resetchannels -@all",
    );
  });
});
