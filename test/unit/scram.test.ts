// The verifier that stands for a PostgreSQL password.
import { expect, it } from "vitest";
import { scramVerifier } from "../../providers/clients/scram.ts";

it("is the one of RFC 7677's example", () => {
  const salt = Buffer.from("W22ZaJ0SNY7soEsUEjb6gQ==", "base64");
  expect(scramVerifier("user", "pencil", salt)).toBe(
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  );
});

it("is always the same for a role and password, and another for another of either", () => {
  const verifier = scramVerifier("one", "password");
  expect(scramVerifier("one", "password")).toBe(verifier);
  const salts = [verifier, scramVerifier("two", "password"), scramVerifier("one", "passwords")].map(
    (text) => text.split("$")[1],
  );
  expect(new Set(salts).size).toBe(3);
  expect(salts[0]).toMatch(/^4096:[A-Za-z0-9+/]{22}==$/);
});

it.each(["", "pässword", "a\nb"])("refuses %j, without repeating it", (password) => {
  expect(() => scramVerifier("one", password)).toThrow(
    new RangeError("the password of role one must be printable ASCII"),
  );
});
