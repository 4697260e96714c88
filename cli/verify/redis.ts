// Redis: the tenant's user reaches its key prefix and its channels, and no command that crosses prefixes (plan, section 5.3).
import type { Redis } from "ioredis";
import { withRedis } from "../../providers/clients/redis.ts";
import type { Servers } from "../../providers/clients/servers.ts";
import { trusting } from "../../providers/clients/tls.ts";
import { Mismatch, refused, works, type Dialect, type StoreDefinition, type Subject } from "./checks.ts";
import { newTrace } from "./probe.ts";

const dialect: Dialect = {
  code: (error) => {
    const { name, message } = error as { name?: string; message?: string };
    return name === "ReplyError" ? message?.split(" ")[0] : undefined;
  },
  refusals: ["NOPERM"],
};

/** DENIED is the answer of a server in protected mode. */
const unauthenticated: Dialect = { ...dialect, refusals: ["NOAUTH", "DENIED"] };

/** Seconds a trace lives: a killed verification leaves nothing longer. */
const lifetime = 60;

interface Context extends Subject {
  readonly tenant: Redis;
  readonly admin: Redis;
  readonly connect: <T>(work: (client: Redis) => Promise<T>) => Promise<T>;
}

/**
 * Commands no tenant may give. The server looks at the right before it looks at the arguments, so those that would do
 * harm get arguments it cannot accept: a tenant that may give them is told so, and nothing happens.
 */
const dangerous = (ownKey: string): [string, ...string[]][] => [
  ["KEYS", ownKey],
  ["SCAN", "0", "COUNT", "1"],
  ["RANDOMKEY"],
  ["DBSIZE"],
  ["INFO", "server"],
  ["CONFIG", "GET", "maxmemory"],
  ["ACL", "LIST"],
  ["ACL", "SETUSER", "tenant_verify_none", "not-a-rule"],
  ["CLIENT", "LIST"],
  ["CLIENT", "TRACKING", "not-a-word"],
  ["FUNCTION", "LIST"],
  ["FUNCTION", "FLUSH", "not-a-word"],
  ["SCRIPT", "FLUSH", "not-a-word"],
  ["PUBSUB", "CHANNELS", "none"],
  ["MEMORY", "STATS"],
  ["FLUSHALL", "not-a-word"],
  ["FLUSHDB", "not-a-word"],
  ["SHUTDOWN", "not-a-word"],
  ["SLOWLOG", "GET", "1"],
  ["REPLICAOF", "not-a-host", "not-a-port"],
  ["SWAPDB", "0", "not-a-number"],
  ["MOVE", ownKey, "not-a-number"],
  ["SELECT", "1"],
  // To another database: no key is counted or deleted there.
  ["COPY", ownKey, ownKey, "DB", "1"],
];

/** Succeeds also when the server found the command wrong: then it had let it in. */
async function understood(command: Promise<unknown>): Promise<void> {
  await command.catch((error: unknown) => {
    const code = dialect.code(error);
    if (code === undefined || dialect.refusals.includes(code)) throw error;
  });
}

/** PING without a user, past every client: those greet the server first and fail there, each in its own way. */
async function anonymousPing({ url, ca }: Servers["redis"]): Promise<void> {
  const [{ connect }, { connect: connectSecurely }] = await Promise.all([import("node:net"), import("node:tls")]);
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || 6379);
  const socket =
    url.protocol === "rediss:" ? connectSecurely({ host, port, ...trusting(ca) }) : connect({ host, port });
  try {
    const reply = await new Promise<string>((done, fail) => {
      socket.once("data", (data: Buffer) => done(data.toString("utf8").trim()));
      socket.once("error", fail).once("end", () => fail(new Error("the server closed the connection")));
      socket.write("PING\r\n");
    });
    if (reply.startsWith("-")) throw Object.assign(new Error(reply.slice(1)), { name: "ReplyError" });
  } finally {
    socket.destroy();
  }
}

/** A message on the tenant's own channel arrives. */
async function ownChannel({ tenant, connect, names }: Context): Promise<void> {
  const channel = `${names.keyPrefix}verify:${newTrace()}`;
  await connect(async (subscriber) => {
    const received = new Promise<string>((done) => subscriber.on("message", (_, message: string) => done(message)));
    await subscriber.subscribe(channel);
    const [reached, message] = await Promise.all([tenant.publish(channel, "sent"), received]);
    if (reached !== 1 || message !== "sent") throw new Mismatch("the message that was sent did not arrive as it was");
  });
}

