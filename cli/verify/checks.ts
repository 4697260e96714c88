// How a check is written and run: what it expects, what counts as a refusal, and what an error proves (nothing).
import type { Credentials } from "../../providers/clients/credentials.ts";
import { platformStack } from "../../providers/clients/placements.ts";
import { currentPlacement, type Servers } from "../../providers/clients/servers.ts";
import { tlsProblems } from "../../providers/clients/tls-problems.ts";
import type { TenantNames } from "../../components/names.ts";
import type { Check, Result, Store } from "./report.ts";

/** Who is verified, against whom, and where. */
export interface Subject {
  readonly names: TenantNames;
  /** The tenant that must be out of reach: the canary. */
  readonly other: TenantNames;
  readonly servers: Servers;
  /** Decrypted once, with the tenant's own key. */
  readonly credentials: Promise<Credentials>;
  /** age recipients that every SOPS file has besides the tenant, such as a recovery key. */
  readonly extraRecipients: readonly string[];
  /** Milliseconds after which a check counts as failed by ERROR. */
  readonly timeout: number;
}

/** What a check found. */
export interface Finding {
  readonly result: Result;
  readonly detail: string;
}

/** One check of a store; `C` is what the store's checks share: connections, mostly. */
export interface CheckDefinition<C> {
  readonly test: string;
  readonly expected: "OK" | "DENIED";
  /** The check proves something only if the other tenant is really there. */
  readonly needsOther?: true;
  /** Why the operator takes a leak as it is; undefined when they do not. The report then expects it, and says so. */
  readonly accepted?: (subject: Subject) => string | undefined;
  readonly run: (context: C) => Promise<Finding>;
}

/** Everything about one store. */
export interface StoreDefinition<C> {
  readonly store: Store;
  readonly checks: readonly CheckDefinition<C>[];
  /** Connects, runs `work`, disconnects. */
  readonly within: <T>(subject: Subject, work: (context: C) => Promise<T>) => Promise<T>;
  /** What of the other tenant is missing, as the administrator sees it; undefined when it is all there. */
  readonly missingOther?: (context: C) => Promise<string | undefined>;
}

/** How a store's client tells the server's answer from everything else that goes wrong. */
export interface Dialect {
  /** The server's own code for an error; undefined when the server did not answer. */
  readonly code: (error: unknown) => string | undefined;
  /** The codes that mean: you may not. */
  readonly refusals: readonly string[];
}

/** Something worked, with a wrong outcome. */
export class Mismatch extends Error {}

/** Something that the server must refuse. */
export interface Attempt {
  /** In a word or two: "read", "write". */
  readonly what: string;
  readonly run: () => Promise<unknown>;
  /** Takes back what the attempt changed, with the administrator's credentials: run when it was not refused. */
  readonly undo?: () => Promise<unknown>;
}

/** DENIED when the server refused every attempt; ALLOWED when one got through; ERROR when anything else came back. */
export async function refused(dialect: Dialect, attempts: readonly Attempt[]): Promise<Finding> {
  const allowed: string[] = [];
  const unclear: string[] = [];
  const codes = new Set<string>();
  await Promise.all(
    attempts.map(async ({ what, run, undo }) => {
      try {
        await run();
      } catch (error) {
        const code = dialect.code(error);
        if (code !== undefined && dialect.refusals.includes(code)) codes.add(code);
        else unclear.push(`${what}: ${messageOf(error)}`);
        return;
      }
      allowed.push(what);
      await undo?.().catch((error: unknown) => unclear.push(`${what} could not be undone: ${messageOf(error)}`));
    }),
  );
  if (allowed.length > 0) return { result: "ALLOWED", detail: `not refused: ${[...allowed, ...unclear].join("; ")}` };
  if (unclear.length > 0) return { result: "ERROR", detail: unclear.join("; ") };
  return {
    result: "DENIED",
    detail: `${attempts.map((attempt) => attempt.what).join(", ")}: ${[...codes].join(", ")}`,
  };
}

/** OK when `run` returns (its detail, if any); FAILED when the server or a Mismatch says no; ERROR otherwise. */
export async function works(dialect: Dialect, run: () => Promise<string | void>): Promise<Finding> {
  try {
    return { result: "OK", detail: (await run()) ?? "" };
  } catch (error) {
    const answered = error instanceof Mismatch || dialect.code(error) !== undefined;
    return { result: answered ? "FAILED" : "ERROR", detail: messageOf(error) };
  }
}

