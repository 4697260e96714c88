// The resources of the real program as the pack's rules see them (the engine is mocked, see ../unit/registrations.ts).
import { Platform } from "../../components/platform.ts";
import { nativeProviders } from "../../components/provider-instances.ts";
import { ownerOf } from "../../policy/owner.ts";
import { dynamic, unknown, type Made, type Props, type Value } from "../../policy/rule.ts";
import { resourceRules, stackRules } from "../../policy/rules.ts";
import { register, type Registration } from "../unit/registrations.ts";
import { outputs, tenantProgram } from "../unit/tenant-fixture.ts";

/** A Qdrant token that says this, signed by nobody: the rules read it, the server checks it. */
export function token(claims: object): string {
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  return [part({ alg: "HS256" }), part(claims), "a-signature-of-nobody"].join(".");
}

/** What the program's tokens say of a collection. */
export const claims = (collection: string) => ({
  access: [{ collection, access: "prw" }],
  value_exists: { collection: "platform_token_state", matches: [{ key: "jti", value: "token-id" }] },
});

/** What the server says of a Redis user after the program's rules. */
export const granted = (id: string) =>
  `flags: on sanitize-payload\ncommands: -@all +get\nkeys: ~tenant:${id}:*\nchannels: &tenant:${id}:*\nselectors: `;

/** What only the end of a run knows, by type; resource rules never see it. */
const computed = (id: string): Readonly<Record<string, Props>> => ({
  [dynamic("QdrantToken")]: { jti: "token-id", token: token(claims(`tenant_${id}`)) },
  [dynamic("RedisAclUser")]: { granted: granted(id) },
});

/** The program's outputs, with a token that is one. */
const answers = (id: string): typeof outputs => ({
  ...outputs,
  [dynamic("QdrantToken")]: () => ({ ...computed(id)[dynamic("QdrantToken")] }),
});

/** The resource as it is before it is made. */
function planned(one: Made): Made {
  const keys = Object.keys(computed("")[one.type] ?? {});
  return { ...one, props: Object.fromEntries(Object.entries(one.props).filter(([key]) => !keys.includes(key))) };
}

/** Secrets as the engine hands them to rules: readable. */
function open(value: unknown): Value {
  if (Array.isArray(value)) return value.map(open);
  if (typeof value !== "object" || value === null) return value as Value;
  const keys = Object.keys(value);
  if (keys.length === 1 && keys[0] === "secret") return open((value as { secret: unknown }).secret);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, open(one)]));
}

function made({ type, name, urn, parent, inputs, options, dependencies }: Registration, id: string): Made {
  const props = {
    ...(open(Object.fromEntries(Object.entries(inputs))) as Props),
    ...computed(id)[type],
  } as Props;
  return {
    ...{ type, name, props, needs: [...dependencies, parent] },
    // The mocked engine has one stack.
    urn: urn.replace(/^urn:pulumi:[^:]+/, `urn:pulumi:${id === "canary" ? "platform" : id}`),
    protect: options.protect === true,
    secretOutputs: options.secretOutputs ?? [],
  };
}

/** What the stack of tenant acme makes. */
export async function tenantStack(settings: Parameters<typeof tenantProgram>[0] = {}): Promise<Made[]> {
  return (await register(answers("acme"), tenantProgram(settings))).map((one) => made(one, "acme"));
}

/** What the platform's stack makes. */
export async function platformStack(placement = "default"): Promise<Made[]> {
  const stack = placement === "default" ? "platform" : `platform-${placement}`;
  const program = () =>
    void new Platform(
      stack,
      { placement, operatorNetworks: ["127.0.0.0/8", "::1/128"], recipients: [] },
      { providers: Object.values(nativeProviders()) },
    );
  const all = (await register(answers("canary"), program)).map((one) => made(one, "canary"));
  const here = (urn: string) => urn.replace(/^urn:pulumi:[^:]+/, `urn:pulumi:${stack}`);
  return all.map((one) => ({ ...one, urn: here(one.urn), needs: one.needs.map(here) }));
}

/** Whether it is of that type. The program's component Database has the name of the plugin's resource. */
export const isOf = (one: Made, type: string): boolean =>
  one.type.endsWith(`:${type}`) && !one.type.startsWith("tenant-storage:");

/** One of them with other properties. */
export function changed(all: readonly Made[], type: string, name: string, props: Props): Made[] {
  const one = all.find((each) => isOf(each, type) && each.name === name);
  if (one === undefined) throw new Error(`no ${type} ${name}`);
  return all.map((each) => (each === one ? { ...one, props: { ...one.props, ...props } } : each));
}

/** What all rules say of a stack: `RULE TYPE NAME: message`. */
export function verdicts(all: readonly Made[]): string[] {
  const byUrn = new Map(all.map((one) => [one.urn, one]));
  const place = (urn = ""): string => {
    const one = byUrn.get(urn);
    return one === undefined ? "stack" : `${one.type.split(":").at(-1)} ${one.name}`;
  };
  return [
    ...resourceRules.flatMap((rule) =>
      all
        .filter(({ type }) => rule.applies(type))
        .flatMap((one) =>
          [...rule.problems(planned(one), ownerOf(one.urn))].map(
            (message) => `${rule.name} ${place(one.urn)}: ${message}`,
          ),
        ),
    ),
    ...stackRules.flatMap((rule) =>
      [...rule.problems(all, ownerOf(all[0]?.urn ?? ""))].map(
        ({ message, urn }) => `${rule.name} ${place(urn)}: ${message}`,
      ),
    ),
  ];
}

/** Each of a resource's properties known only after the preview, one at a time. */
export function* unknownOneByOne(all: readonly Made[]): Iterable<[what: string, stack: Made[]]> {
  for (const one of all) {
    for (const key of Object.keys(one.props)) {
      const other: Made = { ...one, props: { ...one.props, [key]: unknown } };
      yield [`${one.type} ${one.name} ${key}`, all.map((each) => (each === one ? other : each))];
    }
  }
}
