// PGHOST and PGPORT as libpq reads them: one server, or a primary with its standbys. Pure functions.

/** Where one server listens. */
export interface PostgresqlAddress {
  /** A name, an address (IPv6 without brackets) or the folder of its socket. */
  readonly host: string;
  readonly port: number;
}

/** `127.0.0.1:5432`, `[::1]:5432`. */
export function postgresqlAddress({ host, port }: PostgresqlAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The servers that `hosts` and `ports` name, in their order, and what is wrong with the lists: a line each. */
export function parsePostgresqlList(
  hosts: string,
  ports: string,
): { readonly addresses: readonly PostgresqlAddress[]; readonly problems: readonly string[] } {
  const [hostList, portList] = [hosts, ports].map((text) => text.split(",").map((one) => one.trim())) as [
    string[],
    string[],
  ];
  const problems: string[] = [];
  const empty = hostList.findIndex((host) => host === "");
  if (hostList.length > 1 && empty >= 0) {
    problems.push(`PGHOST names ${hostList.length} servers, and number ${empty + 1} is empty: PGHOST=one,two`);
  }
  const numbers = portList.map((port) => (/^\d+$/.test(port) ? Number(port) : 0));
  const wrong = numbers.findIndex((port) => port < 1 || port > 65535);
  if (wrong >= 0) {
    const which = portList.length === 1 ? "" : `, each; number ${wrong + 1} of ${portList.length} is none`;
    problems.push(`PGPORT must be a port from 1 to 65535${which}`);
  }
  if (portList.length > 1 && portList.length !== hostList.length) {
    problems.push(
      `PGPORT names ${portList.length} ports for the ${hostList.length === 1 ? "one server" : `${hostList.length} servers`} of PGHOST: ` +
        `name one for each, in the same order (PGHOST=one,two PGPORT=5432,5433), or one for all`,
    );
  }
  const addresses = hostList.map((host, index) => ({ host, port: numbers[index] ?? numbers[0] ?? 0 }));
  const texts = addresses.map(postgresqlAddress);
  const twice = texts.find((text, index) => text !== ":0" && texts.indexOf(text) !== index);
  if (problems.length === 0 && twice !== undefined) problems.push(`PGHOST names ${twice} twice`);
  return { addresses, problems };
}

/** The lists of these servers for somebody else: one port when it is everybody's. */
export function formatPostgresqlList(addresses: readonly PostgresqlAddress[]): {
  readonly host: string;
  readonly port: string;
} {
  const ports = addresses.map(({ port }) => String(port));
  return {
    host: addresses.map(({ host }) => host).join(","),
    port: (new Set(ports).size === 1 ? ports.slice(0, 1) : ports).join(","),
  };
}

/** A URL as libpq, psycopg and pgx read it: of several servers they find the one that accepts writes. */
export function postgresqlUrl(addresses: readonly PostgresqlAddress[], database: string): string {
  const writable = addresses.length === 1 ? "" : "?target_session_attrs=read-write";
  return `postgresql://${addresses.map(postgresqlAddress).join(",")}/${database}${writable}`;
}

/** What a server that was asked says of itself. */
export interface PostgresqlState {
  readonly address: PostgresqlAddress;
  /** It follows another one. */
  readonly standby: boolean;
  /** Sessions start read-only there, whatever it is. */
  readonly readOnly: boolean;
  /** The same on a primary and its standbys, another one on every other server. */
  readonly system: string;
  /** When it was started. */
  readonly since: string;
}

/** A server that could not be asked. */
export interface Silent {
  readonly address: PostgresqlAddress;
  /** Why. */
  readonly reason: string;
}

/** Why none of them is the primary, or the one that is. */
export type Primary =
  | { readonly primary: PostgresqlAddress }
  | { readonly problem: string; readonly code: "server-unreachable" | "servers-invalid" };

/** The one server among them that accepts writes (libpq: `target_session_attrs=read-write`). */
export function primaryOf(asked: readonly (PostgresqlState | Silent)[]): Primary {
  const answered = asked.filter((one): one is PostgresqlState => "system" in one);
  const writable = answered.filter(({ standby, readOnly }) => !standby && !readOnly);
  const names = (states: readonly PostgresqlState[]): string =>
    states.map(({ address }) => postgresqlAddress(address)).join(" and ");
  const [first, second] = writable;
  if (first !== undefined && second !== undefined) {
    const code = "servers-invalid";
    // One machine with two names.
    if (first.system === second.system && first.since === second.since) {
      return { code, problem: `${names([first, second])} are the same server: name it once in PGHOST` };
    }
    if (first.system !== second.system) {
      return {
        code,
        problem: `${names([first, second])} are not a primary and its standby but independent servers: name one of them in PGHOST`,
      };
    }
    return {
      code,
      problem:
        `${names(writable)} both accept writes (split brain): a standby was promoted while its former primary ran on, and they ` +
        `differ from then on. Nothing was changed on either. Stop the one that is to be no longer (pg_ctl stop), make it a ` +
        `standby of the other (pg_rewind or pg_basebackup), then run this again`,
    };
  }
  const stranger = answered.find(({ system }) => system !== (first ?? answered[0])?.system);
  if (stranger !== undefined) {
    return {
      code: "servers-invalid",
      problem: `${postgresqlAddress(stranger.address)} is no standby of ${names([first ?? (answered[0] as PostgresqlState)])}: take it out of PGHOST`,
    };
  }
  if (first !== undefined) return { primary: first.address };
  const found = asked.map((one) => {
    const what =
      "reason" in one
        ? one.reason
        : one.standby
          ? "is a standby"
          : "starts its sessions read-only (default_transaction_read_only)";
    return `${postgresqlAddress(one.address)} ${what}`;
  });
  const which =
    asked.length === 1
      ? "The PostgreSQL server of PGHOST accepts no writes"
      : `None of the ${asked.length} PostgreSQL servers of PGHOST accepts writes`;
  return {
    code: "server-unreachable",
    problem:
      `${which}: ${found.join("; ")}. ` +
      `Start the primary, or promote a standby (psql -c "SELECT pg_promote()"), and name both in PGHOST`,
  };
}
