// What somebody with one tenant's Redis credentials can do to the other tenants.
import { beforeAll, expect, it } from "vitest";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { deployedTenants, type Deployed } from "../support/deployed.ts";

let attacker: Deployed;
let victim: Deployed;
beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
});

it("reads no key of another tenant", async () => {
  const as = { user: attacker.names.redisUser, password: attacker.credentials.redis_password };
  await withRedis(
    servers(),
    async (client) => {
      await expect(client.get(`${victim.names.keyPrefix}cache:one`)).rejects.toThrow("NOPERM");
    },
    as,
  );
});
