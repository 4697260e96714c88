// Which tenants a selection means, and what a wrong one is told.
import { expect, it } from "vitest";
import { matches, parseSelection } from "../../cli/fleet/selection.ts";

const gold = { plan: "gold", region: "eu" };
const plain = {};

it.each([
  ["plan=gold", true, false],
  ["plan=silver", false, false],
  ["plan!=gold", false, true],
  ["plan!=silver", true, true],
  ["plan", true, false],
  ["plan=gold,region=eu", true, false],
  [" plan=gold , region!=eu ", false, false],
  ["constructor", false, false],
])("%s", (text, ofGold, ofPlain) => {
  expect(matches(parseSelection(text), gold)).toBe(ofGold);
  expect(matches(parseSelection(text), plain)).toBe(ofPlain);
});

it.each(["", "plan=", "=gold", "Plan=gold", "plan==gold", "plan=a b", "plan=gold,", "!plan", "plan=gold;x"])(
  "%j is refused, and what is allowed is said",
  (text) => {
    expect(() => parseSelection(text)).toThrow(/^--select: .*Allowed are k=v, k!=v and k, with commas for and/);
  },
);

it("every wrong part is named at once", () => {
  expect(() => parseSelection("plan=,region=eu,!x")).toThrow(/"plan=" is no condition; "!x" is no condition/);
});
