// What is wrong with a server's TLS, in plain words: asked after something failed, of the servers themselves. Clients only say
// "fetch failed" or "unable to verify the first certificate", each in its own words and mostly without the server's name.
import { once } from "node:events";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect, type PeerCertificate, type TLSSocket } from "node:tls";
import { postgresqlAddress } from "./postgresql-list.ts";
import { addressText } from "./redis-url.ts";
import type { Servers } from "./servers.ts";
import { sslModes, trusting, type Authority } from "./tls.ts";

/** One server, as it is configured. */
interface Endpoint {
  /** For people: "MinIO at https://127.0.0.1:9000". */
  readonly title: string;
  /** The setting that says where it is and whether it speaks TLS. */
  readonly setting: string;
  readonly host: string;
  readonly port: number;
  /** Whether TLS is wanted, what in the setting says so, and what says the opposite. */
  readonly tls: boolean;
  readonly says: string;
  readonly otherwise: string;
  /** Only PostgreSQL: the protocol begins in the clear, and not every mode verifies everything. */
  readonly postgresql?: { readonly verifies: boolean; readonly name: boolean };
  /** Only Redis, which takes the first words of TLS for a command and waits for its end: a command it answers in the clear. */
  readonly command?: string;
  readonly ca: Authority | undefined;
}

/** Milliseconds for one server. */
const patience = 3_000;

/** The servers to ask. */
export type Asked = Partial<Pick<Servers, "minio" | "postgresql" | "qdrant" | "redis">>;

function webEndpoint(name: string, setting: string, url: URL, ca: Authority | undefined): Endpoint {
  const tls = url.protocol === "https:";
  return {
    title: `${name} at ${url.origin}`,
    setting,
    host: url.hostname.replace(/^\[|\]$/g, ""),
    port: Number(url.port || (tls ? 443 : 80)),
    tls,
    says: `${url.protocol}//`,
    otherwise: tls ? "http://" : "https://",
    ca,
  };
}

function postgresqlEndpoints({ host, port, nodes, sslMode, ca }: Servers["postgresql"]): Endpoint[] {
  if (!sslModes.includes(sslMode)) return []; // The client has said so.
  const tls = sslMode !== "disable";
  return (nodes ?? [{ host, port }]).map((address) => ({
    title: `PostgreSQL at ${postgresqlAddress(address)}`,
    setting: "PGSSLMODE",
    ...address,
    tls,
    says: sslMode,
    otherwise: tls ? "disable" : "verify-full",
    postgresql: { verifies: sslMode !== "require" || ca !== undefined, name: sslMode === "verify-full" },
    ca,
  }));
}

function redisEndpoints({ url: { protocol }, addresses, ca }: Servers["redis"]): Endpoint[] {
  const tls = protocol === "rediss:";
  return addresses.map((address) => ({
    title: `Redis at ${protocol}//${addressText(address)}`,
    setting: "REDIS_URL",
    ...address,
    tls,
    says: `${protocol}//`,
    otherwise: tls ? "redis://" : "rediss://",
    command: "PING\r\n",
    ca,
  }));
}

function qdrantEndpoints({ url, nodes = [url], tenantUrl, ca }: Servers["qdrant"]): Endpoint[] {
  const own = nodes.map((node) => webEndpoint("Qdrant", "QDRANT_URL", node, ca));
  if (nodes.some(({ href }) => href === tenantUrl.href)) return own;
  return [...own, webEndpoint("Qdrant's gateway", "QDRANT_TENANT_URL", tenantUrl, ca)];
}

function endpointsOf({ minio, postgresql, qdrant, redis }: Asked): Endpoint[] {
  return [
    ...(minio === undefined ? [] : [webEndpoint("MinIO", "MINIO_ENDPOINT", minio.endpoint, minio.ca)]),
    ...(postgresql === undefined ? [] : postgresqlEndpoints(postgresql)),
    ...(qdrant === undefined ? [] : qdrantEndpoints(qdrant)),
    ...(redis === undefined ? [] : redisEndpoints(redis)),
  ];
}

/**
 * What is wrong with the TLS of these servers, a sentence each: "MinIO at https://…: its certificate …". Nothing of a server
 * whose TLS is as it is configured, and of one that does not answer. Never throws.
 */
export async function tlsProblems(servers: Asked): Promise<string[]> {
  const found = await Promise.all(
    endpointsOf(servers).map(async (endpoint) => {
      const problem = await problemOf(endpoint).catch(() => undefined);
      return problem === undefined ? [] : [`${endpoint.title}: ${problem}`];
    }),
  );
  return found.flat();
}

