// REDIS_URL: one server, some nodes of a cluster, or the sentinels that know the master.

/** Where one server, or one sentinel, listens. */
export interface RedisAddress {
  /** A name or an address; IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
}

/** What the URL says. */
export interface RedisLocation {
  /** The first address, with the administrator's name and password; `redis:`, or `rediss:` for TLS. */
  readonly url: URL;
  /** Every address. */
  readonly addresses: readonly [RedisAddress, ...RedisAddress[]];
  /** The name of the master, when the addresses are those of sentinels. */
  readonly master?: string;
}

/** The forms, for messages. */
export const redisUrlForms =
  "redis://USER:PASSWORD@HOST:PORT for a server, redis://USER:PASSWORD@HOST:PORT,HOST:PORT for nodes of a cluster, " +
  "redis+sentinel://USER:PASSWORD@HOST:PORT,HOST:PORT/NAME for the sentinels of master NAME; rediss for TLS";

const form = /^(rediss?)(\+sentinel)?:\/\/(?:([^@/?#]*)@)?([^@/?#]+)\/?([^?#]*)$/;

/**
 * Reads the URL.
 * @throws Error saying what is wrong, without the text: it may hold a password.
 */
export function parseRedisUrl(text: string): RedisLocation {
  const [, scheme = "", sentinel, credentials, hosts = "", path = ""] = form.exec(text) ?? [];
  if (scheme === "") throw new Error(`is not ${redisUrlForms}`);
  const all = hosts.split(",");
  const urls = all.map((host, index) => {
    try {
      return new URL(`${scheme}://${credentials === undefined ? "" : `${credentials}@`}${host}`);
    } catch {
      throw new Error(`is malformed: address ${index + 1} of ${all.length}, or the name and password before it`);
    }
  });
  const port = sentinel === undefined ? 6379 : 26379;
  const [first, ...others] = urls.map((url) => ({
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || port),
  }));
  const [url] = urls;
  if (first === undefined || url === undefined) throw new Error(`is not ${redisUrlForms}`);
  if (sentinel !== undefined && !/^[\w.-]+$/.test(path))
    throw new Error(`names sentinels and no master: ${redisUrlForms}`);
  if (sentinel === undefined && !["", "0"].includes(path))
    throw new Error("names a database: tenants are in database 0");
  return { url, addresses: [first, ...others], ...(sentinel === undefined ? {} : { master: path }) };
}

/** `127.0.0.1:6379`, `[::1]:6379`. */
export function addressText({ host, port }: RedisAddress): string {
  return `${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** The same place for somebody else: in the operator's form, with these credentials or none. */
export function formatRedisUrl(
  { url, addresses, master }: RedisLocation,
  as?: { readonly user: string; readonly password: string },
): string {
  const credentials = as === undefined ? "" : `${encodeURIComponent(as.user)}:${encodeURIComponent(as.password)}@`;
  const [scheme = "", path] =
    master === undefined ? [url.protocol, ""] : [url.protocol.replace(":", "+sentinel:"), `/${master}`];
  return `${scheme}//${credentials}${addresses.map(addressText).join(",")}${path}`;
}
