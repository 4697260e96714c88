// Redis: caches, queues, sessions.
import { createHash } from "node:crypto";
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { runAs, serviceAccount } from "./account.ts";
import type { Credentials } from "./credentials.ts";
import { readIfThere, writePrivate } from "./files.ts";
import { cleanEnvironment, findOnPath } from "./programs.ts";
import type { Store } from "./store.ts";
import { ensureCertificate } from "./tls.ts";

export const redis: Store = {
  name: "redis",
  title: "Redis",
  program: "redis-server",
  install: "npm run stores -- start (as root), or: sudo apt-get install --no-install-recommends redis-server",
  folder: (dir) => join(dir, "redis"),
  workingFolder: (dir) => join(dir, "redis"),
  listensOn: (ports) => [ports.redis],
  url: (ports, tls) => `${tls ? "rediss" : "redis"}://127.0.0.1:${ports.redis}`,
  installed: () => findOnPath("redis-server"),

  async prepare({ dir, ports, credentials, ca }) {
    const folder = join(dir, "redis");
    const account = serviceAccount("redis");
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    // The folder, not only the files: ACL SAVE and the rewrite of the append-only file make new ones.
    if (account !== undefined) chownSync(folder, account.uid, account.gid);
    const aclFile = join(folder, "users.acl");
    writePrivate(aclFile, aclLines(readIfThere(aclFile) ?? "", credentials), account);
    const config = join(folder, "redis.conf");
    if (ca !== undefined) await ensureCertificate(dir, folder, account);
    writePrivate(config, configuration(ports.redis, ca !== undefined), account);
    const command = this.installed() ?? "redis-server";
    return { line: runAs(account, [folder, command], command, ["redis.conf"]), env: cleanEnvironment(folder) };
  },

  async probe({ ports, credentials, ca }) {
    const { Redis } = await import("ioredis");
    const client = new Redis({
      host: "127.0.0.1",
      port: ports.redis,
      username: credentials.redis.user,
      password: credentials.redis.password,
      ...(ca !== undefined && { tls: { ca } }),
      lazyConnect: true,
      connectTimeout: 2000,
      commandTimeout: 2000,
      // Our own loop tries again.
      retryStrategy: () => null,
      maxRetriesPerRequest: 0,
    });
    // The calls below throw the same errors; without a listener they are printed too.
    client.on("error", () => undefined);
    try {
      await client.connect();
      // Fails while the data set is loading.
      await client.get("tenant-stores:probe");
      return /^redis_version:(\S+)/m.exec(await client.info("server"))?.[1] ?? "unknown";
    } finally {
      client.disconnect();
    }
  },

  // The same as the command SHUTDOWN: the append-only file is written and synced first.
  stopSignals: [{ signal: "SIGTERM", seconds: 20 }],
};

/**
 * The users: what the server saved (tenants, by ACL SAVE), with the administrator and `default` always as they must be.
 * A file without a `default` line would give everybody a user without password and with every right.
 */
function aclLines(saved: string, credentials: Credentials): string {
  const { user, password } = credentials.redis;
  const hash = createHash("sha256").update(password).digest("hex");
  const tenants = saved
    .split("\n")
    .filter((line) => line.trim() !== "" && !["default", user].includes(line.split(" ")[1] ?? ""));
  return [
    `user default reset off sanitize-payload resetchannels -@all`,
    `user ${user} reset on #${hash} sanitize-payload ~* &* +@all`,
    ...tenants,
    "",
  ].join("\n");
}

// Paths are relative to the working folder: no path with a space or a quote can break a line.
function configuration(port: number, tls: boolean): string {
  // Port 0 is none: nothing in the clear.
  const listen = tls
    ? `port 0
tls-port ${port}
tls-cert-file tls/public.crt
tls-key-file tls/private.key
tls-auth-clients no
tls-protocols "TLSv1.2 TLSv1.3"`
    : `port ${port}`;
  return `# Written at every start by local/redis.ts: changes here are lost.
bind 127.0.0.1
${listen}
protected-mode yes
daemonize no
dir ./
aclfile users.acl
appendonly yes
appendfsync everysec
# Eviction would delete other tenants' keys: full is full, for writers.
maxmemory 1gb
maxmemory-policy noeviction
# No limit of Redis is a tenant's. These end what one connection can take (measured: docs/operations.md): one value, one
# command, one connection's replies that nobody reads, and the biggest of all connections when together they take too much.
proto-max-bulk-len 8mb
client-query-buffer-limit 16mb
client-output-buffer-limit normal 32mb 16mb 10
client-output-buffer-limit pubsub 8mb 2mb 60
maxmemory-clients 64mb
# Others are told sooner that a script blocks them, and SCRIPT KILL works from then on.
busy-reply-threshold 1000
enable-debug-command no
enable-module-command no
always-show-logo no
loglevel notice
`;
}
