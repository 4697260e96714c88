// The page, live, for this machine only.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { withoutSecrets } from "../errors.ts";
import type { Fleet } from "./fleet.ts";
import { metricsOf, metricsType } from "./metrics.ts";
import { page } from "./page.ts";
import { waiting } from "./waiting.ts";

const address = "127.0.0.1";
/** Milliseconds for which what was gathered is shown again: reloading does not ask every store each time. */
const fresh = 5_000;

/** Sent with every answer. The page's own policy says what it may use; this, who may show it. */
const headers = {
  "cache-control": "no-store",
  "content-security-policy": "frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

const plain = (status: number, text: string): Answer => ({ status, type: "text/plain; charset=utf-8", text });

const pages: Readonly<Record<string, (fleet: Fleet) => Promise<Answer>>> = {
  "/": async (fleet) => ({ status: 200, type: "text/html; charset=utf-8", text: await page(fleet, true) }),
  "/fleet.json": async (fleet) => ({ status: 200, type: "application/json", text: JSON.stringify(fleet) }),
  "/metrics": async (fleet) => ({
    status: 200,
    type: metricsType,
    text: await metricsOf(fleet, await waiting()).metrics(),
  }),
};

/** A server that listens. */
export interface Serving {
  readonly url: string;
  readonly close: () => Promise<void>;
}

/**
 * Serves the page, `/metrics` and `/fleet.json` on 127.0.0.1.
 * @param port 0 is a free one
 */
export async function serve(gather: () => Promise<Fleet>, port: number): Promise<Serving> {
  const current = kept(gather);
  const server = createServer((request, response) => void respond(server, request, response, current));
  await new Promise<void>((done, fail) => {
    server.once("error", fail);
    server.listen(port, address, () => done());
  });
  return {
    url: `http://${address}:${portOf(server)}/`,
    close: async () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function respond(
  server: Server,
  request: IncomingMessage,
  response: ServerResponse,
  current: () => Promise<Fleet>,
): Promise<void> {
  const { status, type, text } = await answer(request, portOf(server), current).catch((error: unknown) =>
    plain(503, `The platform database cannot be read: ${withoutSecrets((error as Error).message)}\n`),
  );
  response.writeHead(status, { ...headers, "content-type": type, ...(status === 405 && { allow: "GET, HEAD" }) });
  response.end(request.method === "HEAD" ? undefined : text);
}

async function answer(request: IncomingMessage, port: number, current: () => Promise<Fleet>): Promise<Answer> {
  // A page of somebody's, whose name was made to lead here, asks with that name.
  if (![`${address}:${port}`, `localhost:${port}`].includes(request.headers.host ?? "")) {
    return plain(421, `This is ${address}:${port}, and answers to no other name.\n`);
  }
  if (request.method !== "GET" && request.method !== "HEAD") return plain(405, "Only GET.\n");
  const { pathname } = new URL(request.url ?? "/", `http://${address}`);
  const found = Object.hasOwn(pages, pathname) ? pages[pathname] : undefined;
  if (found === undefined) return plain(404, `There is only ${Object.keys(pages).join(", ")}\n`);
  return found(await current());
}

/** What was gathered last, while it is fresh; who asks meanwhile waits for the same. */
function kept(gather: () => Promise<Fleet>): () => Promise<Fleet> {
  let last: { readonly at: number; readonly fleet: Promise<Fleet> } | undefined;
  return async () => {
    if (last === undefined || performance.now() - last.at > fresh) {
      const fleet = gather();
      last = { at: Infinity, fleet };
      const settled = (at: number) => (): void => void (last = { at, fleet });
      fleet.then(() => settled(performance.now())(), settled(-Infinity));
    }
    return last.fleet;
  };
}
