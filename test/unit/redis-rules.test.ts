// A tenant's Redis rules: a rule more or a rule less is a leak. What the server makes of them: test/attacks/redis-*.test.ts.
import { expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { clusterCommands, tenantCommands } from "../../providers/clients/redis-commands.ts";
import { aclRules } from "../../providers/redis-acl-user.ts";

const { redisUser: user, keyPrefix: prefix } = tenantNames("acme");
const passwordHash = "0123456789abcdef".repeat(4);
const rules = aclRules({ user, prefix, passwordHash, commands: tenantCommands, enabled: true });

it("are the identity, one key pattern, one channel pattern, and the commands", () => {
  expect(rules.slice(0, 7).join(" ")).toBe(
    `reset on #${passwordHash} sanitize-payload ~tenant:acme:* resetchannels &tenant:acme:*`,
  );
  expect(rules.slice(7)).toEqual(tenantCommands);
});

it("of a suspended tenant are the same, but off", () => {
  const suspended = aclRules({ user, prefix, passwordHash, commands: tenantCommands, enabled: false });
  expect(suspended).toEqual(rules.map((rule) => (rule === "on" ? "off" : rule)));
});

it("start from nothing: SETUSER adds to what is there", () => {
  expect(rules[0]).toBe("reset");
  expect(tenantCommands[0]).toBe("-@all");
});

it("hold one password, as a hash, and no way in without one", () => {
  expect(rules.filter((rule) => /^[#>]/.test(rule))).toEqual([`#${passwordHash}`]);
  expect(rules).not.toContain("nopass");
});

it("name one key pattern and one channel pattern, each ending behind the colon", () => {
  // Without the colon acme would read acme2.
  expect(rules.filter((rule) => /^[~%&]/.test(rule))).toEqual(["~tenant:acme:*", "&tenant:acme:*"]);
  for (const open of ["allkeys", "allchannels", "allcommands"]) expect(rules).not.toContain(open);
});

it("grant commands one by one: a category would grow with the server, and with a module", () => {
  const granted = [...tenantCommands.slice(1), ...clusterCommands];
  for (const rule of granted) expect(rule).toMatch(/^\+[a-z_]+(\|[a-z0-9]+)?$/);
  expect(new Set(granted).size).toBe(granted.length);
});
