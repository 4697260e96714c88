// What confirms the deletion of many tenants: exactly these, by their ids or by the code of this set.
import { expect, it } from "vitest";
import { confirmation, confirmationCode, confirms } from "../../cli/fleet/confirmation.ts";

const ids = ["globex", "acme", "initech"];
const many = Array.from({ length: 6 }, (_, index) => `tenant${index}`);

it.each([
  ["acme,globex,initech", true],
  [" initech, acme,globex", true],
  [confirmationCode(ids), true],
  [confirmation(ids), true],
  ["acme,globex", false],
  ["acme,globex,initech,hooli", false],
  ["acme,acme,globex,initech", false],
  ["3", false],
  [confirmationCode(["acme", "globex", "hooli"]), false],
  ["", false],
  [undefined, false],
])("%s: %s", (given, expected) => expect(confirms(given, ids)).toBe(expected));

it("is the ids as long as they are few, then their number and a hash", () => {
  expect(confirmation(ids)).toBe("acme,globex,initech");
  expect(confirmation(many)).toMatch(/^6-[0-9a-f]{6}$/);
  expect(confirmation(many)).toBe(confirmation([...many].reverse()));
});
