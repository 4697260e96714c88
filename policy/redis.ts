// Redis: what RedisAclUser hands to ACL SETUSER after its own `reset`, and what the server made of it.
import {
  dynamic,
  matches,
  mustBe,
  noOther,
  only,
  texts,
  unknown,
  type ResourceRule,
  type StackRule,
  type Value,
} from "./rule.ts";

const code = "providers/clients/redis-commands.ts";

/** Commands that no key pattern confines, and what they reach. */
const unconfined: Readonly<Record<string, string>> = {
  "keys scan randomkey dbsize": "the names or the number of other tenants' keys",
  "copy move select swapdb flushdb flushall": "other databases, or every key of this one",
  "function fcall fcall_ro script": "scripts and functions, which all tenants share",
  "pubsub monitor client info latency slowlog memory command": "what other tenants do",
  "acl config debug module cluster failover replicaof slaveof psync sync replconf": "the server itself",
  "restore restore-asking migrate save bgsave bgrewriteaof shutdown": "the server itself",
};

/** What of them is harmless. `command` lists what the server knows. */
const harmless = [
  ..."client|getname client|id client|info client|reply client|setname select|0 memory|usage".split(" "),
  ..."script|exists script|load acl|whoami command cluster|slots".split(" "),
];

const user: ResourceRule = {
  name: "redis-user-own-prefix",
  description: "A Redis user reaches the keys and channels of its tenant's prefix, with commands that respect it.",
  applies: only(dynamic("RedisAclUser")),
  *problems({ props }, owner) {
    yield* mustBe(
      props,
      { user: owner.redisUser },
      "a stack makes its tenant's user only, see components/key-space.ts.",
    );
    yield* mustBe(
      props,
      { prefix: owner.keyPrefix },
      "any other is another tenant's or, without the colon at its end, also that of tenants whose ids begin like this one's.",
    );
    if (!matches(props["passwordHash"], /^[0-9a-f]{64}$/)) {
      yield "passwordHash is no SHA-256 in hex: the user would have no password, or the server's log the password itself.";
    }
    if (props["commands"] !== unknown) yield* commandProblems(texts(props["commands"]));
    // ACL SETUSER adds to what is there. The provider begins with `reset`; what else could be handed over does not.
    yield* noOther(props, ["user", "prefix", "passwordHash", "commands", "enabled"], "redis.ts");
  },
};

const password: ResourceRule = {
  name: "redis-own-password",
  description: "A password is given to the tenant's Redis user, as a hash.",
  applies: only(dynamic("RedisPassword")),
  *problems({ props }, owner) {
    yield* mustBe(
      props,
      { user: owner.redisUser },
      "another tenant's user would get a password of this one's, see components/key-space.ts.",
    );
    if (!matches(props["passwordHash"], /^[0-9a-f]{64}$/)) {
      yield "passwordHash is no SHA-256 in hex: it could be any rule of ACL SETUSER, or the server's log would hold the password itself.";
    }
    yield* noOther(props, ["user", "passwordHash"], "redis.ts");
  },
};

/** What else ACL SETUSER takes, and what it would open. */
const opening: readonly (readonly [rule: RegExp, what: string])[] = [
  [/^(~|%|allkeys$)/i, "keys beside the prefix"],
  [/^(&|allchannels$)/i, "channels beside the prefix"],
  [/^(\+@|allcommands$)/i, "a category: whatever a newer server or a module adds to it is granted too"],
  [/^(nopass$|[>#])/i, "another way in than the password"],
  [/^\(/, "a selector, a second set of rules"],
];

function* commandProblems(commands: readonly string[]): Iterable<string> {
  if (commands[0] !== "-@all") {
    yield `the command rules begin with ${JSON.stringify(commands[0] ?? "")} and must begin with "-@all": what is not named is forbidden. See ${code}.`;
  }
  for (const rule of commands.flatMap((text) => text.split(/\s+/)).filter((text) => !text.startsWith("-"))) {
    // A rule may hold a password, which no message repeats.
    const named = /^[>#(]/.test(rule) ? "a rule" : `the rule ${JSON.stringify(rule)}`;
    const [, command = "", name = ""] = /^\+(([a-z0-9_.-]+)(?:\|[a-z0-9_-]+)?)$/i.exec(rule) ?? [];
    const reached = Object.entries(unconfined).find(([names]) => names.split(" ").includes(name.toLowerCase()))?.[1];
    if (name === "") {
      const what = opening.find(([form]) => form.test(rule))?.[1] ?? "what no rule of this pack judges";
      yield `${named} gives the user ${what}: take it out of ${code}.`;
    } else if (reached !== undefined && !harmless.includes(command.toLowerCase())) {
      yield `${named} reaches ${reached}: take it out of ${code}.`;
    }
  }
}

const granted: StackRule = {
  name: "redis-user-reset",
  description: "What the server says of a Redis user is its tenant's prefix alone: nothing was left from before.",
  *problems(resources, owner) {
    for (const { type, urn, props } of resources) {
      if (type !== dynamic("RedisAclUser")) continue;
      for (const message of grantedProblems(props["granted"], owner.keyPrefix)) yield { message, urn };
    }
  },
};

/** `granted` is ACL GETUSER, a line a field (providers/redis-acl-user.ts). */
function* grantedProblems(given: Value, prefix: string): Iterable<string> {
  if (typeof given !== "string") return;
  const fields = new Map(
    given.split("\n").map((line) => [line.split(":")[0] ?? "", line.slice(line.indexOf(":") + 2)]),
  );
  const wanted = { keys: `~${prefix}*`, channels: `&${prefix}*`, selectors: "" };
  for (const [field, value] of Object.entries(wanted)) {
    const found = fields.get(field);
    if (found === value) continue;
    yield `the server grants the user the ${field} ${JSON.stringify(found ?? "")} and not ${JSON.stringify(value)}: ACL SETUSER ran without \`reset\` first, see aclRules in providers/redis-acl-user.ts.`;
  }
  if (/\bnopass\b/.test(fields.get("flags") ?? "")) {
    yield "the server lets the user in without a password: ACL SETUSER ran without `reset` first, see aclRules in providers/redis-acl-user.ts.";
  }
}

export const redisRules: readonly ResourceRule[] = [user, password];
export const redisStackRules: readonly StackRule[] = [granted];
