// PostgreSQL: relational data, and the platform's registry and audit log. One server; a pair of them: postgresql-pair.ts.
import { randomBytes } from "node:crypto";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { Client } from "pg";
import { Problem } from "../errors/problem.ts";
import { type Account, runAs, serviceAccount } from "./account.ts";
import { readIfThere, writePrivate } from "./files.ts";
import { link, serverIn } from "./identity.ts";
import { postgresqlBin } from "./postgresql-bin.ts";
import { hostRules, onlyEncrypted, serverSettings } from "./postgresql-config.ts";
import { cleanEnvironment, run } from "./programs.ts";
import type { Launch, Site, Store } from "./store.ts";
import { ensureCertificate } from "./tls.ts";

export const postgresql: Store = {
  name: "postgresql",
  title: "PostgreSQL",
  program: "postgres",
  install: "npm run stores -- start (as root), or: sudo apt-get install --no-install-recommends postgresql",
  folder: (dir) => join(dir, "postgresql"),
  workingFolder: (dir) => dataIn(join(dir, "postgresql")),
  listensOn: (ports) => [ports.postgresql],
  url: (ports, tls) => `postgresql://127.0.0.1:${ports.postgresql}${tls ? "?sslmode=verify-full" : ""}`,
  installed: () => postgresqlBin(),

  prepare: (site) => prepare(site, join(site.dir, "postgresql"), { make: initialise }),

  probe: (site) =>
    asked(site, async (client) => {
      const { rows } = await client.query<{ version: string }>("SELECT current_setting('server_version') AS version");
      return rows[0]?.version.split(" ")[0] ?? "unknown";
    }),

  // Fast shutdown: open connections are ended, not waited for. Then immediate: recovery at the next start, no loss.
  stopSignals: [
    { signal: "SIGINT", seconds: 30 },
    { signal: "SIGQUIT", seconds: 5 },
  ],
};

/** The server's data, in its folder. */
export const dataIn = (folder: string): string => join(folder, "data");

/** A folder in which a server's data are made. */
export interface Place {
  /** The server's own: nothing of it is lost when the making is interrupted. */
  readonly folder: string;
  /** Does not exist yet. */
  readonly made: string;
  /** PostgreSQL's programs. */
  readonly bin: string;
  readonly account: Account | undefined;
}

/** What makes one server other than the next. */
interface Making {
  /** Makes the data, where there are none. */
  readonly make: (site: Site, place: Place) => Promise<void>;
  /** Lines for postgresql.conf. */
  readonly more?: string;
  /** pg_hba.conf as it has to be at every start. */
  readonly rules?: (text: string) => string;
}

/** Makes a server's folder. Returns whose it is: undefined is the caller. */
export function makeFolder(folder: string): Account | undefined {
  const account = serviceAccount("postgres");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  return account;
}

/** Makes the data where there are none, and the configuration. */
export async function prepare(site: Site, folder: string, { make, more = "", rules }: Making): Promise<Launch> {
  const account = makeFolder(folder);
  const data = dataIn(folder);
  const version = readIfThere(join(data, "PG_VERSION"))?.trim();
  const bin = postgresqlBin(version);
  if (bin === undefined) {
    throw new Problem(
      "setup-failed",
      `${data} was made by PostgreSQL ${version}, which is no longer installed: apt-get install postgresql-${version}, or delete all data with: npm run stores -- reset`,
    );
  }
  if (version === undefined) await makeAside(site, folder, account, bin, make);
  // Ours at every start; what ALTER SYSTEM sets is in postgresql.auto.conf and wins.
  const addresses = hasIpv6Loopback() ? ["127.0.0.1", "::1"] : ["127.0.0.1"];
  const tls = site.ca !== undefined;
  if (tls) await ensureCertificate(site.dir, folder, account);
  writePrivate(join(data, "postgresql.conf"), serverSettings(site.ports.postgresql, addresses, tls) + more, account);
  const hba = join(data, "pg_hba.conf");
  const text = readFileSync(hba, "latin1");
  const wanted = onlyEncrypted(rules?.(text) ?? text, tls);
  if (wanted !== text) writePrivate(hba, Buffer.from(wanted, "latin1"), account);
  forgetDeadServer(data);
  return {
    line: runAs(account, [folder, bin], join(bin, "postgres"), ["-D", data]),
    env: cleanEnvironment(folder),
  };
}

/** Asks the server as the administrator. */
export async function asked<T>({ ports, credentials, ca }: Site, ask: (client: Client) => Promise<T>): Promise<T> {
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
    return await ask(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** New data, made aside and renamed when complete: an interrupted start leaves no half of them behind. */
async function makeAside(
  site: Site,
  folder: string,
  account: Account | undefined,
  bin: string,
  make: Making["make"],
): Promise<void> {
  // What an interrupted start left. Its program may still be at work: nobody waits for it any more, the lock is ours.
  for (const program of ["initdb", "pg_basebackup"]) {
    const orphan = serverIn(folder, program);
    if (orphan !== undefined) process.kill(orphan.pid, "SIGKILL");
  }
  for (const name of readdirSync(folder)) {
    if (name.startsWith("new-")) rmSync(join(folder, name), { recursive: true, force: true, maxRetries: 10 });
  }
  const made = join(folder, `new-${randomBytes(6).toString("hex")}`);
  await make(site, { folder, made, bin, account });
  renameSync(made, dataIn(folder));
}

/** Data of nobody yet: one database cluster, in PostgreSQL's words. */
export async function initialise({ credentials }: Site, { folder, made, bin, account }: Place): Promise<void> {
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
