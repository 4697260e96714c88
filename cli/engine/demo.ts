// What `npm run demo` does, once its modules can be loaded.
import { mkdir, rename } from "node:fs/promises";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { tenantNames } from "../../components/names.ts";
import { storesSteps } from "../../local/steps.ts";
import { withPlatform } from "../../providers/clients/platform-db.ts";
import { listTenants } from "../../providers/clients/registry.ts";
import { reservationOf } from "../../providers/clients/reservations.ts";
import { secretFiles, secretsDir } from "../../providers/clients/secrets-dir.ts";
import { servers } from "../../providers/clients/servers.ts";
import { inStackScope } from "../../providers/clients/stack-scope.ts";
import { tracesOf } from "../../providers/clients/traces.ts";
import { toolchainSteps } from "../../toolchain/install.ts";
import { runSteps } from "../../toolchain/steps.ts";
import { storedReport } from "../commands/provision.ts";
import { stackFile, useEnvironment } from "../environment.ts";
import { codeOf, Problem, withoutSecrets } from "../errors.ts";
import { note, say } from "../output.ts";
import { beginProgress, type Progress } from "../progress.ts";
import { formatReport, verifyTenant, type Report } from "../verify/index.ts";
import { runPulumi } from "./command.ts";
import { withInterrupts } from "./interrupt.ts";
import { provisionTenant, up, type Reporter } from "./provision.ts";
import { planStackFile } from "./stack-file.ts";
import { Watch } from "./watch.ts";
import { findStack, openStack } from "./workspace.ts";

const tenants = [
  { id: "acme", network: "10.12.0.0/16" },
  { id: "globex", network: "10.13.0.0/16" },
] as const;

const next = `
Type next:
  eval "$(npm run -s env)"              # this shell works on the local stores
  pulumi preview --stack acme           # what a change of stacks/Pulumi.acme.yaml would do
  npm run tenant -- verify acme         # prove it again
  npm run tenant -- credentials acme    # what an application of acme needs
  npm run tenant -- provision initech --network 10.20.0.0/16
  npm run tenant -- --help`;

/** The demo, from nothing. */
export async function runDemo(): Promise<void> {
  await runSteps([...toolchainSteps(), ...storesSteps()]);
  await useEnvironment();
  await provisionDemo();
  say(next);
}

/** Platform and tenants, on stores that run. */
export async function provisionDemo(): Promise<void> {
  await withInterrupts(async () => {
    await withProgress("Preparing the platform", platform);
    const reports = await withProgress("Provisioning the tenants acme and globex", tenantsAtOnce);
    for (const report of reports) say(await formatReport(report));
  });
}

/** Shows that it is at work, and at the end how long that took. */
async function withProgress<T>(title: string, work: (progress: Progress) => Promise<T>): Promise<T> {
  const started = performance.now();
  const progress = await beginProgress(title);
  const result = await work(progress).finally(progress.end);
  note(`✔ ${title} (${((performance.now() - started) / 1000).toFixed(1)} s)`);
  return result;
}

/** Stacks do not wait for each other. Both come to their end, also when one fails. */
async function tenantsAtOnce(progress: Progress): Promise<Report[]> {
  const results = await Promise.allSettled(
    tenants.map(({ id, network }) =>
      inStackScope(() => tenant(id, network, { ...progress, news: (text) => progress.news(`${id} ${text}`) })),
    ),
  );
  const failures = results.flatMap((result) => (result.status === "rejected" ? [result.reason as Error] : []));
  if (failures.length > 0)
    throw new Problem(codeOf(failures[0]), failures.map(({ message }) => message).join("\n"), { cause: failures[0] });
  return results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
}

/** The platform stack: up, and up again from what is really there when the stores lost it. */
async function platform(progress: Progress): Promise<void> {
  const { stack } = await openStack("platform");
  for (const refresh of [false, true]) {
    const watch = new Watch(progress.steps);
    try {
      await up(stack, watch, { refresh });
    } catch (error) {
      const { cause } = watch.failure((error as Error).message);
      throw new Problem(
        "platform-failed",
        `The platform could not be prepared: ${withoutSecrets(cause)}\nRun it again: npm run demo`,
        {
          cause: error,
        },
      );
    }
    if (
      await withPlatform(listTenants).then(
        () => true,
        () => false,
      )
    )
      return;
    progress.news("the stores are not what the state says; making it anew");
  }
  throw new Problem(
    "platform-failed",
    "The platform is up, but its database does not answer. See why: npm run tenant -- list",
  );
}

/** One tenant, verified now. */
async function tenant(id: string, network: string, progress: Reporter): Promise<Report> {
  await forgetLost(id, progress);
  // A file that is there is somebody's: it stays as it is.
  const networks = existsSync(stackFile(id)) ? [] : [network];
  const edit = await planStackFile(id, { networks });
  const outcome = await provisionTenant(edit, progress);
  if (outcome !== "unchanged") {
    const report = await storedReport(id);
    if (report?.overall_pass) return report;
  }
  const report = await verifyTenant(id);
  if (report.overall_pass) return report;
  progress.news("it is not what the state says; repairing it");
  await provisionTenant(edit, progress, { refresh: true });
  const repaired = await verifyTenant(id);
  if (repaired.overall_pass) return repaired;
  throw new Problem(
    "verification-failed",
    `${await formatReport(repaired)}\nSee what differs: npm run tenant -- drift ${id}`,
  );
}

/**
 * Stores that were reset or replaced know nothing of the tenant: what Pulumi's state says of it is forgotten, and its secrets,
 * which open nothing any more and would keep the name, are set aside. Not deleted: a backup may need them.
 */
async function forgetLost(id: string, reporter: Reporter): Promise<void> {
  if ((await withPlatform((client) => reservationOf(client, id))) !== undefined) return;
  const traces = await tracesOf(tenantNames(id), servers(), { keys: false });
  if (traces.some(({ place }) => place !== "files")) return;
  if ((await findStack(id)) !== undefined) {
    reporter.news("was in stores that are gone; making it anew");
    await runPulumi(["stack", "rm", id, "--yes", "--force", "--preserve-config"]);
  }
  const { folder } = secretFiles(id);
  if (!existsSync(folder)) return;
  const aside = join(
    dirname(secretsDir()),
    "of-earlier-stores",
    `${id}-${new Date().toISOString().replaceAll(":", "")}`,
  );
  await mkdir(dirname(aside), { recursive: true, mode: 0o700 });
  await rename(folder, aside);
  reporter.news(`secrets for the stores that are gone are now in ${aside}`);
}
