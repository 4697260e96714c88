// The lifecycle every dynamic provider of ours shares: check, diff, create, read, update, delete around one idempotent
// `ensure`, one `observe` and one `remove`.
import type { dynamic } from "@pulumi/pulumi";
import { isDeepStrictEqual } from "node:util";
import { adopting } from "./clients/adopting.ts";
import { refuseLoudVariables } from "./clients/loud-variables.ts";
import { minioReason } from "./clients/minio.ts";
import { servers, usePluginConfig } from "./clients/servers.ts";
import { tlsProblems } from "./clients/tls-problems.ts";

/** What a provider implements. `I` are the inputs, `O` the inputs and everything computed: the state is exactly those. */
export interface Lifecycle<I extends object, O extends I> {
  /** What the resource is, for messages: "bucket encryption of tenant acme". */
  readonly describe: (inputs: I) => string;
  /** The id in the state. Never a secret. */
  readonly id: (inputs: I) => string;
  /**
   * Every input. Those with "replace" are identity: a change deletes the old one first, then creates the new. Those with
   * "renew" are a generation: the new one is created first, and the old is deleted when all else of the update has succeeded.
   */
  readonly inputs: { readonly [K in keyof Required<I>]: "update" | "replace" | "renew" };
  /** Inputs that may be left out. */
  readonly optional?: readonly (keyof I & string)[];
  /** Whether the state is an older version's, and lacks what an update adds. */
  readonly outdated?: (recorded: O) => boolean;
  /**
   * Why the resource must not be made or change like this, by input; said before anything is touched, in previews too. Nothing is
   * recorded of a new one.
   */
  readonly refuse?: (recorded: Partial<I>, desired: I) => Promise<readonly dynamic.CheckFailure[]>;
  /** Observes, then changes what differs. `previous` is the recorded state, when there is one. */
  readonly ensure: (desired: I, previous?: O) => Promise<O>;
  /** What is there now, as inputs and outputs; undefined when it is gone. */
  readonly observe: (recorded: O) => Promise<O | undefined>;
  /** Absent is done; anything else throws. */
  readonly remove: (recorded: O) => Promise<void>;
  /**
   * What there is of the resource that nobody asked for (a second policy, a grant to somebody else), each in words that hold no
   * secret. The state shows it as `foreign`, and the next update removes it: `ensure` does, whether or not the state names it.
   */
  readonly foreign?: (recorded: O, found: O) => Promise<readonly string[]>;
  /** While a tenant is adopted, one that exists is recorded as it is, for the next update to change. @default it is ensured */
  readonly adopts?: true;
}

/** The engine's stand-in for a value that is only known after the update. */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

function pick<I extends object, O extends I>(lifecycle: Lifecycle<I, O>, from: Partial<I>): Partial<I> {
  const keys = Object.keys(lifecycle.inputs) as (keyof I)[];
  return Object.fromEntries(keys.filter((key) => from[key] !== undefined).map((key) => [key, from[key]])) as Partial<I>;
}

/** What was seen of it that nobody asked for: no part of what a provider knows, see `Lifecycle.foreign`. */
interface Seen {
  readonly foreign?: readonly string[];
}

/** What is there now, with what nobody asked for; undefined when it is gone. */
async function look<I extends object, O extends I>(
  { foreign, observe }: Lifecycle<I, O>,
  { foreign: _, ...recorded }: O & Seen,
): Promise<(O & Seen) | undefined> {
  const state = recorded as unknown as O;
  const found = await observe(state);
  const seen = found === undefined ? [] : ((await foreign?.(state, found)) ?? []);
  return found && seen.length > 0 ? { ...found, foreign: [...seen].sort() } : found;
}

/** What is known of one that was not found: every other input is a difference. */
function identityOf<I extends object, O extends I>({ inputs }: Lifecycle<I, O>, desired: I): Partial<I> {
  const keys = (Object.keys(inputs) as (keyof I)[]).filter((key) => inputs[key] === "replace");
  return Object.fromEntries(keys.map((key) => [key, desired[key]])) as Partial<I>;
}

