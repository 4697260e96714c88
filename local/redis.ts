// Redis: caches, queues, sessions.
import { createHash } from "node:crypto";
import type { Redis } from "ioredis";
import { chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { runAs, serviceAccount } from "./account.ts";
import type { Credentials } from "./credentials.ts";
import { readIfThere, writePrivate } from "./files.ts";
import { cleanEnvironment, findOnPath } from "./programs.ts";
import { nodePorts, type Ports } from "./settings.ts";
import type { Launch, Site, Store } from "./store.ts";
import { ensureCertificate } from "./tls.ts";

/** The one server. */
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

  prepare: (site) => prepare(site, join(site.dir, "redis")),

  async probe(site) {
    return await asked(site, async (client) => {
      // Fails while the data set is loading.
      await client.get("tenant-stores:probe");
    });
  },

  // The same as the command SHUTDOWN: the append-only file is written and synced first.
  stopSignals: [{ signal: "SIGTERM", seconds: 20 }],
};

/** A node of a cluster (redis-cluster.ts joins them): the same server, with a port for the others. */
function node(name: Store["name"], number: number): Store {
  const own = (ports: Ports) => nodePorts.redis(ports, number);
  // Everything else finds the node's port where the one server's is.
  const at = (site: Site): Site => ({ ...site, ports: { ...site.ports, redis: own(site.ports).clients } });
  return {
    ...redis,
    name,
    title: `Redis node ${number}`,
    folder: (dir) => join(dir, name),
    workingFolder: (dir) => join(dir, name),
    listensOn: (ports) => Object.values(own(ports)),
    url: (ports) => `redis://127.0.0.1:${own(ports).clients}`,
    prepare: (site) => prepare(at(site), join(site.dir, name), clusterLines(own(site.ports).bus, site.credentials)),
    async probe(site) {
      return await asked(at(site), async (client) => {
        // Keys may be another node's, or nobody's as long as the cluster is not whole.
        if (!(await client.info("persistence")).includes("loading:0")) throw new Error("it is loading its data");
      });
    },
  };
}

/** Masters, then a replica of each. */
export const redisNodes = {
  redis: node("redis", 1),
  "redis-2": node("redis-2", 2),
  "redis-3": node("redis-3", 3),
  "redis-4": node("redis-4", 4),
  "redis-5": node("redis-5", 5),
  "redis-6": node("redis-6", 6),
};

const clusterLines = (bus: number, { redis: { user, password } }: Credentials): string => `cluster-enabled yes
cluster-port ${bus}
cluster-announce-ip 127.0.0.1
# Milliseconds until a node that does not answer counts as lost, and its replica takes over.
cluster-node-timeout 5000
# As whom a replica asks its master.
masteruser ${user}
masterauth ${password}
`;

async function prepare({ ports, credentials, ca, dir }: Site, folder: string, more = ""): Promise<Launch> {
  const account = serviceAccount("redis");
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  // The folder, not only the files: ACL SAVE and the rewrite of the append-only file make new ones.
  if (account !== undefined) chownSync(folder, account.uid, account.gid);
  const aclFile = join(folder, "users.acl");
  writePrivate(aclFile, aclLines(readIfThere(aclFile) ?? "", credentials), account);
  const config = join(folder, "redis.conf");
  if (ca !== undefined) await ensureCertificate(dir, folder, account);
  writePrivate(config, configuration(ports.redis, ca !== undefined) + more, account);
  const command = redis.installed() ?? "redis-server";
  return { line: runAs(account, [folder, command], command, ["redis.conf"]), env: cleanEnvironment(folder) };
}

/** Asks it as the administrator. Returns its version. */
export async function asked({ ports, credentials, ca }: Site, ask: (client: Redis) => Promise<void>): Promise<string> {
  const ioredis = await import("ioredis");
  const client = new ioredis.Redis({
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
    await ask(client);
    return /^redis_version:(\S+)/m.exec(await client.info("server"))?.[1] ?? "unknown";
  } finally {
    client.disconnect();
  }
}

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
