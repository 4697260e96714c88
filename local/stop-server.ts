// Stops one server.
import { setTimeout as sleep } from "node:timers/promises";
import { Problem } from "../errors/problem.ts";
import { isAlive } from "./identity.ts";
import { forget, type Running } from "./records.ts";
import type { Store } from "./store.ts";

/**
 * Ends the server: its own signals in turn, then SIGKILL. Returns the signal that did it.
 * Throws when it outlives even that (a process stuck in the kernel).
 */
export async function stopServer(store: Store, dir: string, running: Running): Promise<NodeJS.Signals> {
  for (const { signal, seconds } of [...store.stopSignals, { signal: "SIGKILL", seconds: 10 } as const]) {
    send(running, signal);
    // A server that was paused (a test, Ctrl-Z) sees the signal only when it goes on.
    send(running, "SIGCONT");
    const deadline = Date.now() + seconds * 1000;
    while (isAlive(running) && Date.now() < deadline) await sleep(10);
    if (!isAlive(running)) {
      forget(dir, store);
      return signal;
    }
  }
  throw new Problem(
    "setup-failed",
    `${store.title} (process ${running.pid}) does not end, even after SIGKILL: look at it with: cat /proc/${running.pid}/status`,
  );
}

// The identity is checked right before: a signal never goes to a process that merely got the same id.
function send(running: Running, signal: NodeJS.Signals): void {
  if (!isAlive(running)) return;
  try {
    process.kill(running.pid, signal);
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ESRCH") return;
    throw new Problem(
      "setup-failed",
      `process ${running.pid} cannot be stopped: it belongs to another user. Run: sudo npm run stores -- stop`,
      { cause },
    );
  }
}
