// What a tenant's Qdrant token says. The server gives full access to a token without `access`, or with a misspelt one (measured on
// 1.16.3), so the issuer reads each token again before it hands it out.
import { tokenStateCollection } from "./qdrant.ts";

/** Read, write and delete points (`prw`) of one collection, while the token's point exists. */
export function tokenClaims(collection: string, jti: string): Record<string, unknown> {
  return {
    access: [{ collection, access: "prw" }],
    value_exists: { collection: tokenStateCollection, matches: [{ key: "jti", value: jti }] },
  };
}

/** Claims that say who and how long, and open nothing. */
const harmless = ["sub", "iat", "exp"];

/** Why a token with these claims must not be handed out; undefined when it opens the collection's points, revocably, and no more. */
export function claimsProblem(
  claims: Readonly<Record<string, unknown>>,
  collection: string,
  jti: string,
): string | undefined {
  const wanted = tokenClaims(collection, jti);
  // An object of ours: the order of its keys is too.
  const wrong = Object.keys(wanted).find((key) => JSON.stringify(claims[key]) !== JSON.stringify(wanted[key]));
  if (wrong !== undefined) return `its claim ${wrong} is not the one for the points of ${collection}`;
  const unknown = Object.keys(claims).find((key) => !(key in wanted) && !harmless.includes(key));
  return unknown === undefined ? undefined : `its claim ${unknown} is not known`;
}
