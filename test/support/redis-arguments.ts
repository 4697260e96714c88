// Arguments for any Redis command, with keys where the server's own description of the command says that keys are.
import type { Redis } from "ioredis";
import { fieldsOf } from "../../providers/clients/redis.ts";

/** A command or subcommand as COMMAND describes it. */
export interface Described {
  /** `get`, `xgroup|create`. */
  readonly name: string;
  /** Words with the command's own; negative: at least so many. */
  readonly arity: number;
  readonly flags: readonly string[];
  readonly keySpecs: readonly KeySpec[];
}

interface KeySpec {
  readonly begin: { readonly type: string; readonly spec: Readonly<Record<string, string | number>> };
  readonly find: { readonly type: string; readonly spec: Readonly<Record<string, number>> };
}

function part(reply: unknown): KeySpec["begin"] {
  const fields = fieldsOf(reply);
  return {
    type: String(fields.get("type")),
    spec: Object.fromEntries(fieldsOf(fields.get("spec"))) as KeySpec["begin"]["spec"],
  };
}

/** Every command of the server; in place of a command with subcommands, each of these. */
export async function serverCommands(admin: Redis): Promise<Described[]> {
  const described = (reply: unknown[]): Described[] => {
    const [name, arity, flags, , , , , , specs, subcommands] = reply;
    if ((subcommands as unknown[][]).length > 0) return (subcommands as unknown[][]).flatMap(described);
    const keySpecs = (specs as unknown[]).map((spec) => {
      const fields = fieldsOf(spec);
      return { begin: part(fields.get("begin_search")), find: part(fields.get("find_keys")) as KeySpec["find"] };
    });
    return [
      { name: String(name), arity: Number(arity), flags: [...(flags as Iterable<string>)].map(String), keySpecs },
    ];
  };
  return ((await admin.call("COMMAND")) as unknown[][]).flatMap(described);
}

/** What the descriptions do not say: the server finds these keys by code. */
const extra: Readonly<Record<string, (key: string) => string[]>> = {
  sort: (key) => ["STORE", key],
};

/**
 * The words of the command, with `key` at every place of a key: those in its description and the optional ones.
 * The other words are "1".
 */
export function wordsOf({ name, arity, keySpecs }: Described, key: string): string[] {
  const words = name.split("|");
  const at = (index: number, word: string): void => {
    while (words.length < index) words.push("1");
    words[index] = word;
  };
  const place = (first: number, { type, spec }: KeySpec["find"]): void => {
    if (type === "keynum") {
      at(first + Number(spec["keynumidx"]), "1");
      at(first + Number(spec["firstkey"]), key);
      return;
    }
    const { lastkey = 0, keystep = 1, limit = 0 } = spec;
    // As many as it takes: two where the command takes any number, and as many other words behind as it says.
    const count = lastkey >= 0 ? Math.floor(lastkey / keystep) + 1 : limit > 1 ? 1 : 2;
    for (let index = 0; index < count; index += 1) at(first + index * keystep, key);
    if (lastkey === -1 && (keystep > 1 || limit > 1)) words.push("1");
    if (lastkey < -1) words.push(...Array.from({ length: -lastkey - 1 }, () => "1"));
  };
  const optional = keySpecs.filter(({ begin }) => begin.type === "keyword");
  for (const { begin, find } of keySpecs) if (begin.type === "index") place(Number(begin.spec["index"]), find);
  while (words.length < Math.abs(arity)) words.push("1");
  for (const { begin, find } of optional) {
    words.push(String(begin.spec["keyword"]));
    place(words.length, find);
  }
  words.push(...(extra[name]?.(key) ?? []));
  return words;
}
