// Hosts at addresses of their own: network namespaces around one bridge, and a PostgreSQL server they all reach.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serviceAccount } from "../../local/account.ts";
import { postgresqlBin } from "../../local/postgresql-bin.ts";

export interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  { input = "", env = process.env }: { input?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  const child = spawn(program, args, { env });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  child.stdin.on("error", () => undefined); // The program ended early: its exit code says why.
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, stdout: stdout.trim(), stderr: stderr.trim() };
}

async function ip(args: readonly string[], input = ""): Promise<string> {
  const { code, stdout, stderr } = await run("ip", args, { input });
  if (code !== 0) throw new Error(`ip ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

/** Unique to this process; a later run recognises what a killed one has left. */
const prefix = `hba${process.pid}-`;
const namespaceOf = (host: string): string => prefix + host;

/** The server's addresses: the same from every host. */
export const serverAddress = { ipv4: "10.11.0.1", ipv6: "fd00:11::1" };

/** False where the kernel has no IPv6: then nothing of it can be shown. */
export const hasIpv6 = existsSync("/proc/net/if_inet6");
const usable = (address: string): boolean => hasIpv6 || !address.includes(":");

async function existing(): Promise<string[]> {
  return (await ip(["netns", "list"])).split("\n").map((line) => line.split(" ")[0] ?? "");
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/**
 * Makes the server's namespace, with a bridge, and one for each host, with a default route to the server.
 * @param hosts addresses by name: { acme: ["10.12.0.5/16", "fd00:12::5/64"] }
 * @param gateways the server's own addresses in the hosts' networks
 * @throws Error saying what is needed, where network namespaces cannot be used
 */
export async function makeHosts(hosts: Readonly<Record<string, readonly string[]>>, gateways: readonly string[]) {
  try {
    for (const name of await existing()) {
      const pid = /^hba(\d+)-/.exec(name)?.[1];
      if (pid !== undefined && !isAlive(Number(pid))) await ip(["netns", "delete", name]);
    }
    for (const host of ["server", ...Object.keys(hosts)]) await ip(["netns", "add", namespaceOf(host)]);
  } catch (cause) {
    throw new Error(
      `this test makes hosts in network namespaces, and that is not possible here: ${(cause as Error).message}. ` +
        `It needs root (CAP_NET_ADMIN and CAP_SYS_ADMIN) and iproute2: sudo npm test, or apt-get install iproute2`,
      { cause },
    );
  }
  // `nodad`: an IPv6 address is usable at once, not after a second of asking around.
  const add = (address: string, device: string) =>
    `address add ${address} dev ${device}${address.includes(":") ? " nodad" : ""}`;
  const server = [
    ...["link set lo up", "link add bridge type bridge", "link set bridge up"],
    ...[`${serverAddress.ipv4}/32`, `${serverAddress.ipv6}/128`].filter(usable).map((address) => add(address, "lo")),
    ...gateways.filter(usable).map((address) => add(address, "bridge")),
    ...Object.keys(hosts).flatMap((host, index) => [
      `link add port${index} type veth peer name eth0 netns ${namespaceOf(host)}`,
      `link set port${index} master bridge up`,
    ]),
  ];
  await ip(["-n", namespaceOf("server"), "-batch", "-"], server.join("\n"));
  for (const [host, all] of Object.entries(hosts)) {
    const addresses = all.filter(usable);
    const lines = [
      ...["link set lo up", "link set eth0 up"],
      ...addresses.map((address) => add(address, "eth0")),
      // IPv4 asks who has the server's address; IPv6 wants its neighbour's name: the network's first address.
      ...addresses.map((address) =>
        address.includes(":")
          ? `route add ${serverAddress.ipv6} via ${address.replace(/::.*$/, "::1")}`
          : `route add ${serverAddress.ipv4} dev eth0`,
      ),
    ];
    await ip(["-n", namespaceOf(host), "-batch", "-"], lines.join("\n"));
  }
}

/** Removes every namespace of this process; the interfaces go with them. */
export async function removeHosts(): Promise<void> {
  for (const name of (await existing()).filter((one) => one.startsWith(prefix))) await ip(["netns", "delete", name]);
}

/** Runs a program on a host. */
export const onHost = (host: string, program: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<Ran> =>
  run("ip", ["netns", "exec", namespaceOf(host), program, ...args], { env });

export interface Server {
  /** Holds the socket and the data. */
  readonly folder: string;
  readonly hbaFile: string;
  /** Where psql is. */
  readonly bin: string;
  stop(): Promise<void>;
}

/** Starts a PostgreSQL server in the server's namespace; administrators reach it over its socket, from everywhere. */
export async function startServer(hba: Buffer): Promise<Server> {
  const bin = postgresqlBin();
  const account = serviceAccount("postgres");
  if (bin === undefined || account === undefined) {
    throw new Error("this test needs PostgreSQL, and root to start it in a namespace: apt-get install postgresql");
  }
  const folder = mkdtempSync(join(tmpdir(), "hba-"));
  const data = join(folder, "data");
  mkdirSync(data, { mode: 0o700 });
  for (const path of [folder, data]) chownSync(path, account.uid, account.gid);
  const asServer = ["--reuid", String(account.uid), "--regid", String(account.gid), "--clear-groups"];
  const initdb = ["--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "-D", data];
  const made = await run("setpriv", [...asServer, join(bin, "initdb"), ...initdb]);
  if (made.code !== 0) {
    rmSync(folder, { recursive: true, force: true });
    throw new Error(`initdb ended with ${made.code}: ${made.stderr}`);
  }
  const hbaFile = join(data, "pg_hba.conf");
  writeFileSync(hbaFile, hba);
  const settings = {
    listen_addresses: Object.values(serverAddress).filter(usable).join(","),
    unix_socket_directories: folder,
    port: "5432",
    fsync: "off",
    log_destination: "stderr",
  };
  const server = spawn(
    "ip",
    [
      ...["netns", "exec", namespaceOf("server"), "setpriv", ...asServer],
      // Ends with this process, however that ends. (After the change of user, which would clear it.)
      ...["setpriv", "--pdeathsig", "QUIT", join(bin, "postgres"), "-D", data],
      ...Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]),
    ],
    { stdio: ["ignore", "ignore", "pipe"] },
  );
  await ready(server).catch(async (error: unknown) => {
    await stop(server, folder);
    throw error;
  });
  return { folder, hbaFile, bin, stop: () => stop(server, folder) };
}

async function ready(server: ChildProcess): Promise<void> {
  let log = "";
  await new Promise<void>((done, fail) => {
    server.stderr?.setEncoding("utf8").on("data", (text: string) => {
      log += text;
      if (log.includes("ready to accept connections")) done();
    });
    server.once("error", fail);
    server.once("exit", (code) => fail(new Error(`PostgreSQL ended with ${code}:\n${log}`)));
  });
}

async function stop(server: ChildProcess, folder: string): Promise<void> {
  if (server.exitCode === null) {
    const ended = once(server, "exit");
    server.kill("SIGINT"); // Fast shutdown.
    await ended;
  }
  rmSync(folder, { recursive: true, force: true });
}
