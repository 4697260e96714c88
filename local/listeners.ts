// Who holds a port.
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { link, nameOf, processIds } from "./identity.ts";

/** Who listens on the port: "redis-server, process 4711, in /srv/redis". Undefined when nobody does. */
export function whoListens(port: number): string | undefined {
  const sockets = ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((table) => listeningSockets(table, port));
  if (sockets.length === 0) return undefined;
  for (const pid of processIds()) {
    if (!holds(pid, sockets)) continue;
    // Never the command line: other people's may hold a password.
    const name = nameOf(pid) ?? "a process that just ended";
    const folder = link(pid, "cwd");
    return `${name}, process ${pid}${folder === undefined ? "" : `, in ${folder}`}`;
  }
  return "a process of another user";
}

/** True when something accepts connections there within 2 s. */
export function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: "127.0.0.1", port, timeout: 2000 });
    const end = (answer: boolean): void => {
      socket.destroy();
      resolve(answer);
    };
    socket.once("connect", () => end(true));
    socket.once("timeout", () => end(false));
    socket.once("error", () => end(false));
  });
}

// Inode numbers of the listening sockets that a server of ours on 127.0.0.1 would collide with.
function listeningSockets(table: string, port: number): string[] {
  const loopback = /^(0100007F|0{8}|0{32}|0{16}FFFF00000100007F)$/;
  return read(table)
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter(([, local = "", , state]) => {
      const [address = "", hex = ""] = local.split(":");
      return state === "0A" && Number.parseInt(hex, 16) === port && loopback.test(address);
    })
    .map((fields) => `socket:[${fields[9]}]`);
}

function holds(pid: number, sockets: readonly string[]): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => sockets.includes(link(pid, `fd/${fd}`) ?? ""));
  } catch {
    return false;
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
