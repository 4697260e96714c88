// What somebody should look at, worst first.
import { defaultPlacement } from "../../providers/clients/placements.ts";
import { age, between, bytes, count, day, percent } from "./format.ts";
import type { Drift, Fleet, TenantState } from "./fleet.ts";
import { storeNames } from "./sizes.ts";
import { storeTitle, storeTitles } from "./titles.ts";

/** `bad`: a guarantee does not hold, or nobody knows that it does. `warn`: it will want work. */
export type Severity = "bad" | "warn";

export interface Attention {
  /** Empty: it is about the platform or a store. */
  readonly tenant: string;
  readonly severity: Severity;
  /** One line, without secrets. */
  readonly what: string;
  /** The command that helps; empty when there is none. */
  readonly command: string;
}

/** A verification that is older proves little: settings of the servers change too. */
export const staleAfter = 30 * day;
/** Of a limit. */
const nearlyFull = 0.85;

const weight: Readonly<Record<Severity, number>> = { bad: 0, warn: 1 };

const run = (command: string): string => `npm run tenant -- ${command}`;

/** Everything that should be looked at. */
export function attention(fleet: Fleet): Attention[] {
  const found = [
    ...fleet.stores
      .filter(({ problem }) => problem !== "")
      .map(({ store, placement, answered, problem }): Attention => ({
        tenant: "",
        severity: answered ? "warn" : "bad",
        what: `${storeTitle(store, placement)} ${answered ? "is not fully known" : "did not answer"}: ${problem}`,
        command: answered || placement !== defaultPlacement ? "" : "npm run stores -- status",
      })),
    // A leak before a setting that differs, whoever's.
    ...fleet.tenants.flatMap((tenant) => verificationProblems(tenant, fleet.generated_at)),
    ...driftProblems("", "platform", fleet.platform_drift),
    ...fleet.placements.flatMap(({ stack, drift }) => driftProblems("", stack, drift)),
    ...fleet.tenants.flatMap((tenant) => [...driftProblems(tenant.id, tenant.id, tenant.drift), ...full(tenant)]),
    ...fleet.incomplete.map(({ id, reserved_at }): Attention => ({
      tenant: id,
      severity: "warn",
      what: `is not complete: its id was reserved ${age(between(reserved_at, fleet.generated_at))} ago, and it is not registered`,
      command: run(`provision ${id}`),
    })),
    ...fleet.ended
      .filter(({ unchanged }) => !unchanged)
      .map(({ id }): Attention => ({
        tenant: "",
        severity: "bad",
        what: `the deletion report of ${id} is not the one whose hash is in the audit log`,
        command: run("audit --verify"),
      })),
  ];
  return [...found].sort((one, two) => weight[one.severity] - weight[two.severity]);
}

/** What should be looked at about one tenant. */
export function ofTenant(tenant: TenantState, now: string): Attention[] {
  return [...verificationProblems(tenant, now), ...driftProblems(tenant.id, tenant.id, tenant.drift), ...full(tenant)];
}

function verificationProblems({ id, verifications }: TenantState, now: string): Attention[] {
  const command = run(`verify ${id}`);
  const [newest] = verifications;
  if (newest === undefined) return [{ tenant: id, severity: "bad", what: "was never verified", command }];
  const failed = verifications.flatMap(({ against, report }) =>
    report.checks.filter(({ pass }) => !pass).map(({ store, test }) => ({ against, check: `${store} ${test}` })),
  );
  const [first] = failed;
  if (first !== undefined || !newest.report.overall_pass) {
    const others = failed.length > 1 ? ` and ${failed.length - 1} more` : "";
    const which = first === undefined ? "" : `: ${first.check}${others}`;
    return [{ tenant: id, severity: "bad", what: `its last verification failed${which}`, command }];
  }
  const old = between(newest.at, now);
  if (old < staleAfter) return [];
  return [{ tenant: id, severity: "warn", what: `was verified ${age(old)} ago`, command }];
}

function driftProblems(tenant: string, stack: string, drift: Drift | null): Attention[] {
  if (drift === null || drift.outcome === "none") return [];
  const command = `npm run tenant -- drift ${stack}`;
  const of = tenant !== "" ? "" : stack === "platform" ? "the platform: " : `${stack}: `;
  if (drift.outcome === "failed")
    return [{ tenant, severity: "warn", what: `${of}looking for drift failed: ${drift.problem}`, command }];
  const [first] = drift.findings;
  const others = drift.findings.length > 1 ? ` and ${drift.findings.length - 1} more` : "";
  const which = first === undefined ? "" : `: ${first.resource} ${first.kind}${others}`;
  return [{ tenant, severity: "bad", what: `${of}drift${which}`, command }];
}

function full({ id, sizes }: TenantState): Attention[] {
  return storeNames.flatMap((store): Attention[] => {
    const used = usage(sizes[store]);
    if (used === undefined || used.part < nearlyFull * used.whole) return [];
    const show = store === "minio" ? bytes : count;
    return [
      {
        tenant: id,
        severity: "warn",
        what: `${storeTitles[store]} is ${percent(used.part, used.whole)} full: ${show(used.part)} of ${show(used.whole)}`,
        command: "",
      },
    ];
  });
}

/** How much of a limit is used; undefined without a limit. */
export function usage(
  size: TenantState["sizes"][keyof TenantState["sizes"]],
): { readonly part: number; readonly whole: number } | undefined {
  if (size === undefined || size.limit === null) return undefined;
  const part = size.bytes ?? size.items;
  return part === null ? undefined : { part, whole: size.limit };
}
