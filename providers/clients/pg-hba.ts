// The text of pg_hba.conf: where a tenant's lines stand and how they are told from everybody else's. Pure functions.
// Source: PostgreSQL documentation, chapter "The pg_hba.conf File": the first matching line wins.

/** Who may connect where, from which networks. */
export interface HbaEntry {
  readonly database: string;
  readonly role: string;
  /** CIDRs, IPv4 or IPv6. */
  readonly networks: readonly string[];
}

interface HbaLine {
  readonly type: string;
  readonly databases: readonly string[];
  readonly users: readonly string[];
  readonly address: string;
  readonly method: string;
}

function parseLine(line: string): HbaLine | undefined {
  const [type, databases, users, ...rest] = line.replace(/#.*$/, "").trim().split(/\s+/);
  if (type === undefined || databases === undefined || users === undefined) return undefined;
  const local = type === "local";
  // "address mask" may stand instead of a CIDR.
  const masked = /^[\d.]+$|:/.test(rest[1] ?? "") && rest.length > 2;
  return {
    type,
    databases: databases.split(","),
    users: users.split(","),
    address: local ? "" : masked ? `${rest[0]} ${rest[1]}` : (rest[0] ?? ""),
    method: rest[local ? 0 : masked ? 2 : 1] ?? "",
  };
}

const unquote = (name: string): string => name.replace(/^"(.*)"$/, "$1");

function isOwn(line: string, { database, role }: HbaEntry): boolean {
  const parsed = parseLine(line);
  return (
    parsed?.databases.length === 1 &&
    parsed.users.length === 1 &&
    unquote(parsed.databases[0] ?? "") === database &&
    unquote(parsed.users[0] ?? "") === role
  );
}

/** True when the line could decide about the tenant before its own lines do. */
function mayMatch(line: string, { database, role }: HbaEntry): boolean {
  const parsed = parseLine(line);
  if (parsed === undefined) return false;
  if (parsed.type.startsWith("include")) return true;
  if (parsed.type === "local") return false;
  // all, samerole, +group, @file and /pattern may all mean the tenant; a plain other name never does.
  const broad = (names: readonly string[], own: string): boolean =>
    names.some(
      (name) => ["all", "samerole", "samegroup"].includes(name) || /^[+@/]/.test(name) || unquote(name) === own,
    );
  if (!broad(parsed.databases, database) || !broad(parsed.users, role)) return false;
  // A network the administrator shut out stays shut out; only the closing reject-all comes after the tenants.
  const everywhere = ["all", "0.0.0.0/0", "::/0"].includes(parsed.address);
  return parsed.method !== "reject" || everywhere;
}

/** The networks the file lets the tenant in from, in the file's order. */
export function networksIn(text: string, entry: Omit<HbaEntry, "networks">): string[] {
  const own = text.split("\n").filter((line) => isOwn(line, { ...entry, networks: [] }));
  return own.map((line) => parseLine(line)?.address ?? "");
}

/** True when no line before the tenant's own could decide about the tenant. */
export function isFirst(text: string, entry: HbaEntry): boolean {
  const lines = text.split("\n");
  const firstBroad = lines.findIndex((line) => !isOwn(line, entry) && mayMatch(line, entry));
  const lastOwn = lines.findLastIndex((line) => isOwn(line, entry));
  return firstBroad === -1 || lastOwn < firstBroad;
}

/** The file without the tenant's lines. Every other line stays as it is. */
export function withoutEntry(text: string, entry: HbaEntry): string {
  const lines = text.split("\n");
  return lines.filter((line) => !isOwn(line, entry)).join("\n");
}

/** The file with exactly these lines for the tenant, before the first line that could decide about it. */
export function withEntry(text: string, entry: HbaEntry): string {
  const lines = withoutEntry(text, entry).split("\n");
  const own = entry.networks.map((network) => `host ${entry.database} ${entry.role} ${network} scram-sha-256`);
  const firstBroad = lines.findIndex((line) => mayMatch(line, entry));
  // Without a broad line: at the end, before the empty string after the last newline.
  const end = lines.at(-1) === "" ? lines.length - 1 : lines.length;
  return lines.toSpliced(firstBroad === -1 ? end : firstBroad, 0, ...own).join("\n");
}
