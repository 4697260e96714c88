// Redis: the tenant's user reaches its key prefix and its channels, and no command that crosses prefixes (plan, section 5.3).
// Users are not replicated: each node is asked.
import { addressText } from "../../providers/clients/redis-url.ts";
import { Mismatch, refused, works, type StoreDefinition } from "./checks.ts";
import { newTrace } from "./probe.ts";
import {
  anonymously,
  dialect,
  refusedOnEveryNode,
  unauthenticated,
  withClients,
  type Context,
} from "./redis-clients.ts";

/** Seconds a trace lives: a killed verification leaves nothing longer. */
const lifetime = 60;

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

/** A message on the tenant's own channel arrives. */
async function ownChannel({ nodes, names, connect }: Context): Promise<void> {
  const channel = `${names.keyPrefix}verify:${newTrace()}`;
  await connect(async (subscribers) => {
    const at = nodes.findIndex(({ role }) => role === "master");
    const [subscriber, publisher] = [subscribers[at]?.client, nodes[at]?.tenant];
    if (subscriber === undefined || publisher === undefined) throw new Mismatch("there is no master");
    const received = new Promise<string>((done) => subscriber.on("message", (_, message: string) => done(message)));
    await subscriber.subscribe(channel);
    const [reached, message] = await Promise.all([publisher.publish(channel, "sent"), received]);
    if (reached !== 1 || message !== "sent") throw new Mismatch("the message that was sent did not arrive as it was");
  });
}

async function ownKeys({ nodes, names, withOwnClient }: Context): Promise<void> {
  const trace = newTrace();
  // In braces: both in one slot of a cluster.
  const [key, queue] = [`${names.keyPrefix}verify:{${trace}}:value`, `${names.keyPrefix}verify:{${trace}}:list`];
  const replies = await withOwnClient((client) =>
    client
      .multi()
      .set(key, trace, "EX", lifetime)
      .rpush(queue, "first", "second")
      .expire(queue, lifetime)
      .get(key)
      .lrange(queue, 0, -1)
      .del(key, queue)
      .exec(),
  );
  const values = (replies ?? []).map(([error, value]) => {
    if (error !== null) throw error;
    return value;
  });
  if (values[3] !== trace) throw new Mismatch("the value that was read is not the one that was written");
  if (String(values[4]) !== "first,second")
    throw new Mismatch("the list that was read is not the one that was written");
  if (values[5] !== 2) throw new Mismatch("the keys that were written could not be deleted");
  // A node that is to take over later has to know the user as well. Where the key is elsewhere, it says so.
  await Promise.all(nodes.map(({ tenant }) => understood(tenant.get(key))));
}

/** Settings of the one JSON library that every tenant's scripts share, as a new server has them. */
const scriptSettings = {
  encode_number_precision: "14",
  encode_max_depth: "1000",
  decode_max_depth: "1000",
  encode_sparse_array: "false 2 10",
  encode_invalid_numbers: "false",
  decode_invalid_numbers: "true",
  encode_keep_buffer: "true",
};

/** Any tenant's script can change them for everybody, and no right of a user stops it: what can be done is to notice. */
async function sharedScriptSettings({ nodes }: Context): Promise<void> {
  const names = Object.keys(scriptSettings);
  const source =
    "local all = {} for i, name in ipairs(ARGV) do local values = {cjson[name]()} " +
    "for j, value in ipairs(values) do values[j] = tostring(value) end all[i] = table.concat(values, ' ') end return all";
  await Promise.all(
    nodes.map(async ({ name, admin }) => {
      const found = (await admin.eval(source, 0, ...names)) as string[];
      const changed = Object.entries(scriptSettings).filter(([, value], index) => found[index] !== value);
      if (changed.length === 0) return;
      const what = changed.map(([setting]) => `cjson.${setting}`).join(", ");
      throw new Mismatch(
        `somebody's script changed ${what} for everybody's scripts on ${name}: SCRIPT FLUSH there puts it back`,
      );
    }),
  );
}

