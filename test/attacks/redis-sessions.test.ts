// Connections that were opened before: they do not outlive the password, the rules or the user they were opened with.
import { createHash } from "node:crypto";
import { afterAll, beforeEach, expect, it } from "vitest";
import { tenantCommands } from "../../providers/clients/redis-commands.ts";
import { withRedis } from "../../providers/clients/redis.ts";
import { servers } from "../../providers/clients/servers.ts";
import { provider } from "../../providers/redis-acl-user.ts";
import { provider as passwords } from "../../providers/redis-password.ts";

const user = "tenant_sessions_user";
const password = "a-password-of-this-test";
const inputs = {
  user,
  prefix: "tenant:sessions:",
  passwordHash: createHash("sha256").update(password).digest("hex"),
  commands: [...tenantCommands],
  enabled: true,
};
type State = Awaited<ReturnType<typeof provider.create>>["outs"] & object;
let state: State;

beforeEach(async () => {
  state = (await provider.create(inputs)).outs as State;
});
afterAll(() => provider.delete(user, state));

it.each([
  [
    "the password changes, and the old one ends",
    async () => {
      await provider.update(user, state, { ...inputs, passwordHash: "d".repeat(64) });
      await passwords.delete(user, { user, passwordHash: inputs.passwordHash });
    },
  ],
  ["the rules are narrowed", () => provider.update(user, state, { ...inputs, commands: ["-@all", "+ping"] })],
  ["the user is suspended", () => provider.update(user, state, { ...inputs, enabled: false })],
  [
    "the user is suspended by a run that was interrupted, and then by another",
    async () => {
      await withRedis(servers(), (client) => client.call("ACL", "SETUSER", user, "off"));
      await provider.update(user, state, { ...inputs, enabled: false });
    },
  ],
  ["the user is removed", () => provider.delete(user, state)],
])("when %s, open connections end: an idle one, one that waits, one that listens", async (_what, change) => {
  const as = { user, password };
  await withRedis(
    servers(),
    (idle) =>
      withRedis(
        servers(),
        (waiting) =>
          withRedis(
            servers(),
            async (listening) => {
              const all = [idle, waiting, listening];
              const ended = all.map((client) => new Promise((done) => client.once("end", () => done("ended"))));
              const refused = waiting.blpop("tenant:sessions:list", 0).catch(() => "refused");
              await listening.subscribe("tenant:sessions:events");
              await change();
              expect(await Promise.all(ended)).toEqual(["ended", "ended", "ended"]);
              expect(await refused).toBe("refused");
            },
            as,
          ),
        as,
      ),
    as,
  );
});