async function problemOf(endpoint: Endpoint): Promise<string | undefined> {
  const socket = await reached(connectTcp({ host: endpoint.host, port: endpoint.port }), "connect");
  try {
    const offers = endpoint.postgresql === undefined || (await offersTls(socket));
    if (offers === undefined) return undefined;
    const secured = offers ? await handshake(endpoint, socket) : undefined;
    if (!endpoint.tls) {
      return secured === undefined
        ? undefined
        : `it speaks TLS, but ${endpoint.setting} says ${endpoint.says}: write ${endpoint.otherwise} there`;
    }
    if (secured === undefined) {
      return `it does not speak TLS, but ${endpoint.setting} says ${endpoint.says}: turn TLS on at the server, or write ${endpoint.otherwise} there if nobody can listen`;
    }
    return certificateProblem(endpoint, secured);
  } finally {
    socket.destroy();
  }
}

/** Waits for the event; fails when the server does not answer in time. */
async function reached<S extends Socket>(socket: S, event: string): Promise<S> {
  await once(socket, event, { signal: AbortSignal.timeout(patience) }).catch((error: unknown) => {
    socket.destroy();
    throw error;
  });
  return socket;
}

/** Asks as libpq does (SSLRequest); undefined when that is no PostgreSQL. */
async function offersTls(socket: Socket): Promise<boolean | undefined> {
  socket.write(Buffer.from([0, 0, 0, 8, 4, 210, 22, 47]));
  const [answer] = (await once(socket, "data", { signal: AbortSignal.timeout(patience) })) as [Buffer];
  const letter = answer.toString("latin1", 0, 1);
  return letter === "S" ? true : letter === "N" ? false : undefined;
}

/** True when the server answers in the clear. */
async function answersUnencrypted({ host, port, command }: Endpoint): Promise<boolean> {
  if (command === undefined) return false;
  const socket = await reached(connectTcp({ host, port }), "connect");
  try {
    socket.write(command);
    const [answer] = (await once(socket, "data", { signal: AbortSignal.timeout(patience) })) as [Buffer];
    return /^[+-]/.test(answer.toString("latin1"));
  } finally {
    socket.destroy();
  }
}

/** A connection whatever its certificate; undefined when the server does not speak TLS. Fails when it says nothing. */
async function handshake(endpoint: Endpoint, socket: Socket): Promise<TLSSocket | undefined> {
  const { host, ca } = endpoint;
  const name = isIP(host) === 0 ? { servername: host } : {};
  // Only looked at: nothing is sent over it.
  const secured = connect({ socket, host, ...name, ...trusting(ca), rejectUnauthorized: false });
  try {
    return await reached(secured, "secureConnect");
  } catch (error) {
    const silent = (error as Error).name === "AbortError";
    if (silent && !(await answersUnencrypted(endpoint))) throw error;
    return undefined;
  }
}

function certificateProblem(endpoint: Endpoint, secured: TLSSocket): string | undefined {
  const { host, ca, postgresql } = endpoint;
  // Node.js has the error's code here.
  const code = secured.authorizationError as unknown as string | null;
  if (code === null || postgresql?.verifies === false) return undefined;
  const { subjectaltname, valid_from, valid_to } = secured.getPeerCertificate() as Partial<PeerCertificate>;
  switch (code) {
    case "ERR_TLS_CERT_ALTNAME_INVALID":
      if (postgresql?.name === false) return undefined;
      return `its certificate is for ${subjectaltname ?? "no name at all"}, not for ${host}: use one of its names, or give the server a certificate for ${host}`;
    case "CERT_HAS_EXPIRED":
      return `its certificate expired on ${valid_to}: give the server a new one (the local stores make one at a start: npm run stores -- stop, then start)`;
    case "CERT_NOT_YET_VALID":
      return `its certificate is valid from ${valid_from} only: set this machine's clock, or the server's, or give the server another one`;
  }
  if (!/^(UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|CERT_SIGNATURE|CERT_UNTRUSTED)/.test(code)) {
    return `its certificate is not accepted (${code}): give the server another one`;
  }
  const self = code === "DEPTH_ZERO_SELF_SIGNED_CERT" ? "signed by itself, " : "";
  const by = ca === undefined ? "an authority that Node.js knows" : `the authority in ${ca.file}`;
  const setting = postgresql === undefined ? "TENANT_CA_FILE" : "PGSSLROOTCERT or TENANT_CA_FILE";
  return `its certificate is ${self}not signed by ${by} (${code}): name the file of the one that signed it: ${setting}`;
}
