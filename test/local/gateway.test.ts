// The command that prints the gateway's configuration for a deployment of one's own.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { gatewayConfiguration } from "../../gateway/nginx.ts";
import { findOnPath } from "../../local/programs.ts";
import { root } from "../../toolchain/paths.ts";

const folder = mkdtempSync(join(tmpdir(), "gateway-"));
afterAll(() => rmSync(folder, { recursive: true }));

const print = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, "gateway/print.ts"), ...args], { cwd: root, encoding: "utf8" });
const qdrant = ["--qdrant", "10.0.0.5:6333", "--qdrant-grpc", "10.0.0.5:6334"];
const options = { listen: "6335", listenGrpc: "6336", qdrant: "10.0.0.5:6333", qdrantGrpc: "10.0.0.5:6334" };

test("what it prints is what nginx takes", () => {
  const { status, stdout } = print(...qdrant);
  expect(status).toBe(0);
  expect(stdout).toBe(gatewayConfiguration(options));
  const config = `pid nginx.pid; error_log stderr; events {} http { client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi; ${stdout} }`;
  writeFileSync(join(folder, "nginx.conf"), config);
  const checked = spawnSync(findOnPath("nginx") ?? "nginx", [
    "-t",
    "-p",
    `${folder}/`,
    "-c",
    "nginx.conf",
    "-e",
    "stderr",
  ]);
  expect(checked.stderr.toString()).toContain("test is successful");
});

test.each([
  [["--qdrant", "10.0.0.5:6333"], "required option '--qdrant-grpc <host:port>' not specified"],
  [[...qdrant, "--key", "/k.pem"], "--certificate and --key go together"],
  [[...qdrant, "--certificate", "/c.pem"], "--certificate and --key go together"],
])("%j is refused", (args, message) => {
  const { status, stdout, stderr } = print(...args);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toContain(message);
});

test.each([
  ["listen", { listen: "6335; include /etc/passwd" }],
  ["qdrant", { qdrant: "10.0.0.5:6333\n" }],
  ["certificate", { certificate: { certificate: '/c.pem"; include "/x', key: "/k.pem" } }],
  ["key", { certificate: { certificate: "/c.pem", key: "/$k.pem" } }],
  ["qdrantCa", { qdrantCa: "/{ca}.pem", qdrantName: "qdrant" }],
])("%s that nginx would read as more than itself is refused", (name, over) => {
  expect(() => gatewayConfiguration({ ...options, ...over })).toThrow(`${name} of the Qdrant gateway must be`);
});