export const redis: StoreDefinition<Context> = {
  store: "redis",
  within: withClients,
  async missingOther({ nodes, other }) {
    const users = await Promise.all(nodes.map(({ admin }) => admin.call("ACL", "GETUSER", other.redisUser)));
    const without = nodes.filter((_, index) => users[index] === null).map(({ name }) => name);
    if (without.length === 0) return undefined;
    return `there is no user ${other.redisUser}${nodes.length === 1 ? "" : ` on ${without.join(", ")}`}`;
  },
  checks: [
    { test: "own_access", expected: "OK", run: (c) => works(dialect, () => ownKeys(c)) },
    {
      test: "cross_tenant_prefix",
      expected: "DENIED",
      needsOther: true,
      run: (c) => {
        const key = `${c.other.keyPrefix}verify:${newTrace()}`;
        return refusedOnEveryNode(c.nodes, ({ tenant, admin }) => [
          {
            what: "SET",
            run: () => tenant.set(key, "must be refused", "EX", lifetime),
            undo: () => admin.del(key),
          },
          { what: "GET", run: () => tenant.get(key) },
          { what: "DEL", run: () => tenant.del(key) },
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
        return refusedOnEveryNode(c.nodes, ({ tenant }) =>
          keys.map((key) => ({ what: `GET ${key}`, run: () => tenant.get(key) })),
        );
      },
    },
    { test: "own_channel", expected: "OK", run: (c) => works(dialect, () => ownChannel(c)) },
    {
      test: "cross_tenant_channel",
      expected: "DENIED",
      needsOther: true,
      run: (c) =>
        c.connect((nodes) => {
          const channel = `${c.other.keyPrefix}verify:${newTrace()}`;
          return refusedOnEveryNode(nodes, ({ client }) => [
            { what: "PUBLISH", run: () => client.publish(channel, "must be refused") },
            { what: "SUBSCRIBE", run: () => client.subscribe(channel) },
            { what: "PSUBSCRIBE", run: () => client.psubscribe("*") },
          ]);
        }),
    },
    {
      test: "dangerous_commands",
      expected: "DENIED",
      run: (c) =>
        // Connections of its own: a command that is not refused may change them.
        c.connect(async (nodes) => {
          const commands = dangerous(`${c.names.keyPrefix}verify:none`);
          const finding = await refusedOnEveryNode(nodes, ({ client }) =>
            commands.map(([command, ...args]) => ({
              what: [command, ...args.slice(0, 1).filter((word) => /^[A-Z]+$/.test(word))].join(" "),
              run: () => understood(client.call(command, ...args)),
            })),
          );
          const where = nodes.length === 1 ? "" : ` on each of ${nodes.length} nodes`;
          return finding.result === "DENIED"
            ? { ...finding, detail: `${commands.length} commands: NOPERM${where}` }
            : finding;
        }),
    },
    { test: "script_settings", expected: "OK", run: (c) => works(dialect, () => sharedScriptSettings(c)) },
    {
      test: "unauthenticated_access",
      expected: "DENIED",
      run: async (c) => {
        const { redis: location } = c.servers;
        const user = [c.names.redisUser, (await c.credentials).redis_password];
        // Who may speak to a sentinel decides who is the master: tenants have no user there, and nobody goes without one.
        const sentinels = location.master === undefined ? [] : location.addresses;
        return refused(unauthenticated, [
          ...c.nodes.map((node) => ({
            what: `PING${c.nodes.length === 1 ? "" : ` at ${node.name}`}`,
            run: () => anonymously(location, node, ["PING"]),
          })),
          ...sentinels.flatMap((at) => [
            { what: `PING at sentinel ${addressText(at)}`, run: () => anonymously(location, at, ["PING"]) },
            { what: `AUTH at sentinel ${addressText(at)}`, run: () => anonymously(location, at, ["AUTH", ...user]) },
          ]),
        ]);
      },
    },
  ],
};
