// Redis servers and sentinels of a test's own, in a temporary folder, on free ports of the loopback address.
import { spawn, type ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { Redis } from "ioredis";
import { withRedis } from "../../providers/clients/redis.ts";
import { parseRedisUrl } from "../../providers/clients/redis-url.ts";

/** One process. */
export interface LabServer {
  readonly port: number;
  /** Runs `work` as the administrator. */
  readonly admin: <T>(work: (client: Redis) => Promise<T>) => Promise<T>;
  /** The users on disk: what a restart knows. */
  readonly savedUsers: () => string;
  /** Runs `work` while the server cannot save its users. */
  readonly withoutSaving: (work: () => Promise<void>) => Promise<void>;
  readonly stop: () => Promise<void>;
  /** Starts it again, with its files. */
  readonly start: () => Promise<void>;
}

/** All processes of a test. */
export interface Lab {
  readonly user: string;
  readonly password: string;
  readonly server: (lines: readonly string[]) => Promise<LabServer>;
  readonly sentinel: (lines: readonly string[]) => Promise<LabServer>;
  /** `USER:PASSWORD@127.0.0.1:PORT,…` of these. */
  readonly at: (servers: readonly Pick<LabServer, "port">[]) => string;
  /** Stops everything and removes the folder. */
  readonly close: () => Promise<void>;
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  await once(server.close(), "close");
  return port;
}

/** Waits until `holds` returns true. What it throws counts as false until the time is over. */
export async function until(what: string, holds: () => Promise<boolean>, seconds = 30): Promise<void> {
  let last: unknown;
  for (const deadline = Date.now() + seconds * 1000; Date.now() < deadline; await setTimeout(50)) {
    try {
      if (await holds()) return;
    } catch (error) {
      last = error;
    }
  }
  throw new Error(`not within ${seconds} s: ${what}`, { cause: last });
}

export function redisLab(): Lab {
  const folder = mkdtempSync(join(tmpdir(), "redis-lab-"));
  const [user, password] = ["lab-admin", randomBytes(16).toString("hex")];
  const hash = createHash("sha256").update(password).digest("hex");
  const running = new Map<number, ChildProcess>();
  const at: Lab["at"] = (all) => `${user}:${password}@${all.map(({ port }) => `127.0.0.1:${port}`).join(",")}`;

  async function add(kind: string, lines: readonly string[]): Promise<LabServer> {
    const port = await freePort();
    const own = join(folder, String(port));
    mkdirSync(own);
    writeFileSync(
      join(own, "users.acl"),
      `user default reset off sanitize-payload resetchannels -@all\nuser ${user} on #${hash} ~* &* +@all\n`,
    );
    const common = [`port ${port}`, "bind 127.0.0.1", `dir ${own}`, "aclfile users.acl", "loglevel warning"];
    writeFileSync(join(own, "redis.conf"), [...common, ...lines, ""].join("\n"));
    const admin: LabServer["admin"] = (work) => withRedis({ redis: parseRedisUrl(`redis://${at([{ port }])}`) }, work);
    const server: LabServer = {
      port,
      admin,
      savedUsers: () => readFileSync(join(own, "users.acl"), "utf8"),
      async withoutSaving(work) {
        // A file is not renamed over a folder.
        renameSync(join(own, "users.acl"), join(own, "aside.acl"));
        mkdirSync(join(own, "users.acl"));
        try {
          await work();
        } finally {
          rmdirSync(join(own, "users.acl"));
          renameSync(join(own, "aside.acl"), join(own, "users.acl"));
        }
      },
      async start() {
        const child = spawn("redis-server", ["redis.conf", ...(kind === "sentinel" ? ["--sentinel"] : [])], {
          cwd: own,
          stdio: "ignore",
        });
        running.set(port, child);
        await until(
          `redis-server on port ${port} answers`,
          async () => (await admin((client) => client.ping())) === "PONG",
        );
      },
      async stop() {
        const child = running.get(port);
        if (child === undefined || child.exitCode !== null) return;
        running.delete(port);
        // As a crash: a server that writes its first append-only file refuses to be asked.
        child.kill("SIGKILL");
        await once(child, "exit");
      },
    };
    await server.start();
    return server;
  }

  return {
    user,
    password,
    at,
    server: (lines) =>
      add("server", ["save ''", "appendonly yes", `masteruser ${user}`, `masterauth ${password}`, ...lines]),
    sentinel: (lines) => add("sentinel", lines),
    async close() {
      const ended = [...running.values()].map(async (child) => {
        if (child.exitCode !== null) return;
        child.kill("SIGKILL");
        await once(child, "exit");
      });
      await Promise.all(ended);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
