// Ways around the gateway's list: paths that two programs read differently, smuggled requests, other protocols.
import { beforeAll, expect, it } from "vitest";
import { refusal } from "../../gateway/nginx.ts";
import { deployed, type Deployed } from "../support/deployed.ts";
import { bytes, call } from "../support/qdrant-calls.ts";

let attacker: Deployed;
let headers: string;
beforeAll(async () => {
  attacker = await deployed("attacker");
  headers = `Host: qdrant\r\napi-key: ${attacker.credentials.qdrant_api_key}\r\n`;
}, 300_000);

const filled = (text: string): string =>
  text.replaceAll("OWN", attacker.names.collection).replaceAll("HEADERS", headers);
const statuses = (answers: string): number[] =>
  [...answers.matchAll(/HTTP\/1\.1 (\d+)/g)].map((match) => Number(match[1]));
/** Words of `/telemetry`'s answer. */
const telemetry = /jwt_rbac|number_of_collections/;

it.each([
  "//telemetry",
  "/telemetry/",
  "/./telemetry",
  "/%74elemetry",
  "/%2Ftelemetry",
  "/collections/OWN/../../telemetry",
  "/collections/OWN/%2e%2e/%2e%2e/telemetry",
  "/collections/OWN/points/%2e%2e%2f..%2f..%2ftelemetry",
  "/collections/OWN/points/%252e%252e/%252e%252e/%252e%252e/telemetry",
  "/collections/OWN/..%5c..%5ctelemetry",
  "/telemetry;/collections/OWN",
  "/telemetry#/collections/OWN",
  "/telemetry?/collections/OWN",
  "/telemetry%3f/collections/OWN",
  "/collections/OWN?/../../telemetry",
  "/Collections/OWN",
  "/collections/OWN/",
  "/collections//OWN",
  "/collections/%6fWN",
  "/collections/OWN/points/../../../telemetry",
  "/collections/platform_token_state",
  "http://qdrant/telemetry",
  "http://qdrant/collections/OWN/exists@qdrant/telemetry",
])("GET %s is refused", async (path) => {
  const { status, text } = await call("gateway", attacker.credentials.qdrant_api_key, "GET", filled(path));
  expect({ status, text }).toEqual({ status: 403, text: expect.stringContaining(refusal) as string });
});

it.each([
  ["an encoded NUL in the path", "GET /collections/OWN%00/../../telemetry HTTP/1.1\r\nHEADERS\r\n", [400]],
  ["a NUL in the path", "GET /collections/OWN\0/telemetry HTTP/1.1\r\nHEADERS\r\n", [400]],
  ["a space in the path", "GET /collections/OWN /telemetry HTTP/1.1\r\nHEADERS\r\n", [400]],
  ["no host in the URL", "GET http:///telemetry HTTP/1.1\r\nHEADERS\r\n", [400]],
  ["HTTP/0.9", "GET /telemetry\r\n", []],
  ["HTTP/1.0", "GET /telemetry HTTP/1.0\r\nHEADERS\r\n", [403]],
  ["HTTP/2 without TLS", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", [400]],
  [
    "an upgrade to HTTP/2",
    "GET / HTTP/1.1\r\nHEADERSConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\nGET /telemetry HTTP/1.1\r\nHEADERSConnection: close\r\n\r\n",
    [200, 403],
  ],
  [
    "an upgrade to anything",
    "GET / HTTP/1.1\r\nHEADERSConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nGET /telemetry HTTP/1.1\r\nHEADERSConnection: close\r\n\r\n",
    [200, 403],
  ],
  [
    "headers that name another path",
    "GET / HTTP/1.1\r\nHEADERSX-Original-URL: /telemetry\r\nX-Rewrite-URL: /telemetry\r\nConnection: close\r\n\r\n",
    [200],
  ],
  [
    "a second request in the body",
    "GET / HTTP/1.1\r\nHEADERSContent-Length: 27\r\n\r\nGET /telemetry HTTP/1.1\r\n\r\nGET /telemetry HTTP/1.1\r\nHEADERSConnection: close\r\n\r\n",
    [200, 403],
  ],
  [
    "length and chunks",
    "POST /collections/OWN/points/count HTTP/1.1\r\nHEADERSContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /telemetry HTTP/1.1\r\nHEADERS\r\n",
    [400],
  ],
  [
    "two lengths",
    "POST /collections/OWN/points/count HTTP/1.1\r\nHEADERSContent-Length: 2\r\nContent-Length: 60\r\n\r\n{}GET /telemetry HTTP/1.1\r\nHEADERS\r\n",
    [400],
  ],
  [
    "two encodings",
    "POST /collections/OWN/points/count HTTP/1.1\r\nHEADERSTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\nGET /telemetry HTTP/1.1\r\nHEADERS\r\n",
    [501],
  ],
  [
    "an encoding that is none",
    "POST /collections/OWN/points/count HTTP/1.1\r\nHEADERSTransfer-Encoding: xchunked\r\nContent-Length: 2\r\n\r\n{}",
    [501],
  ],
  [
    "a header with a space",
    "POST /collections/OWN/points/count HTTP/1.1\r\nHEADERSTransfer-Encoding : chunked\r\nContent-Length: 2\r\n\r\n{}",
    [400],
  ],
  ["TRACE", "TRACE / HTTP/1.1\r\nHEADERS\r\n", [405]],
  ["CONNECT", "CONNECT 127.0.0.1:6333 HTTP/1.1\r\nHEADERS\r\n", [400]],
])("%s does not get through", async (_what, sent, expected) => {
  const answers = await bytes(filled(sent));
  expect(answers).not.toMatch(telemetry);
  expect(statuses(answers)).toEqual(expected);
});

it("a method in a header is not the method", async () => {
  const answers = await bytes(
    filled(
      "GET /collections/OWN/exists HTTP/1.1\r\nHEADERSX-HTTP-Method-Override: DELETE\r\nConnection: close\r\n\r\n",
    ),
  );
  expect(statuses(answers)).toEqual([200]);
  expect(answers).toContain('"exists":true');
});

it("a request that is too large is refused in Qdrant's own form", async () => {
  const body = { filter: "x".repeat(33 * 1024 * 1024) };
  const path = filled("/collections/OWN/points/count");
  expect(await call("gateway", attacker.credentials.qdrant_api_key, "POST", path, body)).toEqual({
    status: 413,
    text: expect.stringContaining("Payload too large: the limit is 32 MB") as string,
  });
});
