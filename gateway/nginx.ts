// The gateway in front of Qdrant as nginx's configuration. Some of Qdrant's calls belong to no collection and answer any valid
// token (`/telemetry` with other tenants' collection names; measured on 1.16.3, and no setting of the server closes it).
// So tenants reach a list of calls, and the server's own ports are for the platform only.
import { isIP } from "node:net";
import { Problem } from "../errors/problem.ts";

/** One gateway. Paths are absolute: nginx would take others as relative to its own folder. */
export interface GatewayOptions {
  /** Where tenants reach the REST interface, as nginx's `listen` has it: `127.0.0.1:6335`, `[::]:6335` or a port. */
  readonly listen: string;
  /** Where they reach gRPC. Another port: without TLS, nginx 1.22 speaks only one protocol on each. */
  readonly listenGrpc: string;
  /** Qdrant's REST interface, `host:port`; of a cluster all nodes', separated by commas. */
  readonly qdrant: string;
  /** Qdrant's gRPC interface, `host:port`; of a cluster all nodes'. */
  readonly qdrantGrpc: string;
  /** TLS towards tenants: PEM files. @default no TLS */
  readonly certificate?: { readonly certificate: string; readonly key: string };
  /** TLS towards Qdrant: PEM file of the CA that signed its certificate. @default no TLS */
  readonly qdrantCa?: string;
  /** With `qdrantCa`: the name in Qdrant's certificate. nginx compares names only, no addresses. @default the (first) host of `qdrant` */
  readonly qdrantName?: string;
}

/** Qdrant refuses larger requests too (`service.max_request_size_mb`). */
const maxRequestMegabytes = 32;

// Regular expressions throughout: nginx compares texts without regard to case.
const collection = "/collections/tenant_[a-z0-9]{1,40}";
const query = "(\\?[A-Za-z0-9_=&.,%-]*)?";

/** What tenants may call by REST, as methods and path below the collection. Point ids are integers or UUIDs. */
const restCalls = [
  ["GET", "(/exists)?"],
  ["GET", "/points/[0-9A-Fa-f-]{1,36}"],
  ["PUT|POST", "/points(/payload)?"],
  ["PUT", "/points/vectors"],
  ["POST", "/points/(batch|count|scroll|delete|(vectors|payload)/delete|payload/clear)"],
  ["POST", "/points/(query|search|recommend)(/batch|/groups)?"],
  ["POST", "/points/discover(/batch)?"],
  ["POST", "/points/search/matrix/(pairs|offsets)"],
  ["POST", "/facet"],
] as const;

/** What tenants may call by gRPC: methods by service. */
const grpcCalls = {
  Qdrant: ["HealthCheck"],
  Collections: ["Get", "CollectionExists"],
  Points: [
    ...["Upsert", "Delete", "Get", "UpdateVectors", "DeleteVectors", "SetPayload", "OverwritePayload", "DeletePayload"],
    ...["ClearPayload", "UpdateBatch", "Search", "SearchBatch", "SearchGroups", "Scroll", "Recommend"],
    ...["RecommendBatch", "RecommendGroups", "Discover", "DiscoverBatch", "Count", "Query", "QueryBatch"],
    ...["QueryGroups", "Facet", "SearchMatrixPairs", "SearchMatrixOffsets"],
  ],
};

/** What a refused caller is told. Verification knows the gateway by it. */
export const refusal = "Forbidden: the gateway lets tenants use the points of their own collection, nothing else";

const restError = (error: string): string => `'${JSON.stringify({ status: { error }, time: 0 })}'`;

/**
 * The configuration, to be included in nginx's `http` block (`/etc/nginx/conf.d/`).
 * @throws Error when an option could be read as more than itself.
 */
