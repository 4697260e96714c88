// The process that runs the program, the dynamic providers and the verification for the commands' runs of pulumi: whom it answers what.
import { credentials, type ServiceError } from "@grpc/grpc-js";
import provider from "@pulumi/pulumi/proto/provider_grpc_pb.js";
import messages from "@pulumi/pulumi/proto/provider_pb.js";
import structs from "google-protobuf/google/protobuf/struct_pb.js";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { borrowHost, type Host } from "../../cli/host/index.ts";
import type { RunEnd } from "../../cli/engine/runs.ts";
import { verifierVariable } from "../../cli/host/messages.ts";
import { identify, isAlive } from "../../local/identity.ts";
import { storedCode } from "../../providers/dynamic.ts";

let host: Host;
const folder = mkdtempSync(join(tmpdir(), "host-"));
const trace = join(folder, "trace");

async function begin(env: NodeJS.ProcessEnv): Promise<void> {
  const found = await borrowHost(env);
  if (found === undefined) throw new Error("no host in a checkout");
  host = found;
}

/** Ends the run, and begins another. */
async function next(env: NodeJS.ProcessEnv, end: RunEnd): Promise<void> {
  await host.release(end);
  await begin(env);
}

beforeAll(() => begin({ TENANT_SECRETS_DIR: folder }));
afterAll(async () => {
  await host.release("killed");
  rmSync(folder, { recursive: true, force: true });
});

/** Asks it to make a resource. */
async function create(port: string, properties: Record<string, string>): Promise<ServiceError | undefined> {
  const client = new provider.ResourceProviderClient(`127.0.0.1:${port}`, credentials.createInsecure());
  const request = new messages.CreateRequest();
  request.setProperties(structs.Struct.fromJavaScript(properties));
  const error = await new Promise<ServiceError | null>((done) => client.create(request, (failure) => done(failure)));
  client.close();
  return error ?? undefined;
}

const portOf = ({ env }: Host): string => (env["PULUMI_DEBUG_PROVIDERS"] ?? "").split(":")[1] ?? "";

it("runs the providers of this checkout, and no code that a call brings along", async () => {
  const writes = `require("node:fs").writeFileSync(${JSON.stringify(trace)}, "")`;
  const handler = (body: string) =>
    `exports.handler = () => { ${body}; return { create: async () => ({ id: "x", outs: {} }) }; };`;
  const codes = [
    handler(writes),
    // Nor what only begins or ends like ours.
    `${handler(writes)} // join(root, "providers", "age-key.ts")`,
    `const file = join("providers", "../../../../etc/passwd.ts");`,
    "",
  ];
  for (const code of codes) {
    const error = await create(portOf(host), { __provider: code });
    expect(error?.details).toContain("none of this program's");
  }
  expect(existsSync(trace)).toBe(false);
});

it("verifies for nobody who does not know the run's word", async () => {
  const [port = "", word = ""] = (host.env[verifierVariable] ?? "").split(":");
  const asked = { id: "acme", expect: "active", recipients: "" };
  for (const line of [
    JSON.stringify({ ...asked, word: word.replace(/^./, (digit) => (digit === "0" ? "1" : "0")) }),
    JSON.stringify({ ...asked, word: "" }),
    JSON.stringify(asked),
    "null",
    "GET / HTTP/1.1",
  ]) {
    const socket = connect(Number(port), "127.0.0.1");
    socket.write(`${line}\n`);
    expect(await text(socket)).toBe("");
  }
});

it("a run's variables are no other run's", async () => {
  const key = (dir: string) => join(dir, "hosted", "key.age");
  const makeKey = () => create(portOf(host), { __provider: storedCode("age-key"), tenant: "hosted" });
  expect(await makeKey()).toBe(undefined);
  expect(existsSync(key(folder))).toBe(true);
  const other = join(folder, "other");
  await next({ TENANT_SECRETS_DIR: other }, "succeeded");
  expect(await makeKey()).toBe(undefined);
  expect(existsSync(key(other))).toBe(true);
});

it("ends at once when its run was killed, and the next run gets another", async () => {
  const { pid } = host;
  const identity = identify(pid);
  if (identity === undefined) throw new Error("the host does not run");
  await next({}, "killed");
  expect(isAlive(identity)).toBe(false);
  expect(host.pid).not.toBe(pid);
});
