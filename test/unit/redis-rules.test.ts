// A tenant's Redis rules, word for word as they were measured (isolation.md): a rule more or a rule less is a leak.
import { expect, it } from "vitest";
import { tenantNames } from "../../components/names.ts";
import { tenantCommands } from "../../providers/clients/redis.ts";
import { aclRules } from "../../providers/redis-acl-user.ts";

const { redisUser: user, keyPrefix: prefix } = tenantNames("acme");
const passwordHash = "0123456789abcdef".repeat(4);
const rules = aclRules({ user, prefix, passwordHash, commands: tenantCommands });

it("are exactly these", () => {
  expect(`ACL SETUSER ${user} ${rules.join(" ")}`).toBe(
    `ACL SETUSER tenant_acme_user reset on #${passwordHash} sanitize-payload ~tenant:acme:* resetchannels &tenant:acme:* ` +
      "-@all +@read +@write +@transaction +@connection +@pubsub +eval +evalsha +eval_ro +evalsha_ro +script|load " +
      "+script|exists -@admin -@dangerous +sort +sort_ro -keys -scan -randomkey -dbsize -move -select +select|0 " +
      "-function -fcall -fcall_ro -pubsub -memory +memory|usage -client +client|setname +client|getname +client|id " +
      "+client|info +client|reply +acl|whoami +time +command -wait",
  );
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
  for (const open of ["allkeys", "allchannels", "allcommands", "+@all"]) expect(rules).not.toContain(open);
});
