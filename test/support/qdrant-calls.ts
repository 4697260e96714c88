// Calls to Qdrant as an attacker makes them: paths as they are typed, tokens as they are forged, bytes as they are smuggled.
import { createHmac } from "node:crypto";
import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import { connect as connectSecurely } from "node:tls";
import { servers } from "../../providers/clients/servers.ts";
import { trusting } from "../../providers/clients/tls.ts";

/** Where a call goes. */
export type Door = "gateway" | "server";
export const doors: readonly Door[] = ["gateway", "server"];

export function urlOf(door: Door): URL {
  const { url, tenantUrl } = servers().qdrant;
  return door === "gateway" ? tenantUrl : url;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

/** One call. Unlike `fetch`, the path is sent as it is: neither decoded nor normalised. */
export async function call(door: Door, token: string, method: string, path: string, body?: unknown): Promise<Answer> {
  const { protocol, hostname, port } = urlOf(door);
  const { ca } = servers().qdrant;
  const text = body === undefined ? "" : JSON.stringify(body);
  const headers = { "api-key": token, ...(text === "" ? {} : { "content-type": "application/json" }) };
  const length = { "content-length": Buffer.byteLength(text) };
  return new Promise((resolve, reject) => {
    const request = protocol === "https:" ? httpsRequest : httpRequest;
    const target = { hostname, port, method, path, headers: { ...headers, ...length }, agent: false, ca: ca?.pem };
    const asked = request(target, (response) => {
      let found = "";
      response.setEncoding("utf8").on("data", (chunk: string) => (found += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text: found }));
    });
    asked.on("error", reject).end(text);
  });
}

/** What comes back for these bytes at the gateway until it closes the connection (or says nothing more for 5 s). */
export async function bytes(sent: string): Promise<string> {
  const { protocol, hostname, port } = urlOf("gateway");
  const at = { host: hostname, port: Number(port), ...trusting(servers().qdrant.ca) };
  return new Promise((resolve, reject) => {
    const send = (): unknown => socket.write(sent);
    const socket = protocol === "https:" ? connectSecurely(at, send) : connect(at, send);
    socket.setTimeout(5000, () => socket.destroy());
    let found = "";
    socket.setEncoding("utf8").on("data", (chunk: string) => (found += chunk));
    socket.on("close", () => resolve(found)).on("error", reject);
  });
}

export type Claims = Readonly<Record<string, unknown>>;

export function claimsOf(token: string): Claims {
  return JSON.parse(Buffer.from(token.split(".")[1] ?? "", "base64url").toString("utf8")) as Claims;
}

/** A token as whoever knows `key` signs it. @param alg as the header says; `none` has no signature */
export function forge(claims: Claims, key: string = servers().qdrant.apiKey, alg = "HS256"): string {
  const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64url");
  const signed = `${encode({ alg, typ: "JWT" })}.${encode(claims)}`;
  if (alg === "none") return `${signed}.`;
  return `${signed}.${createHmac(alg === "HS512" ? "sha512" : "sha256", key)
    .update(signed)
    .digest("base64url")}`;
}
