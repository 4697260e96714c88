// The text of pg_hba.conf: where a tenant's lines stand and how they are told from everybody else's. Pure functions.
// Source: PostgreSQL documentation, chapter "The pg_hba.conf File", and its tokenizer (src/backend/libpq/hba.c): the first
// matching record wins; a field is a list; quotes take a word's special meaning; a backslash at the end continues a line.
import { isDeepStrictEqual } from "node:util";

/** Who may connect where, from which networks. */
export interface HbaEntry {
  readonly database: string;
  readonly role: string;
  /** CIDRs, IPv4 or IPv6. */
  readonly networks: readonly string[];
  /**
   * Only over TLS.
   * @default false
   */
  readonly encrypted?: boolean;
}

const typeOf = ({ encrypted }: Omit<HbaEntry, "networks">): string => (encrypted === true ? "hostssl" : "host");

/** One word of a field. Quoted, `all` is a name like any other. */
interface Word {
  readonly text: string;
  readonly quoted: boolean;
}

interface HbaRecord {
  readonly type: string;
  readonly databases: readonly Word[];
  readonly users: readonly Word[];
  /** A CIDR, a name, or "address mask"; empty for the socket. */
  readonly address: string;
  readonly method: string;
  readonly options: readonly string[];
}

const continues = (line: string): boolean => /\\\r*$/.test(line);

/** The records of the file: joined with newlines they are the file, byte for byte. */
function recordsOf(text: string): string[] {
  const records: string[] = [];
  let open = false;
  for (const line of text.split("\n")) {
    if (open) records.push(`${records.pop()}\n${line}`);
    else records.push(line);
    open = continues(line);
  }
  return records;
}

function fieldsOf(record: string): Word[][] {
  const line = record.replace(/\\\r*(\n|$)/g, "");
  // A word ends at a blank or comma outside quotes, a record at a comment; a comma right after a word continues its field.
  const word = /[ \t\r,]*((?:"(?:[^"]|"")*(?:"|$)|[^ \t\r,"#])+)(,?)/y;
  const fields: Word[][] = [];
  let list = false;
  for (let found = word.exec(line); found !== null; found = word.exec(line)) {
    const [, raw = "", comma] = found;
    const text = raw.replace(/"((?:[^"]|"")*)(?:"|$)/g, (_, inner: string) => inner.replaceAll('""', '"'));
    const next = { text, quoted: raw.startsWith('"') };
    if (list) fields.at(-1)?.push(next);
    else fields.push([next]);
    list = comma === ",";
  }
  return fields;
}

function parse(record: string): HbaRecord | undefined {
  const [type, databases = [], users = [], ...others] = fieldsOf(record);
  if (type === undefined) return undefined;
  const rest = others.map((field) => field.map(({ text }) => text).join(","));
  // An address without a length is followed by its mask.
  const masked = /^([\d.]+|[^/]*:[^/]*)$/.test(rest[0] ?? "");
  const address = type[0]?.text === "local" ? [] : rest.splice(0, masked ? 2 : 1);
  const [method = "", ...options] = rest;
  return { type: type[0]?.text ?? "", databases, users, address: address.join(" "), method, options };
}

const isOnly = (words: readonly Word[], name: string): boolean => words.length === 1 && words[0]?.text === name;
const hasKeyword = (words: readonly Word[], keyword: string): boolean =>
  words.some(({ text, quoted }) => !quoted && text === keyword);

/** True for a record that lets the tenant, and nobody else, in. One that keeps it out is the administrator's. */
function isOwn(record: string, { database, role }: Omit<HbaEntry, "networks">): boolean {
  const parsed = parse(record);
  return (
    parsed !== undefined &&
    isOnly(parsed.databases, database) &&
    isOnly(parsed.users, role) &&
    parsed.method !== "reject"
  );
}

/** True for a record that lets the tenant's role, and nobody else, in elsewhere than in its own database. */
function isDoor(record: string, entry: Omit<HbaEntry, "networks">): boolean {
  const parsed = parse(record);
  return (
    parsed !== undefined && isOnly(parsed.users, entry.role) && parsed.method !== "reject" && !isOwn(record, entry)
  );
}