async function ownKeys({ tenant, names }: Context): Promise<void> {
  const trace = newTrace();
  const [key, queue] = [`${names.keyPrefix}verify:${trace}:value`, `${names.keyPrefix}verify:${trace}:list`];
  const replies = await tenant
    .multi()
    .set(key, trace, "EX", lifetime)
    .rpush(queue, "first", "second")
    .expire(queue, lifetime)
    .get(key)
    .lrange(queue, 0, -1)
    .del(key, queue)
    .exec();
  const values = (replies ?? []).map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
  if (values[3] !== trace) throw new Mismatch("the value that was read is not the one that was written");
  if (String(values[4]) !== "first,second")
    throw new Mismatch("the list that was read is not the one that was written");
  if (values[5] !== 2) throw new Mismatch("the keys that were written could not be deleted");
}

export const redis: StoreDefinition<Context> = {
  store: "redis",
  async within(subject, work) {
    return withRedis(subject.servers, async (admin) => {
      const { redis_password: password } = await subject.credentials;
      const as = { user: subject.names.redisUser, password };
      const connect: Context["connect"] = (use) => withRedis(subject.servers, use, as);
      return connect((tenant) => work({ ...subject, admin, tenant, connect }));
    });
  },
  async missingOther({ admin, other }) {
    const user = await admin.call("ACL", "GETUSER", other.redisUser);
    return user === null ? `there is no user ${other.redisUser}` : undefined;
  },
  checks: [
    { test: "own_access", expected: "OK", run: (c) => works(dialect, () => ownKeys(c)) },
    {
      test: "cross_tenant_prefix",
      expected: "DENIED",
      needsOther: true,
      run: (c) => {
        const key = `${c.other.keyPrefix}verify:${newTrace()}`;
        return refused(dialect, [
          {
            what: "SET",
            run: () => c.tenant.set(key, "must be refused", "EX", lifetime),
            undo: () => c.admin.del(key),
          },
          { what: "GET", run: () => c.tenant.get(key) },
          { what: "DEL", run: () => c.tenant.del(key) },
        ]);
      },
    },
    {
      // A pattern without its colon (`~tenant:acme*`) would reach the keys of tenant acme2.
      test: "similar_name",
      expected: "DENIED",
      run: (c) => {
        const prefix = c.names.keyPrefix.slice(0, -1);
        const keys = [`${prefix}2:verify`, `${prefix}`, "verify"];
        return refused(
          dialect,
          keys.map((key) => ({ what: `GET ${key}`, run: () => c.tenant.get(key) })),
        );
      },
    },
    { test: "own_channel", expected: "OK", run: (c) => works(dialect, () => ownChannel(c)) },
    {
      test: "cross_tenant_channel",
      expected: "DENIED",
      needsOther: true,
      run: (c) =>
        c.connect(async (subscriber) => {
          const channel = `${c.other.keyPrefix}verify:${newTrace()}`;
          return refused(dialect, [
            { what: "PUBLISH", run: () => c.tenant.publish(channel, "must be refused") },
            { what: "SUBSCRIBE", run: () => subscriber.subscribe(channel) },
            { what: "PSUBSCRIBE", run: () => subscriber.psubscribe("*") },
          ]);
        }),
    },
    {
      test: "dangerous_commands",
      expected: "DENIED",
      run: (c) =>
        // Its own connection: a command that is not refused may change it.
        c.connect(async (client) => {
          const commands = dangerous(`${c.names.keyPrefix}verify:none`);
          const finding = await refused(
            dialect,
            commands.map(([command, ...args]) => ({
              what: [command, ...args.slice(0, 1).filter((word) => /^[A-Z]+$/.test(word))].join(" "),
              run: () => understood(client.call(command, ...args)),
            })),
          );
          return finding.result === "DENIED" ? { ...finding, detail: `${commands.length} commands: NOPERM` } : finding;
        }),
    },
    {
      test: "unauthenticated_access",
      expected: "DENIED",
      run: (c) => refused(unauthenticated, [{ what: "PING", run: () => anonymousPing(c.servers.redis) }]),
    },
  ],
};
