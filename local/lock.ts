// One command at a time on one folder of stores.
import { createHash } from "node:crypto";
import { connect, createServer, type Server, type Socket } from "node:net";

/**
 * Runs the work while no other process runs any on the same folder; waits for its turn.
 *
 * The lock is an abstract socket: the kernel drops it with the process, so a killed command leaves no stale lock, and
 * a waiting command sees it go at once, by its connection closing.
 */
export async function withLock<T>(dir: string, waiting: () => void, work: () => Promise<T>): Promise<T> {
  const path = `\0tenant-stores-${createHash("sha256").update(dir).digest("hex").slice(0, 32)}`;
  const waiters = new Set<Socket>();
  let server = await tryListen(path, waiters);
  if (server === undefined) waiting();
  while (server === undefined) {
    await released(path);
    server = await tryListen(path, waiters);
  }
  try {
    return await work();
  } finally {
    const held = server;
    await new Promise<void>((resolve) => {
      held.close(() => resolve());
      for (const waiter of waiters) waiter.destroy();
    });
  }
}

function tryListen(path: string, waiters: Set<Socket>): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      waiters.add(socket);
      // A waiter that is killed is no concern of ours.
      socket.on("error", () => undefined).on("close", () => waiters.delete(socket));
    });
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(undefined);
      else reject(error);
    });
    server.listen({ path }, () => resolve(server));
  });
}

function released(path: string): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    // Refused means it went between our try and now.
    socket.on("error", () => undefined).on("close", () => setTimeout(resolve, 20));
    socket.resume();
  });
}
