// Stands where the engine would: records every registration of a program, and answers with the outputs a test gives.
import { runtime } from "@pulumi/pulumi";

/** A secret input, as tests write it: `{ secret: "value" }`. */
export const secret = (value: unknown): { secret: unknown } => ({ secret: value });

/** One resource as the engine was asked for it. */
export interface Registration {
  readonly type: string;
  readonly name: string;
  readonly urn: string;
  /** URN; "" for none. */
  readonly parent: string;
  /** False for a component. */
  readonly custom: boolean;
  /** Secrets are `{ secret: value }`; without the stored code of a dynamic provider. */
  readonly inputs: Readonly<Record<string, unknown>>;
  /** Stored code of a dynamic provider; "" for every other resource. */
  readonly code: string;
  /** URNs. */
  readonly dependencies: readonly string[];
  /** `urn::id` of the provider instance; "" is the default one. */
  readonly provider: string;
  readonly options: {
    readonly protect?: true;
    readonly deleteBeforeReplace?: true;
    readonly secretOutputs?: readonly string[];
    /** A provider's: which variable it reads instead of which. */
    readonly environment?: Readonly<Record<string, string>>;
  };
}

/** Computed outputs of one resource; those it names as secret become secrets. */
export type Outputs = (inputs: Registration["inputs"], name: string) => Record<string, unknown>;

/** The few methods of a registration request that are read here (pulumi/resource.proto, RegisterResourceRequest). */
interface Request {
  getType(): string;
  getName(): string;
  getParent(): string;
  getCustom(): boolean;
  getObject(): { toJavaScript(): Record<string, unknown> };
  getDependenciesList(): string[];
  getProvider(): string;
  getProtect(): boolean;
  getDeletebeforereplace(): boolean;
  getAdditionalsecretoutputsList(): string[];
  getEnvvarmappingsMap(): { toObject(): [string, string][] };
}
type Reply = (error: unknown, response?: { getUrn(): string }) => void;
interface Monitor {
  registerResource(request: Request, reply: Reply): Promise<void>;
}

// The wire format of a secret (pulumi/sdk, "special signatures").
const signature = { key: "4dabf18193072939515e22adb298388d", secret: "1b47061264138c4ac30d75fd1eb44270" };

function readable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(readable);
  if (typeof value !== "object" || value === null) return value;
  const fields = value as Record<string, unknown>;
  if (fields[signature.key] === signature.secret) return secret(readable(fields["value"]));
  return Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, readable(field)]));
}

/**
 * Runs `program` and returns what it registered, in the order of registration.
 * @param outputs by resource type
 * @throws Error when the program makes a custom resource of another type, or calls a function of a provider
 */
export async function register(
  outputs: Readonly<Record<string, Outputs>>,
  program: () => void,
  preview = false,
): Promise<Registration[]> {
  const all: Registration[] = [];
  const unmocked: string[] = [];
  let current: Registration | undefined;
  const mocks = {
    call({ token }: runtime.MockCallArgs) {
      unmocked.push(`the function ${token}`);
      return {};
    },
    // Called while `registerResource` below has the request at hand.
    newResource({ type, name, inputs, custom }: runtime.MockResourceArgs) {
      if (custom !== true) return { id: undefined, state: {} };
      if (outputs[type] === undefined) unmocked.push(`the resource ${type} (${name})`);
      const computed = outputs[type]?.(current?.inputs ?? {}, name);
      const state = { ...(inputs as object), ...computed } as Record<string, unknown>;
      for (const key of current?.options.secretOutputs ?? []) {
        if (key in state) state[key] = { [signature.key]: signature.secret, value: state[key] };
      }
      return { id: `${name}-id`, state };
    },
  };
  await runtime.setMocks(mocks, "tenant-storage", "acme", preview);
  const monitor = runtime.getMonitor() as unknown as Monitor;
  const real = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, reply) => {
    current = read(request);
    const registration = current;
    return real(request, (error, response) => {
      all.push({ ...registration, urn: response?.getUrn() ?? "" });
      reply(error, response);
    });
  };
  program();
  await runtime.disconnect();
  // Only now: thrown inside the SDK it would be an unhandled rejection of every output.
  if (unmocked.length > 0) throw new Error(`not mocked: ${unmocked.join(", ")}`);
  return all;
}

function read(request: Request): Registration {
  const { __provider: code = "", ...inputs } = readable(request.getObject().toJavaScript()) as Record<string, unknown>;
  const secretOutputs = request.getAdditionalsecretoutputsList();
  const environment = request.getEnvvarmappingsMap().toObject();
  return {
    type: request.getType(),
    name: request.getName(),
    urn: "",
    parent: request.getParent(),
    custom: request.getCustom(),
    inputs,
    code: code as string,
    dependencies: request.getDependenciesList(),
    provider: request.getProvider(),
    options: {
      ...(request.getProtect() ? { protect: true as const } : {}),
      ...(request.getDeletebeforereplace() ? { deleteBeforeReplace: true as const } : {}),
      ...(secretOutputs.length > 0 ? { secretOutputs } : {}),
      ...(environment.length > 0 ? { environment: Object.fromEntries(environment) } : {}),
    },
  };
}

/** The tree as text: a line a resource, its children indented under it, in alphabetical order. */
export function tree(all: readonly Registration[], parent = "", indent = ""): string[] {
  return all
    .filter((one) => one.parent === parent)
    .map((one) => ({ one, line: `${indent}${one.type} ${one.name}` }))
    .sort((a, b) => a.line.localeCompare(b.line, "en"))
    .flatMap(({ one, line }) => [line, ...tree(all, one.urn, `${indent}  `)]);
}

/** The one resource of this type and name. */
export function find(all: readonly Registration[], type: string, name: string): Registration {
  const found = all.filter((one) => one.type.endsWith(`:${type}`) && one.name === name);
  if (found[0] === undefined || found.length > 1) throw new Error(`${found.length} resources are ${type} ${name}`);
  return found[0];
}

/** Everything under a component, at any depth. */
export function under(all: readonly Registration[], { urn }: Registration): Registration[] {
  return all.filter(({ parent }) => parent === urn).flatMap((child) => [child, ...under(all, child)]);
}

/**
 * Everything that is there before `one` is made, and is deleted after it: what it depends on, directly or through others.
 * The engine counts a parent as a dependency: what a component depends on, its children depend on.
 */
export function before(all: readonly Registration[], one: Registration): Registration[] {
  const found = new Set<Registration>();
  const visit = ({ dependencies, parent, provider }: Registration): void => {
    for (const other of all) {
      const needed = [...dependencies, parent, provider.replace(/::[^:]+$/, "")].includes(other.urn);
      if (!needed || found.has(other)) continue;
      found.add(other);
      visit(other);
    }
  };
  visit(one);
  return [...found];
}
