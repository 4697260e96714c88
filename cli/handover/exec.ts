// A program run with a tenant's credentials in its environment, and none of the administrator's.
import { spawn, type ChildProcess } from "node:child_process";
import { isatty } from "node:tty";
import { parseRedisUrl } from "../../providers/clients/redis-url.ts";
import { variables, type Connection } from "../connection.ts";
import { Problem } from "../errors.ts";
import { region } from "./client-files.ts";

/**
 * What belongs to a store's administrator, to Pulumi or to this tool, by the beginning of its name: an administrator's
 * PGSERVICE or AWS_PROFILE would win over the tenant's credentials, or leak beside them.
 */
const taken = [
  "MINIO_",
  "PG",
  "QDRANT_",
  "REDIS",
  "AWS_",
  "MC_",
  "RCLONE_",
  "PULUMI_",
  "TENANT_",
  "EXPORT_S3_",
  "SOPS_",
];

/** The tenant's variables for a program: those of `--format env`, and the names that command line clients know. */
export function programVariables(found: Connection): Record<string, string> {
  const { minio, redis, ca_file } = found;
  const { addresses, master } = parseRedisUrl(redis.url);
  const [{ host, port }] = addresses;
  return {
    ...variables(found),
    AWS_ACCESS_KEY_ID: minio.access_key,
    AWS_SECRET_ACCESS_KEY: minio.secret_key,
    AWS_ENDPOINT_URL_S3: minio.endpoint,
    AWS_REGION: region,
    // The SDKs' own default over HTTPS is signed by nobody: the tenant's policy refuses it.
    AWS_REQUEST_CHECKSUM_CALCULATION: "when_required",
    ...(ca_file === undefined ? {} : { AWS_CA_BUNDLE: ca_file }),
    // Sentinels are not the server: redis-cli cannot ask them.
    ...(master === undefined ? { REDIS_HOST: host, REDIS_PORT: String(port) } : {}),
    REDIS_USER: redis.user,
    REDISCLI_AUTH: redis.password,
  };
}

/** The environment of the program: the operator's without what is an administrator's, and the tenant's. */
export function programEnvironment(own: NodeJS.ProcessEnv, found: Connection): NodeJS.ProcessEnv {
  const kept = Object.entries(own).filter(([name]) => !taken.some((beginning) => name.startsWith(beginning)));
  return { ...Object.fromEntries(kept), ...programVariables(found) };
}

/** Signals of a terminal reach the program by itself; sent to us alone, they are passed on. */
const fromTerminal = ["SIGINT", "SIGQUIT"] as const;
const passedOn = ["SIGTERM", "SIGHUP"] as const;

/**
 * Runs the program with our standard input and output, from where the command was typed. Ends as it ends: sets the exit code,
 * or ends this process by the same signal.
 * @throws Problem when it cannot be started: exit code 127 when there is none of that name, else 126.
 */
export async function runProgram(command: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const [program = "", ...args] = command;
  let child: ChildProcess | undefined;
  const pass = (signal: NodeJS.Signals) => void child?.kill(signal);
  const passOutsideTerminal = (signal: NodeJS.Signals) => void (isatty(0) || child?.kill(signal));
  // Before the program runs: a signal that comes at once must not end us and leave it behind.
  for (const signal of passedOn) process.on(signal, pass);
  for (const signal of fromTerminal) process.on(signal, passOutsideTerminal);
  try {
    const [code, signal] = await new Promise<[number | null, NodeJS.Signals | null]>((done, fail) => {
      child = spawn(program, args, { stdio: "inherit", env, cwd: process.env["INIT_CWD"] ?? process.cwd() });
      child.on("error", (cause: NodeJS.ErrnoException) => {
        // Of a shell, too, these are its exit codes.
        process.exitCode = cause.code === "ENOENT" ? 127 : 126;
        const why = cause.code === "ENOENT" ? "there is no such program on PATH" : cause.message;
        fail(new Problem("program-missing", `${program} could not be started: ${why}`, { cause }));
      });
      child.on("close", (...how) => done(how));
    });
    process.exitCode = code ?? 1;
    if (signal === null) return;
    for (const one of [...passedOn, ...fromTerminal]) process.removeAllListeners(one);
    process.kill(process.pid, signal);
  } finally {
    for (const signal of passedOn) process.removeListener(signal, pass);
    for (const signal of fromTerminal) process.removeListener(signal, passOutsideTerminal);
  }
}
