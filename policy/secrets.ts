// Secrets where everybody reads them: inputs that are not encrypted show in previews, logs and the state.
import { dynamic, matches, mustBe, noOther, only, shown, unknown, type ResourceRule, type Value } from "./rule.ts";

/** Inputs that are secret by their provider's schema or by the class that makes them. */
const encrypted: Readonly<Record<string, readonly string[]>> = {
  [dynamic("SopsFile")]: ["credentials"],
  [dynamic("RoleLogin")]: ["verifier"],
  [dynamic("CredentialsHandover")]: ["verifier"],
  [dynamic("MinioAccess")]: ["secret"],
  [dynamic("RedisAclUser")]: ["passwordHash"],
  [dynamic("RedisPassword")]: ["passwordHash"],
  "minio:index/iamUser:IamUser": ["secret"],
  "postgresql:index/role:Role": ["password", "passwordWo"],
  "command:local:Command": ["environment"],
};

/** What a secret of a tenant or an administrator looks like. */
const shapes: readonly (readonly [shape: RegExp, what: string])[] = [
  [/\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}/, "a token"],
  [/AGE-SECRET-KEY-1/i, "a private age key"],
  [/\b[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i, "an address with a password"],
  // RandomPassword's 44 letters and digits (components/credentials.ts).
  [/(?<![A-Za-z0-9])(?=[A-Za-z0-9]*[A-Z])(?=[A-Za-z0-9]*\d)[A-Za-z0-9]{44}(?![A-Za-z0-9])/, "a password"],
  // `openssl rand -base64 32`, which adopted tenants may have.
  [/(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{43}=/, "a password"],
];

const inTheClear: ResourceRule = {
  name: "secret-in-the-clear",
  description: "No input that everybody can read holds a secret.",
  // The configuration's own secrets go to the plugins encrypted (components/provider-instances.ts).
  applies: (type) => !type.startsWith("pulumi:"),
  *problems({ type, props }) {
    for (const [key, value] of Object.entries(props)) {
      if (encrypted[type]?.includes(key)) continue;
      for (const [shape, what] of shapes) {
        if (holds(value, shape))
          yield `${key} holds ${what}: it would show in previews, logs and the state. Mark it with pulumi.secret, or hand it over by the environment.`;
      }
    }
  },
};

function holds(value: Value, shape: RegExp): boolean {
  if (typeof value === "string") return shape.test(value);
  if (typeof value !== "object" || value === null) return false;
  return Object.values(value).some((one: Value) => holds(one, shape));
}

const recipients: ResourceRule = {
  name: "sops-file-recipients",
  description: "A tenant's SOPS file opens with age keys only, each of which is named by its public key.",
  applies: only(dynamic("SopsFile")),
  *problems({ props }, { id }) {
    yield* mustBe(props, { tenant: id }, "it would be another tenant's file, see components/credentials.ts.");
    const listed = props["recipients"];
    if (listed !== unknown) {
      const keys = Array.isArray(listed) ? (listed as readonly Value[]) : [];
      if (keys.length === 0)
        yield "recipients is empty: nobody could open the file. Put the tenant's own key back in components/credentials.ts.";
      for (const key of keys) {
        if (!matches(key, /^age1[02-9ac-hj-np-z]{58}$/))
          yield `recipients holds ${shown(key)}, which is no age public key: take it out of the setting recipients.`;
      }
    }
    yield* noOther(props, ["tenant", "recipients", "credentials"], "secrets.ts");
  },
};

export const secretRules: readonly ResourceRule[] = [inTheClear, recipients];
