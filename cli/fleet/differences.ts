// What a step would change of a resource's inputs, value by value, and never a secret.
import { withoutSecrets } from "../errors.ts";

/** One value that changes. */
export interface PropertyChange {
  /** Such as `networks[1]` or `policy.Statement[0].Action`. */
  readonly path: string;
  /** As JSON, shortened; undefined: it was not there. `[secret]` in place of what is, or looks like, a secret. */
  readonly from: string | undefined;
  /** undefined: it is gone afterwards. */
  readonly to: string | undefined;
}

type Values = Readonly<Record<string, unknown>>;

/** The engine's stand-in for a value that is only known after the update. */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** The engine's mark of a secret in a value. */
const secretMark = "4dabf18193072939515e22adb298388d";
const secretName =
  /passw|secret|token$|credential|private|apikey|api_key|accesskey|access_key|passphrase|verifier|^key$/i;
const longest = 160;

/** All values that differ, by path. `named`: properties of which the engine says that they change, visibly or not. */
export function differences(from: Values, to: Values, named: readonly string[] = []): PropertyChange[] {
  const found = [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .filter((key) => !key.startsWith("__"))
    .flatMap((key) => compare(key, from[key], to[key], secretName.test(key)));
  const shown = (name: string): boolean =>
    found.some(({ path }) => path === name || (/^[.[]/.test(path.slice(name.length)) && path.startsWith(name)));
  // The engine hides secrets before it tells: both values then look alike.
  const hidden = [...new Set(named)].filter((name) => !name.startsWith("__") && !shown(name));
  const all = [...found, ...hidden.map((path) => ({ path, from: "[secret]", to: "[secret]" }))];
  return all.sort((one, other) => (one.path < other.path ? -1 : 1));
}

function compare(path: string, from: unknown, to: unknown, secret: boolean): PropertyChange[] {
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  const [before, after] = [structure(from), structure(to)];
  if (!secret && before !== undefined && after !== undefined && Array.isArray(before) === Array.isArray(after)) {
    const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return keys.flatMap((key) =>
      compare(
        Array.isArray(before) ? `${path}[${key}]` : `${path}.${key}`,
        (before as Values)[key],
        (after as Values)[key],
        secretName.test(key),
      ),
    );
  }
  return [{ path: withoutSecrets(path), from: shown(from, secret), to: shown(to, secret) }];
}

/** A list or an object, also one that is written as JSON in a text; undefined for what is neither, or a secret. */
function structure(value: unknown): object | undefined {
  if (typeof value === "string" && /^[[{]/.test(value)) {
    try {
      return structure(JSON.parse(value));
    } catch {
      return undefined;
    }
  }
  if (typeof value !== "object" || value === null || secretMark in value) return undefined;
  return value;
}

function shown(value: unknown, secret: boolean): string | undefined {
  if (value === undefined) return undefined;
  const text = JSON.stringify(value);
  if (text.includes(unknown)) return "(known after the update)";
  if (secret || text.includes(secretMark) || /-----BEGIN|"ciphertext"/.test(text)) return "[secret]";
  // Before it is shortened: half a secret would not be recognised.
  const clear = withoutSecrets(text);
  return clear.length <= longest ? clear : `${clear.slice(0, longest - 1)}…`;
}
