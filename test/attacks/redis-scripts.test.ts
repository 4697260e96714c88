// All tenants' scripts run in one interpreter. What a tenant's script leaves behind there would meet the others' scripts.
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { deployedTenants, type Deployed } from "../support/deployed.ts";
import { asAdmin, asTenant, expectRefused, refusal } from "../support/redis-tenant.ts";

let attacker: Deployed;
let victim: Deployed;
beforeAll(async () => {
  ({ attacker, victim } = await deployedTenants());
});
// A new interpreter, when a test that failed left something in it.
afterEach(async ({ task }) => {
  if (task.result?.state === "fail") await asAdmin((admin) => admin.script("FLUSH"));
});

/** The first is a user's code in another user's name where the server lacks the fix of CVE-2025-46818. */
it.each([
  ["how strings work", "getmetatable('').__index = function() return function() return 'hijacked' end end"],
  ["a function of the language", "string.upper = function() return 'hijacked' end"],
  ["a library", "cjson.encode = function() return 'hijacked' end"],
  ["the server's own calls", "redis.call = function() return 'hijacked' end"],
  ["a global name", "rawset(_G, 'upper', 'hijacked')"],
  ["what a missing global name means", "getmetatable(_G).__index = function() return 'hijacked' end"],
])("a script changes %s: refused, and the victim's scripts run as before", async (_what, source) => {
  await asTenant(attacker, (client) =>
    expectRefused(client, ["EVAL", source, "0"], /Attempt to modify a readonly table/),
  );
  const script = "return {('text'):upper(), string.upper('text'), cjson.encode({'text'}), redis.call('ECHO', 'text')}";
  await asTenant(victim, async (client) => {
    expect(await client.eval(script, 0)).toEqual(["TEXT", "TEXT", '["text"]', "text"]);
    await expectRefused(client, ["EVAL", "return upper", "0"], /nonexistent global variable/);
  });
});

it("the victim's random numbers cannot be set", async () => {
  const numbers = async (): Promise<unknown> =>
    asTenant(victim, (client) => client.eval("return tostring(math.random())", 0));
  const first = await numbers();
  await asTenant(attacker, (client) => client.eval("math.randomseed(1) return math.random()", 0));
  expect(await numbers()).not.toBe(first);
});

describe("the cache of scripts", () => {
  it.each([
    ["emptied", ["SCRIPT", "FLUSH"]],
    ["interrupted", ["SCRIPT", "KILL"]],
    ["debugged", ["SCRIPT", "DEBUG", "YES"]],
    [
      "joined by a library",
      ["FUNCTION", "LOAD", "REPLACE", "#!lua name=x\nredis.register_function('x', function() end)"],
    ],
    ["listed", ["FUNCTION", "LIST", "WITHCODE"]],
    ["dumped", ["FUNCTION", "DUMP"]],
    ["restored", ["FUNCTION", "RESTORE", "x"]],
    ["rid of its libraries", ["FUNCTION", "FLUSH"]],
    ["asked to run a library's function", ["FCALL", "x", "0"]],
    ["asked to read by one", ["FCALL_RO", "x", "0"]],
  ])("is not %s", async (_what, words) => {
    await asTenant(attacker, (client) => expectRefused(client, words, refusal.command));
  });
});
