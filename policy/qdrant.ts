// Qdrant: a collection of the tenant's own, and a token that opens it alone, can be revoked, and is no shared key.
import type { Owner } from "./owner.ts";
import {
  dynamic,
  is,
  mustBe,
  noOther,
  only,
  shown,
  unknown,
  type ResourceRule,
  type StackRule,
  type Value,
} from "./rule.ts";

const code = "providers/qdrant-token.ts";

/** The platform's collection of valid tokens. */
const tokenState = "platform_token_state";

const collection: ResourceRule = {
  name: "qdrant-own-collection",
  description: "A stack makes its tenant's collection, with limits on what a request may cost.",
  applies: only(dynamic("QdrantCollection")),
  *problems({ props }, owner) {
    if (owner.platform && is(props["collection"], tokenState)) return;
    yield* mustBe(
      props,
      { collection: owner.collection },
      "any other is another tenant's, see components/vector-store.ts.",
    );
    const strict = props["strictMode"];
    const enabled =
      strict === unknown || is((strict as Readonly<Record<string, Value>> | undefined)?.["enabled"], true);
    if (!enabled) {
      yield "strictMode is not enabled: one tenant's request could stop everybody's. Put it back in components/vector-store.ts.";
    }
  },
};

const token: ResourceRule = {
  name: "qdrant-token-own-collection",
  description: "A Qdrant token is signed for the tenant's collection and kept as a secret.",
  applies: only(dynamic("QdrantToken"), dynamic("QdrantAccess")),
  *problems({ props, type, secretOutputs }, owner) {
    yield* mustBe(props, { tenant: owner.id }, "the token would be another tenant's, see components/credentials.ts.");
    if (type === dynamic("QdrantAccess")) {
      yield* noOther(props, ["tenant", "jti", "enabled"], "qdrant.ts");
      return;
    }
    yield* mustBe(
      props,
      { collection: owner.collection },
      "it would open another collection, see components/credentials.ts.",
    );
    if (!secretOutputs.includes("token")) {
      yield `the output token is not secret: the state would hold it in the clear. Put additionalSecretOutputs back in ${code}.`;
    }
    yield* noOther(props, ["tenant", "collection", "days", "rotation"], "qdrant.ts");
  },
};

const credential: ResourceRule = {
  name: "qdrant-credential-is-token",
  description: "What a tenant is handed for Qdrant is a token for its collection, never the server's key.",
  applies: only(dynamic("SopsFile")),
  *problems({ props }, owner) {
    const credentials = props["credentials"] as Readonly<Record<string, Value>> | typeof unknown | undefined;
    if (credentials === unknown) return;
    yield* tokenProblems(credentials?.["qdrant_api_key"], owner);
  },
};

const claims: StackRule = {
  name: "qdrant-token-claims",
  description: "Every Qdrant token opens one collection for reading and writing points, and can be revoked.",
  *problems(resources, owner) {
    const tokens = resources.filter(({ type }) => type === dynamic("QdrantToken"));
    const admitted = resources.filter(({ type }) => type === dynamic("QdrantAccess")).map(({ props }) => props["jti"]);
    for (const { urn, props } of tokens) {
      const { jti = unknown, token: text = unknown } = props; // A preview has no output of what it would create.
      for (const message of tokenProblems(text, owner)) yield { message, urn };
      if (jti === unknown || admitted.includes(jti) || admitted.includes(unknown)) continue;
      yield {
        message: `no QdrantAccess admits the token ${shown(jti)}: it opens nothing, see components/vector-store.ts.`,
        urn,
      };
    }
  },
};

interface Claims {
  readonly exp?: unknown;
  readonly access?: unknown;
  readonly value_exists?: { readonly collection?: unknown; readonly matches?: readonly { readonly key?: unknown }[] };
}

/** Problems of what is handed out, without repeating any of it. */
function* tokenProblems(text: Value, owner: Owner): Iterable<string> {
  if (text === unknown) return;
  const found = typeof text === "string" ? claimsOf(text) : undefined;
  if (found === undefined) {
    yield `what the tenant is handed for Qdrant is no JWT: a shared key opens every collection and snapshots of them. Hand out the token of ${code}.`;
    return;
  }
  const { access, exp, value_exists: revocable } = found;
  if (!Array.isArray(access)) {
    yield `the token's access is ${shown(access as Value)}: without a list of collections it opens all of them. Put it back in ${code}.`;
    return;
  }
  const [first, ...others] = access as readonly { readonly collection?: Value; readonly access?: Value }[];
  if (others.length > 0) yield `the token names ${access.length} collections and may name one, see ${code}.`;
  if (first?.collection !== owner.collection) {
    yield `the token opens the collection ${shown(first?.collection)}, not ${owner.collection}, see ${code}.`;
  }
  if (first?.access !== "prw") {
    yield `the token's access is ${shown(first?.access)} and must be "prw": anything more reads snapshots or manages collections, see ${code}.`;
  }
  const byState = revocable?.collection === tokenState && revocable.matches?.some(({ key }) => key === "jti") === true;
  if (!byState) {
    const expires = typeof exp === "number" ? "it only expires" : "it never expires";
    yield `the token cannot be revoked (no value_exists in ${tokenState}), and ${expires}: put it back in ${code}.`;
  }
}

function claimsOf(text: string): Claims | undefined {
  const [, payload = "", signature = "", ...rest] = text.split(".");
  if (signature === "" || rest.length > 0) return undefined;
  try {
    const parsed = JSON.parse(Buffer.from(payload, "base64url").toString()) as unknown;
    return typeof parsed === "object" && parsed !== null ? parsed : undefined;
  } catch {
    return undefined;
  }
}

export const qdrantRules: readonly ResourceRule[] = [collection, token, credential];
export const qdrantStackRules: readonly StackRule[] = [claims];