export function gatewayConfiguration(options: GatewayOptions): string {
  const { certificate: pair, ...plain } = options;
  for (const [name, value] of Object.entries<string | undefined>({ ...plain, ...pair })) {
    if (value !== undefined && !/^[\w./:,[\] -]+$/.test(value))
      throw new Problem(
        "usage",
        `${name} of the Qdrant gateway must be an address or a path without quotes, not ${value}`,
      );
  }
  const { listen, listenGrpc, qdrant, qdrantGrpc, certificate, qdrantCa } = options;
  const [first = ""] = qdrant.split(",");
  const name = options.qdrantName ?? first.replace(/:\d+$/, "").replace(/^\[(.*)\]$/, "$1");
  if (qdrantCa !== undefined && isIP(name) !== 0) {
    throw new Problem(
      "usage",
      `qdrantName of the Qdrant gateway is needed: nginx finds no address, such as ${name}, in a certificate; give a name that is in Qdrant's`,
    );
  }
  const secure = certificate === undefined ? "" : " ssl";
  return `# The gateway between tenants and Qdrant, from gateway/nginx.ts: change it there.
# The paths are compared as they were sent, before anything is decoded: what is not written exactly like this is refused.
map "$request_method $request_uri" $qdrant_rest_allowed {
    default 0;
    # The server's version: clients check whether they fit.
    "~^GET /$" 1;
${restCalls.map(([methods, path]) => `    "~^(${methods}) ${collection}${path}${query}$" 1;\n`).join("")}}

map "$request_method $request_uri" $qdrant_grpc_allowed {
    default 0;
${Object.entries(grpcCalls)
  .map(([service, methods]) => `    "~^POST /qdrant\\.${service}/(${methods.join("|")})$" 1;\n`)
  .join("")}}

upstream qdrant_rest {
${serverLines(qdrant)}    keepalive 16;
    # Qdrant closes what was idle for 5 s: a call sent on such a connection would be answered with "Bad Gateway".
    keepalive_timeout 3s;
}

upstream qdrant_grpc {
${serverLines(qdrantGrpc)}    keepalive 16;
}

server {
    listen ${listen}${secure};
${tlsLines(certificate)}    server_tokens off;
    access_log off;
    default_type application/json;
    client_max_body_size ${maxRequestMegabytes}m;
    if ($qdrant_rest_allowed = 0) {
        return 403 ${restError(refusal)};
    }
    error_page 413 @too_large;
    error_page 502 504 @no_answer;
    location / {
        # Without a path: the request's own goes on, unchanged.
        proxy_pass ${qdrantCa === undefined ? "http" : "https"}://qdrant_rest;
        proxy_http_version 1.1;
        proxy_set_header Connection "";
        # A node that does not answer is not waited for when there are others.
        proxy_connect_timeout 5s;
        # Strict mode ends a request after 60 s.
        proxy_read_timeout 75s;
${upstreamTlsLines("proxy", name, qdrantCa)}    }
    location @too_large {
        return 413 ${restError(`Payload too large: the limit is ${maxRequestMegabytes} MB`)};
    }
    location @no_answer {
        return 502 ${restError("Qdrant does not answer")};
    }
}

server {
    listen ${listenGrpc}${secure} http2;
${tlsLines(certificate)}    server_tokens off;
    access_log off;
    client_max_body_size ${maxRequestMegabytes}m;
    # gRPC's own refusal: 7 is PERMISSION_DENIED.
    default_type application/grpc;
    error_page 403 = @refused;
    if ($qdrant_grpc_allowed = 0) {
        return 403;
    }
    location / {
        grpc_pass ${qdrantCa === undefined ? "grpc" : "grpcs"}://qdrant_grpc;
        grpc_connect_timeout 5s;
        grpc_read_timeout 75s;
${upstreamTlsLines("grpc", name, qdrantCa)}    }
    location @refused {
        add_header grpc-status 7 always;
        add_header grpc-message "${refusal}" always;
        return 200 "";
    }
}
`;
}

/** All nodes in turn; one that does not answer is left out for some seconds. */
function serverLines(addresses: string): string {
  return addresses
    .split(",")
    .map((address, _, { length }) => `    server ${address}${length > 1 ? " max_fails=1 fail_timeout=5s" : ""};\n`)
    .join("");
}

function tlsLines(certificate: GatewayOptions["certificate"]): string {
  if (certificate === undefined) return "";
  return `    ssl_certificate "${certificate.certificate}";
    ssl_certificate_key "${certificate.key}";
    ssl_protocols TLSv1.2 TLSv1.3;
`;
}

// The certificate has to be for this name.
function upstreamTlsLines(module: "proxy" | "grpc", name: string, ca: string | undefined): string {
  if (ca === undefined) return "";
  return `        ${module}_ssl_trusted_certificate "${ca}";
        ${module}_ssl_verify on;
        ${module}_ssl_name ${name};
        ${module}_ssl_server_name on;
`;
}
