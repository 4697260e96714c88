// --verbose: which servers a command works on, which programs it runs, and how long each takes.
import type { ChildProcess } from "node:child_process";
import { subscribe } from "node:diagnostics_channel";
import { basename } from "node:path";
import { withoutSecrets } from "./errors.ts";
import { note, seconds } from "./output.ts";

/** Shows every program that this process runs from now on. Secrets go to programs by standard input, never as arguments. */
export function showPrograms(): void {
  // Published by Node before the program is started: it has no arguments yet.
  subscribe("child_process", (message) => {
    const child = (message as { process: ChildProcess }).process;
    const began = performance.now();
    child.once("spawn", () => note(`+ ${commandLine(child)}`));
    child.once("exit", (code, signal) => {
      note(
        `+ ${basename(child.spawnfile)} ended ${signal === null ? `with ${code}` : `by ${signal}`} after ${seconds(began)}`,
      );
    });
  });
}

function commandLine({ spawnfile, spawnargs }: ChildProcess): string {
  const words = [basename(spawnfile), ...spawnargs.slice(1)];
  return withoutSecrets(words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(" "));
}

/** Says which servers and which of Pulumi's backends the command works on. */
export function showServers(env: NodeJS.ProcessEnv = process.env): void {
  const host = env["PGHOST"] === undefined ? undefined : `${env["PGHOST"]}:${env["PGPORT"] ?? "5432"}`;
  const named = {
    MinIO: env["MINIO_ENDPOINT"],
    PostgreSQL: host,
    Qdrant: env["QDRANT_URL"],
    Redis: env["REDIS_URL"],
    "Pulumi's backend": env["PULUMI_BACKEND_URL"],
  };
  for (const [name, where] of Object.entries(named)) note(`+ ${name}: ${withoutSecrets(where ?? "not set", env)}`);
}
