// What one server must say about itself. The rest (processes, ports, logs, waiting) is the same for all: lifecycle.ts.
import type { CommandLine } from "./account.ts";
import type { Credentials } from "./credentials.ts";
import type { Ports, StoreName } from "./settings.ts";

/** What a server is prepared from. */
export interface Site {
  readonly dir: string;
  readonly ports: Ports;
  readonly credentials: Credentials;
  /** The authority whose certificate the servers have, as PEM; left out when they do not speak TLS. */
  readonly ca?: string;
}

/** How a prepared server is started. No secret in `line`: every user of the machine can read it. */
export interface Launch {
  readonly line: CommandLine;
  /** All of its environment. */
  readonly env: Record<string, string>;
}

export interface Store {
  readonly name: StoreName;
  /** As its makers write it: "MinIO". */
  readonly title: string;
  /** Name of its program, as /proc/PID/comm has it. */
  readonly program: string;
  /** Everything it keeps, under the stores' folder. `reset` deletes it. */
  folder(dir: string): string;
  /** Where the running process works: tells our server from any other of the same program. */
  workingFolder(dir: string): string;
  /** Ports it listens on, the main one first. */
  listensOn(ports: Ports): readonly number[];
  url(ports: Ports, tls: boolean): string;
  /** The program's path, or undefined. Quick. */
  installed(): string | undefined;
  /** What installs the program: ends the error when it is missing. */
  readonly install: string;
  /** The server that has to answer before this one is started: the one that it joins, as long as it has not. */
  after?(dir: string): StoreName | undefined;
  /** Makes folders and configuration. Safe to repeat after an interruption anywhere. */
  prepare(site: Site): Promise<Launch>;
  /** Its version, asked with the administrator's credentials. Throws while it does not answer. */
  probe(site: Site): Promise<string>;
  /** Signals that stop it, the kindest first, with the time each may take. */
  readonly stopSignals: readonly { readonly signal: NodeJS.Signals; readonly seconds: number }[];
}
