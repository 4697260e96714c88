// `npm test`: everything the tests need, then all tests, against real stores of their own (beside the demo's, on shifted
// ports). Arguments: parts of file names, to run only those; --tls, for stores that speak TLS. The last line is
// `N passed, N failed`.
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { environment } from "../local/environment.ts";
import { stopStores } from "../local/lifecycle.ts";
import { withLock } from "../local/lock.ts";
import { storesSteps } from "../local/steps.ts";
import { editHba } from "../providers/clients/hba-file.ts";
import { withAdmin } from "../providers/clients/postgresql.ts";
import { goEnv } from "../toolchain/go.ts";
import { toolchainSteps } from "../toolchain/install.ts";
import { binDir, localDir, root, toolchainDir } from "../toolchain/paths.ts";
import { runSteps } from "../toolchain/steps.ts";
import { makeCheckout } from "./support/checkout.ts";
import { testOffset, testPorts } from "./support/ports.ts";
import { SecretScan } from "./support/secret-scan.ts";
import { administrators, everyTenants } from "./support/secrets.ts";
import { testTls, tlsVariable } from "./support/tls.ts";

/** Everything the tests make. */
const folder = join(localDir, "test");
const args = process.argv.slice(2);
const only = args.filter((arg) => arg !== "--tls");
if (args.includes("--tls")) process.env[tlsVariable] = "1";
const stores = { dir: join(folder, "stores"), ports: testPorts(1000), tls: testTls() };

if (args.includes("--help")) {
  process.stdout.write(
    "npm test [-- [--tls] PART-OF-A-FILE-NAME…]: sets everything up, then runs all tests, or those files' only;\n" +
      "with --tls the tests' stores speak TLS and nothing else\n",
  );
  process.exit(0);
}

interface Tally {
  passed: number;
  failed: number;
}
const tally: Tally = { passed: 0, failed: 0 };

interface RunOptions {
  readonly cwd?: string;
  readonly quiet?: boolean;
  readonly env?: NodeJS.ProcessEnv;
}

async function run(program: string, args: readonly string[], options: RunOptions = {}) {
  return new Promise<{ code: number; stdout: string }>((done, fail) => {
    const { cwd = root, env = process.env } = options;
    const child = spawn(program, args, { cwd, env, stdio: ["ignore", "pipe", "inherit"] });
    let stdout = "";
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      if (options.quiet !== true) process.stdout.write(chunk);
    });
    child.on("error", fail);
    child.on("close", (code) => done({ code: code ?? 1, stdout }));
  });
}

/** One check that is a whole program: it passes when the program does. */
async function check(title: string, program: string, args: readonly string[], cwd?: string): Promise<void> {
  process.stdout.write(`\n${title}\n`);
  const { code } = await run(program, args, cwd === undefined ? {} : { cwd });
  tally[code === 0 ? "passed" : "failed"] += 1;
}

async function goTests(): Promise<void> {
  process.stdout.write("\nToolchain plugins: every property on the real stores\n");
  // The stores let nobody in but the administrator and tenants; these are the roles the tests log in as.
  const roles = ["plugin_admin", "plugin_login", "plugin_wo", "plugin_after"];
  const lines = roles.map((role) => `host all ${role} 127.0.0.1/32 scram-sha-256\n`).join("");
  // An earlier run's platform has closed the database they log in to.
  const closed = await withAdmin(async (client) => {
    await editHba(client, (text) => (text.startsWith(lines) ? text : lines + text));
    const { rows } = await client.query<{ open: boolean }>(
      "SELECT has_database_privilege('public', 'postgres', 'CONNECT') AS open",
    );
    await client.query("GRANT CONNECT ON DATABASE postgres TO PUBLIC");
    return rows[0]?.open === false;
  });
  // The tests say themselves which TLS they want.
  const { PGSSLMODE: mode, ...own } = goEnv();
  const env = { ...own, TEST_SSLMODE: mode };
  const { stdout } = await run("go", ["test", "-json", "-count=1", "./..."], {
    cwd: join(root, "toolchain/plugins"),
    quiet: true,
    env,
  });
  if (closed) await withAdmin((client) => client.query("REVOKE ALL ON DATABASE postgres FROM PUBLIC"));
  for (const line of stdout.split("\n").filter((text) => text.startsWith("{"))) {
    const event = JSON.parse(line) as { Action: string; Test?: string; Package: string; Output?: string };
    // A package that does not build or crashes fails without a test's name.
    if (event.Action === "fail") tally.failed += 1;
    if (event.Action === "pass" && event.Test !== undefined) tally.passed += 1;
    if (event.Action === "output" && /--- FAIL|panic|\.go:\d+:/.test(event.Output ?? ""))
      process.stdout.write(event.Output ?? "");
    if (event.Action === "fail") process.stdout.write(`FAIL ${event.Package} ${event.Test ?? ""}\n`);
  }
}

