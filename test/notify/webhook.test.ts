// The webhook, on a real HTTP server: signed, repeated, kept and delivered later; and never in a command's way.
import { createHmac, randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { withoutSecrets } from "../../cli/errors.ts";
import { tell } from "../../cli/drift/look.ts";
import { deliverKept, notify } from "../../cli/notify/index.ts";
import { target, type Notification } from "../../cli/notify/webhook.ts";
import { hasKeptNotifications } from "../../cli/kept-events.ts";

interface Received {
  readonly headers: IncomingMessage["headers"];
  readonly path: string;
  readonly body: string;
}

const key = randomBytes(32);
const secret = `whsec_${key.toString("base64")}`;
const received: Received[] = [];
/** What the server answers next; then 204. `null`: nothing at all. */
let answers: (number | null)[] = [];
let server: Server;
let folder: string;
let said: string;

beforeAll(async () => {
  server = createServer((request, response) => {
    let body = "";
    request.setEncoding("utf8").on("data", (part: string) => (body += part));
    request.on("end", () => {
      received.push({ headers: request.headers, path: request.url ?? "", body });
      const status = answers.length > 0 ? answers.shift() : 204;
      if (status === null || status === undefined) {
        request.socket.destroy();
        return;
      }
      response.writeHead(status, status === 307 ? { location: "/elsewhere" } : {}).end();
    });
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    said += String(text);
    return true;
  });
});

afterAll(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  server.close();
  server.closeAllConnections();
});

beforeEach(() => {
  received.length = 0;
  answers = [];
  said = "";
  folder = mkdtempSync(join(tmpdir(), "tenant-webhook-"));
  vi.stubEnv("TENANT_OUTBOX_DIR", folder);
  vi.stubEnv("TENANT_WEBHOOK_URL", `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`);
  vi.stubEnv("TENANT_WEBHOOK_SECRET", secret);
  return () => rmSync(folder, { recursive: true, force: true });
});

const happening = (tenant: string) =>
  ({
    type: "tenant.verification_failed",
    tenant,
    details: { checks: ["redis own_access"], password: secret },
  }) as const;
const keptFiles = (): string[] => readdirSync(join(folder, "notifications")).sort();
const tenants = (): string[] => received.map(({ body }) => (JSON.parse(body) as Notification).tenant);

/** As docs/operations.md says. */
function verified({ headers, body }: Received): boolean {
  const signed = `${String(headers["webhook-id"])}.${String(headers["webhook-timestamp"])}.${body}`;
  return headers["webhook-signature"] === `v1,${createHmac("sha256", key).update(signed).digest("base64")}`;
}

it("says what happened, signed, without secrets", async () => {
  await notify(happening("acme"));
  const [one] = received;
  expect(received).toHaveLength(1);
  expect(one && verified(one)).toBe(true);
  expect(Math.abs(Number(one?.headers["webhook-timestamp"]) - Date.now() / 1000)).toBeLessThan(300);
  const body = JSON.parse(one?.body ?? "") as Notification;
  expect(body).toMatchObject({ type: "tenant.verification_failed", tenant: "acme", details: { password: "[secret]" } });
  expect(body.id).toBe(one?.headers["webhook-id"]);
  expect(said).toBe("");
});

it("is told of drift: what differs, what was put back, and nothing when there is none", async () => {
  const one = { place: "Redis", resource: "user helper", kind: "foreign", what: `reaches ${secret}` } as const;
  await tell("acme", { drift: [] });
  await tell("acme", { drift: [{ ...one, help: "by hand" }] });
  await tell("platform", { drift: [], repaired: [one] });
  const shown = { ...one, what: "reaches [secret]" };
  expect(received.map(({ body }) => JSON.parse(body) as Notification)).toMatchObject([
    { type: "tenant.drift_found", tenant: "acme", details: { findings: [shown] } },
    { type: "tenant.drift_found", tenant: "platform", details: { findings: [], repaired: [shown] } },
  ]);
});

it("tries again when the server fails or breaks off, with the same id", async () => {
  answers = [503, null];
  await notify(happening("acme"));
  expect(received).toHaveLength(3);
  expect(new Set(received.map(({ headers }) => headers["webhook-id"])).size).toBe(1);
  expect(received.every(verified)).toBe(true);
  expect(said).toBe("");
});

it("keeps what cannot be delivered, and delivers it later, oldest first, once", async () => {
  answers = [500, 500, 500, 500, 500, 500];
  await notify(happening("first"));
  await notify(happening("second"));
  expect(said).toContain("The webhook was not told: http://127.0.0.1:");
  expect(said).toContain("the next tenant command delivers it");
  expect(said).not.toContain("/hook");
  const [file] = keptFiles();
  expect(statSync(join(folder, "notifications", file ?? "")).mode & 0o777).toBe(0o600);
  expect(hasKeptNotifications()).toBe(true);
  // Still down: asked once, and everything stays.
  received.length = 0;
  answers = [502];
  await deliverKept();
  expect(tenants()).toEqual(["first"]);
  expect(keptFiles()).toHaveLength(2);
  received.length = 0;
  await deliverKept();
  expect(tenants()).toEqual(["first", "second"]);
  expect(received.every(verified)).toBe(true);
  expect(hasKeptNotifications()).toBe(false);
});

it("follows no redirect, and does not insist where it is refused", async () => {
  answers = [307, 401];
  await notify(happening("moved"));
  await notify(happening("refused"));
  expect(received.map(({ path }) => path)).toEqual(["/hook", "/hook"]);
  expect(keptFiles()).toHaveLength(2);
});

it("is in nobody's way: nobody there, and nothing configured", async () => {
  vi.stubEnv("TENANT_WEBHOOK_URL", "http://127.0.0.1:1/");
  await notify(happening("acme"));
  expect(keptFiles()).toHaveLength(1);
  vi.stubEnv("TENANT_WEBHOOK_URL", "");
  said = "";
  await notify(happening("acme"));
  await deliverKept();
  expect(hasKeptNotifications()).toBe(false);
  expect([said, received]).toEqual(["", []]);
});

it.each([
  ["http://hooks.example/x", secret, "must start with https://"],
  ["http://127.0.0.1.hooks.example/x", secret, "must start with https://"],
  ["ftp://127.0.0.1/x", secret, "must start with https://"],
  ["hooks.example", secret, "is no URL"],
  ["https://me:word@hooks.example/", secret, "must hold no user and password"],
  ["https://hooks.example/", "", "TENANT_WEBHOOK_SECRET must be whsec_"],
  ["https://hooks.example/", "whsec_c2hvcnQ=", "TENANT_WEBHOOK_SECRET must be whsec_"],
])("refuses %s", (url, given, message) => {
  const all = { TENANT_WEBHOOK_URL: url, TENANT_WEBHOOK_SECRET: given };
  expect(() => target(all)).toThrow(message);
  if (given !== "") expect(() => target(all)).not.toThrow(given);
});

it("takes https, and http on loopback", () => {
  for (const url of ["https://hooks.example/x", "http://localhost:1/", "http://[::1]:1/", "http://127.9.9.9/"])
    expect(target({ TENANT_WEBHOOK_URL: url, TENANT_WEBHOOK_SECRET: secret }).url.href).toBe(new URL(url).href);
});

it("its secret is printed by nothing", () => {
  expect(withoutSecrets(`the secret is ${secret}`)).not.toContain(key.toString("base64"));
});