/** The message, and the reason behind it where the message does not say it ("fetch failed", "Internal Server Error"). */
function reasons(error: Error): string {
  const answer = (error as { data?: { status?: { error?: unknown } } }).data?.status?.error;
  const behind = typeof answer === "string" ? answer : error.cause instanceof Error ? error.cause.message : "";
  return behind === "" || error.message.includes(behind) ? minioReason(error.message) : `${error.message}: ${behind}`;
}

/** What is wrong with the TLS of a server, when a connection failed; undefined when it is something else. */
async function tlsReason(error: Error): Promise<string | undefined> {
  const codes: string[] = [];
  for (let at: unknown = error; at instanceof Error; at = at.cause) codes.push(String((at as { code?: unknown }).code));
  if (!codes.some((code) => /CERT|SSL|TLS|SIGNATURE|EPROTO|ECONNRESET|UND_ERR|HPE_/.test(code))) return undefined;
  const problems = await tlsProblems(servers());
  return problems.length === 0 ? undefined : problems.join("; ");
}

/** Says what failed and on what, and keeps the cause. */
class LifecycleError extends Error {
  constructor(verb: string, what: string, reason: string, cause: Error) {
    super(`could not ${verb} the ${what}: ${reason}`, { cause });
    // The engine's host prints the stack, and the message twice more, into the operator's log.
    if (!process.env["TENANT_DEBUG"]) this.stack = "TENANT_DEBUG=1 shows the stack";
  }

  override toString(): string {
    return "The reason is in the error of the resource";
  }
}

async function naming<T>(verb: string, what: string, work: () => Promise<T>): Promise<T> {
  try {
    refuseLoudVariables();
    return await work();
  } catch (cause) {
    const error = cause as Error;
    throw new LifecycleError(verb, what, (await tlsReason(error)) ?? reasons(error), error);
  }
}

/** The engine's view of a lifecycle. */
export function dynamicProvider<I extends object, O extends I>(
  lifecycle: Lifecycle<I, O>,
): Required<dynamic.ResourceProvider<I, O>> {
  const { adopts = false, describe, ensure, id, inputs, optional = [], outdated, refuse, remove } = lifecycle;
  const asItIs = () => adopts && adopting() !== undefined;
  return {
    async configure({ config }) {
      usePluginConfig((key) => config.get(key));
    },
    async check(olds, news) {
      const required = (Object.keys(inputs) as (keyof I & string)[]).filter((key) => !optional.includes(key));
      const missing = required.filter((key) => news[key] === undefined);
      const failures = missing.map((property) => ({ property, reason: "is required and was not given" }));
      return { inputs: news, failures: [...failures, ...((await refuse?.(olds, news)) ?? [])] };
    },
    async diff(_id, olds, news) {
      if (asItIs()) return { changes: false };
      const changed = (Object.keys(inputs) as (keyof I & string)[]).filter(
        (key) => !isDeepStrictEqual(olds[key], news[key]),
      );
      const replaced = changed.filter((key) => inputs[key] === "replace" && news[key] !== unknown);
      const renewed = changed.filter((key) => inputs[key] === "renew");
      return {
        changes: changed.length > 0 || outdated?.(olds) === true || ((olds as Seen).foreign ?? []).length > 0,
        replaces: [...replaced, ...renewed],
        deleteBeforeReplace: replaced.length > 0,
      };
    },
    async create(news) {
      const desired = pick(lifecycle, news) as I;
      if (asItIs()) {
        const found = await naming("read", describe(news), () => look(lifecycle, desired as O));
        return { id: id(news), outs: found ?? (identityOf(lifecycle, desired) as O) };
      }
      const outs = await naming("create", describe(news), () => ensure(desired));
      return { id: id(news), outs };
    },
    async read(currentId, recorded) {
      const state = recorded as O;
      const found = await naming("read", describe(state), () => look(lifecycle, state));
      // Without an id the engine marks the resource as gone; the next update makes it again.
      if (found === undefined) return {};
      return { id: currentId, props: found, inputs: pick<I, O>(lifecycle, found) as unknown as O };
    },
    async update(_id, olds, news) {
      return { outs: await naming("update", describe(news), () => ensure(pick(lifecycle, news) as I, olds)) };
    },
    async delete(_id, recorded) {
      await naming("delete", describe(recorded), () => remove(recorded));
    },
  };
}