/** A failed test quotes what it got: that must not be a secret. */
async function scanReport(report: string): Promise<void> {
  const unreadable = (reason: string) => process.stdout.write(`Not looked for in the report: ${reason}\n`);
  const scan = new SecretScan([...administrators(), ...(await everyTenants(unreadable))]);
  for (const { secret, form } of scan.inFile(report)) {
    process.stdout.write(`FAIL ${report} holds the ${secret} (${form})\n`);
    tally.failed += 1;
  }
}

async function vitest(): Promise<void> {
  const report = join(folder, "vitest.json");
  await run(process.execPath, [
    join(root, "node_modules/vitest/vitest.mjs"),
    ...["run", "--reporter=default", "--reporter=json", `--outputFile.json=${report}`],
    ...only,
  ]);
  const result = JSON.parse(readFileSync(report, "utf8")) as {
    numPassedTests: number;
    numFailedTests: number;
    testResults: { status: string; assertionResults: { status: string }[] }[];
  };
  tally.passed += result.numPassedTests;
  tally.failed += result.numFailedTests;
  // A file that cannot be loaded or set up fails without a test that did.
  tally.failed += result.testResults.filter(
    ({ status, assertionResults }) => status === "failed" && assertionResults.every((test) => test.status !== "failed"),
  ).length;
  await scanReport(report);
}

async function everything(): Promise<void> {
  await runSteps(toolchainSteps());
  mkdirSync(folder, { recursive: true });
  Object.assign(process.env, {
    TENANT_TOOLCHAIN_DIR: toolchainDir,
    TENANT_STORES_DIR: join(folder, "stores"),
    TENANT_STORES_PORT_OFFSET: String(testOffset(1000)),
    TENANT_SECRETS_DIR: join(folder, "secrets"),
    TENANT_AUDIT_DIR: join(folder, "audit"),
    TENANT_OUTBOX_DIR: join(folder, "outbox"),
    TENANT_TEST_CHECKOUT: await makeCheckout(join(folder, "checkout")),
    PATH: [binDir, process.env["PATH"]].join(delimiter),
  });
  // Quotas and sizes are looked at seconds after an upload.
  process.env["MINIO_SCANNER_SPEED"] = "fastest";
  await runSteps(storesSteps(stores));
  Object.assign(process.env, environment(stores));

  if (only.length === 0) {
    const bin = (name: string) => join(root, "node_modules", name);
    await check("Types", process.execPath, [bin("typescript/bin/tsc"), "-p", root]);
    await check("Lint", process.execPath, [bin("eslint/bin/eslint.js"), root]);
    await check("Format", process.execPath, [bin("prettier/bin/prettier.cjs"), "--check", "--log-level=warn", root]);
    await goTests();
  }
  await vitest();
}

try {
  // Two runs of one checkout would share the stores' folder and ports.
  await withLock(
    folder,
    () => process.stdout.write("Another run of the tests works in this checkout; waiting for it\n"),
    () => everything().finally(() => stopStores(stores)),
  );
} catch (error) {
  process.stderr.write(`${(error as Error).message}\n`);
  tally.failed += 1;
}
process.stdout.write(`\n${tally.passed} passed, ${tally.failed} failed\n`);
process.exitCode = tally.failed === 0 && tally.passed > 0 ? 0 : 1;