/** Lines that let the tenant's role in elsewhere than in its own database: nobody but somebody who opens it wants them. */
export function doorsIn(text: string, entry: Omit<HbaEntry, "networks">): string[] {
  return recordsOf(text)
    .filter((record) => isDoor(record, entry))
    .map((record) => record.trim());
}

/** The file without those lines. */
export function withoutDoors(text: string, entry: Omit<HbaEntry, "networks">): string {
  return recordsOf(text)
    .filter((record) => !isDoor(record, entry))
    .join("\n");
}

/** Other lines that let somebody in and name the tenant's database or role: an administrator may have meant them. */
export function linesNaming(text: string, entry: Omit<HbaEntry, "networks">): string[] {
  const names = (words: readonly Word[], name: string): boolean => words.some((word) => word.text === name);
  return recordsOf(text)
    .filter((record) => {
      const parsed = parse(record);
      if (parsed === undefined || parsed.method === "reject" || isOwn(record, entry) || isDoor(record, entry))
        return false;
      return names(parsed.databases, entry.database) || names(parsed.users, entry.role);
    })
    .map((record) => record.trim());
}

/** True when the names may mean `own`: a list, `all`, `samerole`, +group, @file, /pattern. A plain other name never does. */
function mayMean(words: readonly Word[], own: string): boolean {
  const special = ({ text, quoted }: Word): boolean =>
    text.startsWith("/") || (!quoted && (["all", "samerole", "samegroup"].includes(text) || /^[+@]/.test(text)));
  return words.some((word) => special(word) || word.text === own);
}

/** True when the record could decide about the tenant before its own lines do. */
function mayMatch(record: string, { database, role }: HbaEntry): boolean {
  const parsed = parse(record);
  if (parsed === undefined || parsed.type === "local") return false;
  if (parsed.type.startsWith("include")) return true;
  if (!mayMean(parsed.databases, database) || !mayMean(parsed.users, role)) return false;
  if (parsed.method !== "reject") return true;
  // Whom the administrator shut out (a network, a group, everybody without TLS) stays shut out; only the file's closing
  // reject-all comes after the tenants.
  const everywhere = parsed.address === "all" || /\/0+$|^(0\.0\.0\.0 0\.0\.0\.0|:: ::)$/.test(parsed.address);
  return parsed.type === "host" && hasKeyword(parsed.databases, "all") && hasKeyword(parsed.users, "all") && everywhere;
}

/** The networks the file lets the tenant in from, in the file's order; a line that we would not write is shown whole. */
export function networksIn(text: string, entry: Omit<HbaEntry, "networks">): string[] {
  const own = recordsOf(text).filter((record) => isOwn(record, entry));
  return own.map((record) => {
    const { type, address, method, options } = parse(record) as HbaRecord;
    const ours = type === typeOf(entry) && method === "scram-sha-256" && options.length === 0;
    return ours ? address : record.trim();
  });
}

/** True when no line before the tenant's own could decide about the tenant. */
export function isFirst(text: string, entry: HbaEntry): boolean {
  const records = recordsOf(text);
  const firstBroad = records.findIndex((record) => !isOwn(record, entry) && mayMatch(record, entry));
  const lastOwn = records.findLastIndex((record) => isOwn(record, entry));
  return firstBroad === -1 || lastOwn < firstBroad;
}

/** The file without the tenant's lines. Every other line stays as it is. */
export function withoutEntry(text: string, entry: HbaEntry): string {
  return recordsOf(text)
    .filter((record) => !isOwn(record, entry))
    .join("\n");
}

/** The file with exactly these lines for the tenant, before the first line that could decide about it. */
export function withEntry(text: string, entry: HbaEntry): string {
  // Already there, in the right place: the file stays as it is.
  if (isDeepStrictEqual(networksIn(text, entry), entry.networks) && isFirst(text, entry)) return text;
  const records = recordsOf(withoutEntry(text, entry));
  const own = entry.networks.map(
    (network) => `${typeOf(entry)} ${entry.database} ${entry.role} ${network} scram-sha-256`,
  );
  const firstBroad = records.findIndex((record) => mayMatch(record, entry));
  const last = records.at(-1) ?? "";
  // Without a broad line: at the end, before the empty string after the last newline. (A backslash there would swallow ours.)
  const end = last === "" || continues(last) ? records.length - 1 : records.length;
  return records.toSpliced(firstBroad === -1 ? end : firstBroad, 0, ...own).join("\n");
}
