// PostgreSQL: relational data, and the platform's registry and audit log.
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { Problem } from "../errors/problem.ts";
import { type Account, runAs, serviceAccount } from "./account.ts";
import { readIfThere, writePrivate } from "./files.ts";
import { link, serverIn } from "./identity.ts";
import { postgresqlBin } from "./postgresql-bin.ts";
import { hostRules, onlyEncrypted, serverSettings } from "./postgresql-config.ts";
import { cleanEnvironment, run } from "./programs.ts";
import type { Site, Store } from "./store.ts";
import { ensureCertificate } from "./tls.ts";

const dataFolder = (dir: string): string => join(dir, "postgresql", "data");

export const postgresql: Store = {
  name: "postgresql",
  title: "PostgreSQL",
  program: "postgres",
  install: "npm run stores -- start (as root), or: sudo apt-get install --no-install-recommends postgresql",
  folder: (dir) => join(dir, "postgresql"),
  workingFolder: dataFolder,
  listensOn: (ports) => [ports.postgresql],
  url: (ports, tls) => `postgresql://127.0.0.1:${ports.postgresql}${tls ? "?sslmode=verify-full" : ""}`,
  installed: () => postgresqlBin(),

  async prepare(site) {
    const account = serviceAccount("postgres");
    const folder = join(site.dir, "postgresql");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (account !== undefined) chownSync(folder, account.uid, account.gid);
    const data = dataFolder(site.dir);
    const version = readIfThere(join(data, "PG_VERSION"))?.trim();
    const bin = postgresqlBin(version);
    if (bin === undefined) {
      throw new Problem(
        "setup-failed",
        `${data} was made by PostgreSQL ${version}, which is no longer installed: apt-get install postgresql-${version}, or delete all data with: npm run stores -- reset`,
      );
    }
    if (version === undefined) await initialise(site, account, bin);
    // Ours at every start; what ALTER SYSTEM sets is in postgresql.auto.conf and wins.
    const addresses = hasIpv6Loopback() ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
    const tls = site.ca !== undefined;
    if (tls) await ensureCertificate(site.dir, folder, account);
    writePrivate(join(data, "postgresql.conf"), serverSettings(site.ports.postgresql, addresses, tls), account);
    const hba = join(data, "pg_hba.conf");
    const rules = readFileSync(hba, "latin1");
    const wanted = onlyEncrypted(rules, tls);
    if (wanted !== rules) writePrivate(hba, Buffer.from(wanted, "latin1"), account);
    forgetDeadServer(data);
    return {
      line: runAs(account, [folder, bin], join(bin, "postgres"), ["-D", data]),
      env: cleanEnvironment(folder),
    };
  },

  async probe({ ports, credentials, ca }) {
    const { default: pg } = await import("pg");
    const client = new pg.Client({
      host: "127.0.0.1",
      port: ports.postgresql,
      user: credentials.postgresql.user,
      password: credentials.postgresql.password,
      database: "postgres",
      ssl: ca === undefined ? false : { ca },
      connectionTimeoutMillis: 2000,
      query_timeout: 2000,
    });
    // A connection that breaks is reported by the call that waits for it.
    client.on("error", () => undefined);
    try {
      await client.connect();
      const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version') AS version");
      return rows[0]?.version.split(" ")[0] ?? "unknown";
    } finally {
      await client.end().catch(() => undefined);
    }
  },

  // Fast shutdown: open connections are ended, not waited for. Then immediate: recovery at the next start, no loss.
  stopSignals: [
    { signal: "SIGINT", seconds: 30 },
    { signal: "SIGQUIT", seconds: 5 },
  ],
};

/** A new cluster, made aside and renamed when complete: an interrupted start leaves no half cluster behind. */
async function initialise({ dir, credentials }: Site, account: Account | undefined, bin: string): Promise<void> {
  const folder = join(dir, "postgresql");
  // What an interrupted start left. Its initdb may still be at work: nobody waits for it any more, the lock is ours.
  const orphan = serverIn(folder, "initdb");
  if (orphan !== undefined) process.kill(orphan.pid, "SIGKILL");
  for (const name of readdirSync(folder)) {
    if (name.startsWith("new-")) rmSync(join(folder, name), { recursive: true, force: true, maxRetries: 10 });
  }
  const made = join(folder, `new-${randomBytes(6).toString("hex")}`);
  const passwordFile = `${made}-password`;
  writePrivate(passwordFile, `${credentials.postgresql.password}\n`, account);
  try {
    const args = [
      `--pgdata=${made}`,
      `--username=${credentials.postgresql.user}`,
      `--pwfile=${passwordFile}`,
      "--auth=scram-sha-256",
      "--encoding=UTF8",
      "--locale=C.UTF-8",
      "--data-checksums",
    ];
    await run(runAs(account, [folder, bin], join(bin, "initdb"), args), { env: cleanEnvironment(folder), cwd: folder });
  } finally {
    rmSync(passwordFile, { force: true });
  }
  writePrivate(join(made, "pg_hba.conf"), hostRules(credentials.postgresql.user), account);
  renameSync(made, dataFolder(dir));
}

/**
 * PostgreSQL refuses to start while the process id in postmaster.pid is alive, even if that id was given to another
 * program since a crash. Nobody works in this folder (the caller looked, under the lock): then the file is stale.
 */
function forgetDeadServer(data: string): void {
  const file = join(data, "postmaster.pid");
  const pid = Number(readIfThere(file)?.split("\n")[0]);
  if (pid > 0 && existsSync(file) && link(pid, "cwd") !== data) rmSync(file, { force: true });
}

function hasIpv6Loopback(): boolean {
  return Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === "::1"));
}