/** An error's message in one line; the reason inside it when it has none of its own (Node's AggregateError). */
export function messageOf(error: unknown): string {
  const { message, code, cause } = error as { message?: string; code?: string; cause?: unknown };
  const own = message || (code ?? "unknown error");
  // fetch says only "fetch failed".
  const reason = own === "fetch failed" && cause !== undefined ? `${own}: ${messageOf(cause)}` : own;
  return reason.replace(/\s+/g, " ").trim();
}

/** Runs a store's checks at the same time. Never throws: what cannot be checked is an ERROR, with the reason. */
export async function runStore<C>(definition: StoreDefinition<C>, subject: Subject): Promise<Check[]> {
  const conclude: Conclude<C> = async (check, finding, since) => {
    const accepted = finding.result === "ALLOWED" ? check.accepted?.(subject) : undefined;
    const expected = accepted === undefined ? check.expected : "ALLOWED";
    return {
      store: definition.store,
      test: check.test,
      result: finding.result,
      timestamp: new Date().toISOString().replace(/\.\d+Z$/, "Z"),
      expected,
      pass: finding.result === expected,
      detail: await withoutSecrets(accepted ?? finding.detail, subject),
      duration_ms: Math.round(performance.now() - since),
    };
  };
  const checked = await runChecks(definition, subject, conclude);
  if (definition.store === "encryption" || checked.every(({ pass }) => pass)) return checked;
  // Nothing was proved: where it is for want of TLS, that is the reason, in plain words.
  const problems = await tlsProblems({ [definition.store]: subject.servers[definition.store] });
  if (problems.length === 0) return checked;
  return checked.map((check) =>
    check.pass || check.result === "ALLOWED" ? check : { ...check, result: "ERROR", detail: problems.join("; ") },
  );
}

type Conclude<C> = (check: CheckDefinition<C>, finding: Finding, since: number) => Promise<Check>;

async function runChecks<C>(definition: StoreDefinition<C>, subject: Subject, conclude: Conclude<C>): Promise<Check[]> {
  const started = performance.now();
  try {
    // Connecting may hang too. Twice the time: the checks' own limits come first.
    return await within(2 * subject.timeout, () =>
      definition.within(subject, async (context) => {
        const missing = definition.missingOther?.(context);
        missing?.catch(() => undefined); // Each check that needs it reports it.
        return Promise.all(
          definition.checks.map(async (check) => {
            const since = performance.now();
            return conclude(check, await runCheck(check, context, missing, subject), since);
          }),
        );
      }),
    );
  } catch (error) {
    const finding: Finding = { result: "ERROR", detail: messageOf(error) };
    return Promise.all(definition.checks.map((check) => conclude(check, finding, started)));
  }
}

async function runCheck<C>(
  check: CheckDefinition<C>,
  context: C,
  missing: Promise<string | undefined> | undefined,
  subject: Subject,
): Promise<Finding> {
  try {
    return await within(subject.timeout, async () => {
      const [finding, absent] = await Promise.all([check.run(context), check.needsOther ? missing : undefined]);
      // A leak is a leak, whatever else is missing.
      if (absent === undefined || finding.result === "ALLOWED") return finding;
      const detail = `nothing to be refused by: ${absent} (make it: pulumi up --stack ${platformStack(currentPlacement())})`;
      return { result: "FAILED", detail };
    });
  } catch (error) {
    return { result: "ERROR", detail: messageOf(error) };
  }
}

async function within<T>(milliseconds: number, work: () => Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, fail) => {
    timer = setTimeout(() => fail(new Error(`no answer within ${milliseconds / 1000} s`)), milliseconds);
  });
  try {
    return await Promise.race([work(), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Belt and braces: no client is known to put a credential into an error, and none will through here. */
async function withoutSecrets(detail: string, subject: Subject): Promise<string> {
  const credentials = await subject.credentials.catch(() => undefined);
  const { minio, postgresql, qdrant, redis } = subject.servers;
  const secrets: string[] = [
    minio.password,
    postgresql.password,
    qdrant.apiKey,
    decodeURIComponent(redis.url.password),
  ];
  for (const [name, value] of Object.entries<string>({ ...credentials })) {
    if (name !== "minio_access_key") secrets.push(value);
  }
  const shown = secrets
    .filter((secret) => secret.length >= 8)
    .reduce((text, s) => text.replaceAll(s, "[secret]"), detail);
  return shown.slice(0, 400);
}
