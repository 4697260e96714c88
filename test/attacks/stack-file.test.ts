// What somebody can do who only proposes a change of a stack's file: not have the administrators' credentials, which the
// operator's environment holds, sent to a server of theirs.
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { checkout, initStack, pulumi, removeStack, run, setConfig } from "../support/pulumi.ts";
import { platformUp } from "../support/platform.ts";

const id = `proposed${Date.now().toString(36)}`;
/** Takes every connection, and is never to see one. */
let theirs: Server;
let connections = 0;
let address = "";

beforeAll(async () => {
  await platformUp();
  theirs = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  await new Promise<void>((done) => theirs.listen(0, "127.0.0.1", done));
  const bound = theirs.address();
  if (bound === null || typeof bound === "string") throw new Error("it listens on no port");
  address = `127.0.0.1:${bound.port}`;
});
beforeEach(() => (connections = 0));
afterAll(async () => {
  await removeStack(id);
  await new Promise((done) => theirs.close(done));
});

const tenant = (...args: string[]) => run(process.execPath, [join(checkout(), "cli/tenant.ts"), ...args]);

it("a server in the clear is refused by plain pulumi and by every command, and none connects to it", async () => {
  const [host = "", port = ""] = address.split(":");
  const keys = { minioEndpoint: `http://${address}`, qdrantUrl: `http://${address}`, redisUrl: `redis://${address}` };
  await initStack(id, { id, network: ["10.242.0.0/16"], ...keys, pgHost: host, pgPort: port, pgSslMode: "disable" });
  const tried = [
    await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]),
    ...(await Promise.all([tenant("provision", id), tenant("verify", id), tenant("credentials", id)])),
  ];
  for (const { code, all } of tried) {
    expect(code, all).not.toBe(0);
    for (const key of [...Object.keys(keys), "pgHost", "pgPort", "pgSslMode"]) {
      expect(all).toMatch(new RegExp(`- ${key}: .* is not encrypted`));
    }
  }
  expect(connections).toBe(0);
  await removeStack(id);
});

it("an encrypted one without its credential is refused too: the environment's is for the environment's server", async () => {
  await initStack(id, { id, network: ["10.242.0.0/16"] });
  await setConfig(id, "qdrantUrl", `http://${address}`, "--secret");
  const refused = await pulumi(["up", "--stack", id, "--yes", "--skip-preview"]);
  expect(refused.code).not.toBe(0);
  expect(refused.all).toContain("qdrantUrl: set in the configuration, but not qdrantApiKey");
  expect(connections).toBe(0);
  // With it, it is the server that is asked.
  await setConfig(id, "qdrantApiKey", "their-own-key", "--secret");
  expect((await pulumi(["up", "--stack", id, "--yes", "--skip-preview"])).code).not.toBe(0);
  expect(connections).toBeGreaterThan(0);
});
