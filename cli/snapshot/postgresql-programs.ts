// pg_dump and pg_restore: the highest version on this machine, run with the password in its environment and nothing of the operator's.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { accessSync, constants, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { rootCertificates } from "node:tls";
import { nodesOf } from "../../providers/clients/postgresql.ts";
import { formatPostgresqlList } from "../../providers/clients/postgresql-list.ts";
import type { Servers } from "../../providers/clients/servers.ts";
import { Problem } from "../errors.ts";

type Program = "pg_dump" | "pg_restore";

function isProgram(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function majorOf(file: string): number {
  return Number(/ (\d+)/.exec(spawnSync(file, ["--version"], { encoding: "utf8" }).stdout)?.[1] ?? 0);
}

/**
 * The program, at least as new as the server: an older one refuses.
 * @throws Problem naming the package that has it
 */
export function find(program: Program, server: number): string {
  const packaged = "/usr/lib/postgresql";
  let versions: string[] = [];
  try {
    versions = readdirSync(packaged).sort((one, other) => Number(other) - Number(one));
  } catch {
    // Not Debian.
  }
  const folders = [
    ...(process.env["PATH"] ?? "").split(delimiter),
    ...versions.map((one) => join(packaged, one, "bin")),
  ];
  const found = folders
    .filter(Boolean)
    .map((folder) => join(folder, program))
    .filter(isProgram);
  const fitting = found.find((file) => majorOf(file) >= server);
  if (fitting !== undefined) return fitting;
  const help = `apt-get install postgresql-client-${server}`;
  throw new Problem(
    "program-missing",
    found.length === 0
      ? `${program} is not installed, which exports and restores need: ${help}`
      : `${found.join(", ")}: older than the PostgreSQL server, which is version ${server}, and so of no use: ${help}`,
  );
}

/** Who connects to what. */
interface Login {
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** A program that runs. */
export interface Running {
  readonly child: ChildProcess;
  /** @throws Error with the last of what it said, when it did not end well. */
  readonly ended: Promise<void>;
}

/** Starts it for this server; nothing of the operator's own PostgreSQL settings reaches it. */
export function start(
  file: string,
  args: readonly string[],
  { postgresql }: Pick<Servers, "postgresql">,
  login: Login,
): Running {
  const { sslMode, ca } = postgresql;
  const nodes = nodesOf({ postgresql });
  const { host, port } = formatPostgresqlList(nodes);
  // libpq knows no authorities of its own: those of Node.js, as everywhere else.
  const folder =
    ca === undefined && sslMode.startsWith("verify") ? mkdtempSync(join(tmpdir(), "authorities-")) : undefined;
  const authorities = folder === undefined ? ca?.file : join(folder, "ca.pem");
  if (folder !== undefined && authorities !== undefined) writeFileSync(authorities, rootCertificates.join("\n"));
  const env = {
    PATH: process.env["PATH"],
    HOME: "/nonexistent",
    PGHOST: host,
    PGPORT: port,
    // A dump is taken where the tenant's last write is.
    ...(nodes.length === 1 ? {} : { PGTARGETSESSIONATTRS: "read-write" }),
    PGUSER: login.user,
    PGPASSWORD: login.password,
    PGDATABASE: login.database,
    PGSSLMODE: sslMode,
    PGCONNECT_TIMEOUT: "10",
    PGAPPNAME: "tenant-storage",
    ...(authorities === undefined ? {} : { PGSSLROOTCERT: authorities }),
  };
  const child = spawn(file, [...args, "--no-password"], { env, stdio: ["pipe", "pipe", "pipe"] });
  let said = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-2000)));
  const ended = new Promise<void>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code, signal) => {
      if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
      if (code === 0) done();
      else fail(new Error(`${file} ended with ${code ?? signal}: ${said.trim()}`));
    });
  });
  ended.catch(() => undefined); // Whoever waits for it is told.
  return { child, ended };
}
